// A small curve with a line for the moment: what is past in full colour, what comes in faint.

const SVG = "http://www.w3.org/2000/svg";
const LEFT = 46, RIGHT = 8, TOP = 8, BOTTOM = 18; // pixels around a drawing
const SHAPE = 0.31, LEAST = 82, MOST = 150; // height over width, and its bounds in pixels

export function element(name, attributes, ...children) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

// As attributes and not in the style sheet, so that a drawing keeps its looks when it is saved as a file.
const AXIS = { stroke: "currentColor", "stroke-opacity": 0.45, fill: "none" };
const RULE = { stroke: "currentColor", "stroke-opacity": 0.6, "stroke-dasharray": "5 4", fill: "none" };
const NOW = { stroke: "currentColor", "stroke-width": 1.5 };
const CURVE = { fill: "none", "stroke-width": 2.5, "stroke-linejoin": "round" };
const COMING = { opacity: 0.28 };

const words = (x, y, text, anchor = "middle") => element("text", { x, y, "text-anchor": anchor, "font-size": 13, fill: "currentColor" }, text);
const path = (points) => points.map(([x, y], i) => `${i ? "L" : "M"}${x.toFixed(1)} ${y.toFixed(1)}`).join("");

/** The frame of a drawing: { svg, x, y } with x and y from numbers to pixels. xs, ys: [first, last], or of a log axis its powers. */
function frame(width, [left, right], [low, high], xWords, yWords) {
  const tall = Math.round(Math.min(MOST, Math.max(LEAST, SHAPE * width)));
  const x = (value) => LEFT + ((value - left) / (right - left || 1)) * (width - LEFT - RIGHT);
  const y = (value) => tall - BOTTOM - ((value - low) / (high - low || 1)) * (tall - TOP - BOTTOM);
  const svg = element("svg", { width, height: tall, viewBox: `0 0 ${width} ${tall}`, "aria-hidden": "true" });
  svg.append(element("path", { ...AXIS, d: `M${LEFT} ${TOP}V${tall - BOTTOM}H${width - RIGHT}` }));
  for (const [value, text] of yWords) svg.append(words(LEFT - 5, y(value) + 4, text, "end"));
  xWords.forEach(([value, text], i) => svg.append(words(x(value), tall - 4, text, i === 0 ? "start" : i === xWords.length - 1 ? "end" : "middle")));
  return { svg, x, y, tall };
}

/** What was last measured at a moment: the number of the last x that is not after it. */
export function lastOf(xs, at) {
  let found = 0;
  for (let i = 0; i < xs.length; i++) if (xs[i] <= at + 1e-6) found = i;
  return found;
}

/** A figure over epochs: { svg, show(at) }. spec: as ui/film/figures.py makes it; end: the clock's last epoch. */
export function createCurve(spec, end, width) {
  const { svg, x, y, tall } = frame(width, [0, end], [0, spec.top], [[0, "0"], [end, `epoch ${end}`]], [[0, "0"], [spec.tick, `${spec.tick}`]]);
  svg.append(element("path", { ...RULE, d: `M${LEFT} ${y(spec.rule)}H${width - RIGHT}` }));
  const name = `past-${Math.random().toString(36).slice(2)}`, shown = element("rect", { x: 0, y: 0, height: tall, width: 0 });
  svg.append(element("clipPath", { id: name }, shown));
  for (const part of [COMING, { "clip-path": `url(#${name})` }]) {
    for (const line of spec.lines) {
      const points = line.x.map((value, i) => [x(value), y(Math.min(spec.top, line.y[i]))]);
      svg.append(element("path", { ...CURVE, d: path(points), stroke: line.colour, ...part }));
      if (points.length < 30) {
        svg.append(...points.map(([cx, cy]) => element("circle", { cx, cy, r: 3, fill: line.colour, ...part })));
      }
    }
  }
  const now = svg.appendChild(element("path", { ...NOW, d: "" }));
  return {
    svg,
    show(at) {
      shown.setAttribute("width", x(at) + 0.5);
      now.setAttribute("d", `M${x(at)} ${TOP}V${tall - BOTTOM}`);
    },
  };
}

/** The spectra at a moment, between two snapshots a mixture of both: { svg, show(at) }. */
export function createSpectrum(spec, width) {
  const place = (direction) => Math.log10(direction);
  const { svg, x, y } = frame(
    width, [0, place(spec.last)], [spec.least, 0], [[0, "direction 1"], [place(spec.last), `${spec.last}`]],
    [[0, "1"], [spec.least, `${10 ** spec.least}`]],
  );
  const drawn = spec.runs.map((run) => svg.appendChild(element("path", { ...CURVE, stroke: run.colour })));
  return {
    svg,
    show(at) {
      spec.runs.forEach((run, number) => {
        const low = lastOf(run.x, at), high = Math.min(run.x.length - 1, low + 1);
        const share = high === low ? 0 : Math.max(0, (at - run.x[low]) / (run.x[high] - run.x[low]));
        drawn[number].setAttribute("d", path(run.directions.map((direction, i) => [
          x(place(direction)), y(run.values[low][i] + share * (run.values[high][i] - run.values[low][i])),
        ])));
      });
    },
  };
}
