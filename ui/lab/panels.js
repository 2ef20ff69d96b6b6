// The charts beside the exhibit. Scales are fixed, except the loss's, which grows and never shrinks.

/** A canvas's context in CSS pixels, cleared, at the size that the page gives it. */
function begin(canvas) {
  const box = canvas.getBoundingClientRect();
  const ratio = Math.min(window.devicePixelRatio || 1, 2);
  const [w, h] = [Math.max(1, Math.round(box.width * ratio)), Math.max(1, Math.round(box.height * ratio))];
  if (canvas.width !== w || canvas.height !== h) [canvas.width, canvas.height] = [w, h];
  const context = canvas.getContext("2d");
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.clearRect(0, 0, box.width, box.height);
  return { context, width: box.width, height: box.height };
}

function write(context, text, x, y, style, { align = "left", base = "alphabetic", colour = style.text, bold = false } = {}) {
  context.font = `${bold ? 600 : 400} ${style.size}px ${style.font}`;
  context.textAlign = align;
  context.textBaseline = base;
  context.fillStyle = colour;
  context.fillText(text, x, y);
}

const nice = (value) => [5, 10, 20, 30, 40, 60, 80, 100, 150, 200].find((v) => v >= value) ?? Math.ceil(value / 100) * 100;

/**
 * The weighted terms, stacked: what is highest is the total. course: {invariance, variance, covariance} arrays, a value
 * a step; events: [{step, text}] are marked.
 */
export function drawCourse(canvas, course, events, style) {
  const { context, width, height } = begin(canvas);
  const steps = course.invariance.length, span = Math.max(200, steps);
  const left = 2.4 * style.size, bottom = height - 1.5 * style.size, top = 0.6 * style.size, right = width - 4;
  let highest = 0;
  for (let i = 0; i < steps; i++) {
    highest = Math.max(highest, course.invariance[i] + course.variance[i] + course.covariance[i]);
  }
  const most = nice(Math.min(highest, 400));
  const X = (step) => left + ((right - left) * step) / span, Y = (value) => bottom - ((bottom - top) * Math.min(value, most)) / most;
  context.lineWidth = 1;
  context.strokeStyle = style.faint;
  for (const tick of bottom - top > 3 * style.size ? [0, most / 2, most] : [0, most]) {
    context.beginPath();
    context.moveTo(left, Y(tick));
    context.lineTo(right, Y(tick));
    context.stroke();
    write(context, String(tick), left - 5, Y(tick), style, { align: "right", base: "middle", colour: style.soft });
  }
  for (const step of [0, span]) {
    write(context, step ? `step ${step.toLocaleString("en")}` : "0", X(step), height, style, { align: step ? "right" : "center", base: "bottom", colour: style.soft });
  }
  if (!steps) return;
  const stride = Math.max(1, Math.ceil(steps / Math.max(1, right - left)));
  const base = new Float64Array(Math.ceil(steps / stride));
  for (const term of ["invariance", "variance", "covariance"]) {
    const above = base.map((value, k) => {
      let sum = 0, n = 0;
      for (let i = k * stride; i < Math.min(steps, (k + 1) * stride); i++, n++) sum += course[term][i];
      return value + sum / n;
    });
    context.beginPath();
    above.forEach((value, k) => context.lineTo(X((k + 1) * stride), Y(value)));
    for (let k = base.length - 1; k >= 0; k--) context.lineTo(X((k + 1) * stride), Y(base[k]));
    context.closePath();
    context.fillStyle = style[term];
    context.fill();
    base.set(above);
  }
  context.beginPath();
  base.forEach((value, k) => context.lineTo(X((k + 1) * stride), Y(value)));
  context.strokeStyle = style.text;
  context.lineWidth = 1.5;
  context.stroke();
  context.setLineDash([3, 3]);
  let free = -Infinity;
  for (const { step, text } of events) {
    context.beginPath();
    context.moveTo(X(step), top);
    context.lineTo(X(step), bottom);
    context.stroke();
    context.font = `400 ${style.size}px ${style.font}`;
    const wide = context.measureText(text).width;
    const at = Math.min(X(step) + 4, right - wide);
    if (at < free) continue; // no room beside the label before
    write(context, text, at, top + 0.7 * style.size, style, { base: "middle" });
    free = at + wide + 4;
  }
  context.setLineDash([]);
}

/** The standard deviation of every dimension, with the line at gamma; the scale ends at 1.5. */
export function drawStds(canvas, std, style) {
  const { context, width, height } = begin(canvas);
  const D = std.length, most = 1.5, left = 1.9 * style.size, bottom = height - 1.5 * style.size, top = 4;
  const Y = (value) => bottom - ((bottom - top) * Math.min(value, most)) / most;
  const step = (width - left) / D, wide = Math.min(0.7 * step, 3 * style.size);
  for (let j = 0; j < D; j++) {
    context.fillStyle = style.variance;
    context.fillRect(left + (j + 0.5) * step - wide / 2, Y(std[j]), wide, Math.max(1, bottom - Y(std[j])));
    if (D <= 8) write(context, String(j + 1), left + (j + 0.5) * step, height - 2, style, { align: "center", colour: style.soft });
  }
  context.strokeStyle = style.text;
  context.lineWidth = 1.5;
  context.setLineDash([5, 4]);
  context.beginPath();
  context.moveTo(left - 2, Y(1));
  context.lineTo(width, Y(1));
  context.stroke();
  context.setLineDash([]);
  write(context, "γ=1", left - 4, Y(1), style, { align: "right", base: "middle" });
  write(context, "0", left - 6, bottom, style, { align: "right", base: "middle", colour: style.soft });
}

/** The covariances (D, D): on the diagonal the variances, beside it what the covariance term wants to be 0. */
export function drawCovariances(canvas, covariance, D, style) {
  const { context, width, height } = begin(canvas);
  const side = Math.min(width, height - 2), left = (width - side) / 2, cell = side / D;
  for (let j = 0; j < D; j++) {
    for (let k = 0; k < D; k++) {
      const value = covariance[j * D + k];
      const [x, y] = [left + k * cell, 1 + j * cell];
      context.fillStyle = style.panel;
      context.fillRect(x, y, cell - 1, cell - 1);
      context.globalAlpha = Math.min(1, Math.abs(value)) * 0.9;
      context.fillStyle = j === k ? style.variance : style.covariance;
      context.fillRect(x, y, cell - 1, cell - 1);
      context.globalAlpha = 1;
      if (cell < 2.4 * style.size) continue; // no room for a number
      const dark = Math.abs(value) > 0.55;
      const text = Math.abs(value) < 0.005 ? "0" : value.toFixed(2).replace("-", "−");
      write(context, text, x + cell / 2, y + cell / 2, style, { align: "center", base: "middle", bold: true, colour: dark ? "#000" : style.text });
    }
  }
}

/** Of the 10 nearest, how many share digit, ink and paper; a mark at what guessing gives. */
export function drawShares(canvas, share, style) {
  const { context, width, height } = begin(canvas);
  const names = ["digit", "ink", "paper"], guess = [0.1, 1 / 6, 1 / 6];
  const left = 3.4 * style.size, right = width - 2.6 * style.size, row = height / 3, tall = Math.min(row - 4, 1.4 * style.size);
  names.forEach((name, i) => {
    const y = i * row + row / 2, X = (value) => left + (right - left) * value;
    write(context, name, left - 6, y, style, { align: "right", base: "middle" });
    context.fillStyle = style.panel;
    context.fillRect(left, y - tall / 2, right - left, tall);
    context.fillStyle = style.primary;
    context.fillRect(left, y - tall / 2, (right - left) * share[i], tall);
    context.strokeStyle = style.text;
    context.lineWidth = 2;
    context.beginPath();
    context.moveTo(X(guess[i]), y - tall / 2 - 2);
    context.lineTo(X(guess[i]), y + tall / 2 + 2);
    context.stroke();
    write(context, (10 * share[i]).toFixed(1), right + 6, y, style, { base: "middle", bold: true });
  });
}
