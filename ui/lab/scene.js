// The main view: each picture at its embedding, on fixed axes, so that a collapse is visible.

import { SIDE } from "./pictures.js";

const REACH = 3.2; // what the shorter side shows, each way from the middle, in units of the embedding
const PULL = 0.06; // length of an arrow per unit of pull
const LONGEST = 1.3;

/** A sheet of small pictures, enlarged without smoothing and framed, from which each is drawn by one copy. */
function makeSheet(pixels, count, side, frame, frames, ratio) {
  const small = document.createElement("canvas");
  const columns = Math.ceil(Math.sqrt(count));
  small.width = small.height = columns * SIDE;
  const context = small.getContext("2d");
  const tile = context.createImageData(SIDE, SIDE);
  const cell = Math.round((side + 2 * frame) * ratio), inner = Math.round(side * ratio), edge = (cell - inner) / 2;
  const sheet = document.createElement("canvas");
  sheet.width = sheet.height = columns * cell;
  const large = sheet.getContext("2d");
  large.imageSmoothingEnabled = false;
  for (let i = 0; i < count; i++) {
    for (let p = 0; p < SIDE * SIDE; p++) {
      for (let c = 0; c < 3; c++) tile.data[4 * p + c] = 255 * pixels[(i * SIDE * SIDE + p) * 3 + c];
      tile.data[4 * p + 3] = 255;
    }
    const column = i % columns, row = Math.floor(i / columns);
    context.putImageData(tile, column * SIDE, row * SIDE);
    large.fillStyle = frames(i);
    large.fillRect(column * cell, row * cell, cell, cell);
    large.drawImage(small, column * SIDE, row * SIDE, SIDE, SIDE, column * cell + edge, row * cell + edge, inner, inner);
  }
  return { sheet, small, columns, cell };
}

/** Draws on a canvas; `draw` takes what there is to see. */
export function createScene(canvas) {
  const context = canvas.getContext("2d");
  let width = 0, height = 0, ratio = 1, sheet = null, sheetOf = "", viewSheet = null, viewsOf = null;

  const unit = () => Math.min(width, height) / 2 / REACH;
  const toScreen = (x, y) => [width / 2 + x * unit(), height / 2 - y * unit()];
  const toPlane = (x, y) => [(x - width / 2) / unit(), (height / 2 - y) / unit()];
  const inside = ([x, y], margin) => [
    Math.min(Math.max(x, margin), width - margin), Math.min(Math.max(y, margin), height - margin),
  ];
  const side = (points) => (points ? 32 : Math.min(width, height) < 330 ? 16 : Math.min(width, height) > 720 ? 32 : 24);

  /** Takes the size that the page gives the canvas, and the pixel ratio of the screen. */
  function resize() {
    const box = canvas.getBoundingClientRect();
    const now = Math.min(window.devicePixelRatio || 1, 2);
    if (box.width === width && box.height === height && now === ratio) return;
    [width, height, ratio] = [box.width, box.height, now];
    canvas.width = Math.round(width * ratio);
    canvas.height = Math.round(height * ratio);
  }

  /** The sheets are made again: what was drawn on them is lost with the graphics memory. */
  function forget() {
    sheetOf = "";
    viewsOf = null;
  }

  function line(x1, y1, x2, y2) {
    context.beginPath();
    context.moveTo(x1, y1);
    context.lineTo(x2, y2);
    context.stroke();
  }

  function axes({ style }) {
    const u = unit();
    context.strokeStyle = style.faint;
    context.lineWidth = 1;
    line(0, height / 2, width, height / 2);
    line(width / 2, 0, width / 2, height);
    context.fillStyle = style.soft;
    context.font = `${style.size}px ${style.font}`;
    context.textAlign = "center";
    context.textBaseline = "top";
    for (let t = -Math.floor(width / 2 / u - 0.3); t <= width / 2 / u - 0.3; t++) {
      if (!t) continue;
      const [x, y] = toScreen(t, 0);
      line(x, y - 3, x, y + 3);
      context.fillText(String(t).replace("-", "−"), x, y + 6);
    }
    context.textAlign = "right";
    context.textBaseline = "middle";
    for (const t of [-2, -1, 1, 2]) {
      const [x, y] = toScreen(0, t);
      line(x - 3, y, x + 3, y);
      context.fillText(String(t).replace("-", "−"), x - 7, y);
    }
  }

  /** The target: one standard deviation of gamma each way. */
  function circle({ style }) {
    context.setLineDash([6, 5]);
    context.beginPath();
    context.arc(width / 2, height / 2, unit(), 0, 2 * Math.PI);
    context.strokeStyle = style.background;
    context.lineWidth = 4;
    context.globalAlpha = 0.6;
    context.stroke();
    context.strokeStyle = style.variance;
    context.lineWidth = 2;
    context.globalAlpha = 1;
    context.stroke();
    context.setLineDash([]);
  }

  /** Text on a patch of background, which keeps it legible above pictures. x, y: its top left corner. */
  function label(text, x, y, style) {
    context.font = `${style.size}px ${style.font}`;
    context.textAlign = "left";
    context.textBaseline = "top";
    context.fillStyle = style.panel;
    context.globalAlpha = 0.8;
    context.fillRect(x - 4, y - 3, context.measureText(text).width + 8, style.size + 6);
    context.globalAlpha = 1;
    context.fillStyle = style.text;
    context.fillText(text, x, y);
  }

  function names({ style, labels }) {
    context.font = `${style.size}px ${style.font}`;
    label(labels[0], width - context.measureText(labels[0]).width - 6, height / 2 - style.size - 6, style);
    label(labels[1], width / 2 + 8, 40, style);
    const [x, y] = toScreen(0.707, -0.707);
    label("target spread: std = γ", x + 8, y + 5, style);
  }

  function arrow(x, y, dx, dy, colour) {
    const length = Math.hypot(dx, dy);
    if (length < 0.02) return;
    const shown = Math.min(length, LONGEST) / length;
    const [x1, y1] = toScreen(x, y), [x2, y2] = toScreen(x + dx * shown, y + dy * shown);
    const angle = Math.atan2(y2 - y1, x2 - x1);
    for (const [stroke, wide] of [["#fff", 6], [colour, 3]]) {
      context.strokeStyle = stroke;
      context.lineWidth = wide;
      context.lineCap = "round";
      line(x1, y1, x2, y2);
      context.beginPath();
      for (const turn of [2.6, -2.6]) {
        context.moveTo(x2, y2);
        context.lineTo(x2 + 9 * Math.cos(angle + turn), y2 + 9 * Math.sin(angle + turn));
      }
      context.stroke();
    }
    context.lineCap = "butt";
  }

  function picture(source, index, x, y, size, frame, colour) {
    const half = size / 2;
    context.fillStyle = colour;
    context.fillRect(x - half - frame, y - half - frame, size + 2 * frame, size + 2 * frame);
    context.imageSmoothingEnabled = false;
    const column = index % source.columns, row = Math.floor(index / source.columns);
    context.drawImage(source.small, column * SIDE, row * SIDE, SIDE, SIDE, x - half, y - half, size, size);
  }

  function forces(pulls, style) {
    for (let i = 0; i < pulls.count; i++) {
      const [x, y] = [pulls.places[2 * i], pulls.places[2 * i + 1]];
      for (const term of ["invariance", "variance", "covariance"]) {
        const pull = pulls[term];
        arrow(x, y, PULL * pull[2 * i], PULL * pull[2 * i + 1], style[term]);
      }
    }
  }

  /**
   * world: {pixels, version, count, xy, frames, framing, labels, style, pairs, choice, near, views, pulls}. xy: (2
   * count) places in the plane; version names the pixels; choice: the enlarged picture, or -1; near: its nearest;
   * views: {pixels, xy} of its two views; pulls: {count, places, one array a term}.
   */
  function draw(world) {
    const { xy, count, style, choice, pairs } = world;
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.clearRect(0, 0, width, height);
    if (!(unit() > 0)) return; // no room on the page
    axes(world);
    if (!count) return;
    const size = side(pairs), frame = world.framing ? 3 : 1;
    const wanted = [world.version, size, world.framing, style.background, ratio].join();
    if (wanted !== sheetOf) {
      sheet = makeSheet(world.pixels, count, size, frame, world.frames, ratio);
      sheetOf = wanted;
    }
    if (pairs) {
      context.strokeStyle = style.invariance;
      context.lineWidth = 2;
      for (let i = 0; i < count; i += 2) {
        line(...toScreen(xy[2 * i], xy[2 * i + 1]), ...toScreen(xy[2 * i + 2], xy[2 * i + 3]));
      }
    }
    context.setTransform(1, 0, 0, 1, 0, 0);
    const { cell, columns } = sheet, u = unit() * ratio, half = cell / 2;
    const [mx, my] = [canvas.width / 2, canvas.height / 2];
    const [right, bottom] = [canvas.width - cell, canvas.height - cell];
    context.globalAlpha = choice >= 0 && !pairs ? 0.35 : world.pulls ? 0.6 : 1; // what is chosen stands out
    for (let i = 0; i < count; i++) {
      const x = Math.min(Math.max(Math.round(mx + u * xy[2 * i] - half), 0), right);
      const y = Math.min(Math.max(Math.round(my - u * xy[2 * i + 1] - half), 0), bottom);
      context.drawImage(sheet.sheet, (i % columns) * cell, Math.floor(i / columns) * cell, cell, cell, x, y, cell, cell);
    }
    context.globalAlpha = 1;
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    circle(world);
    names(world);
    if (choice >= 0) chosen(world, size);
    if (world.pulls) forces(world.pulls, style);
  }

  function chosen({ xy, choice, near, views, style, pairs }, size) {
    const place = (i) => inside(toScreen(xy[2 * i], xy[2 * i + 1]), size / 2);
    const [x, y] = place(choice);
    context.strokeStyle = style.text;
    context.lineWidth = 1.5;
    for (const other of near) line(x, y, ...place(other));
    for (const other of near) picture(sheet, other, ...place(other), size, 2, style.text);
    if (views) {
      if (viewsOf !== views.pixels) {
        viewSheet = makeSheet(views.pixels, 2, size, 1, () => style.background, ratio);
        viewsOf = views.pixels;
      }
      const spots = [0, 1].map((v) => inside(toScreen(views.xy[2 * v], views.xy[2 * v + 1]), size));
      context.strokeStyle = style.invariance;
      context.lineWidth = 3;
      line(...spots[0], ...spots[1]);
      spots.forEach(([a, b], v) => picture(viewSheet, v, a, b, size, 3, style.invariance));
    }
    picture(sheet, choice, x, y, size * 1.5, 3, style.primary);
    if (views) inset(choice, style);
  }

  /** The chosen picture and its two views, large, in the corner: where they lie they may hide each other. */
  function inset(choice, style) {
    const large = 7 * SIDE, gap = 12, top = 44;
    const first = width - 3 * (large + gap);
    context.fillStyle = style.background;
    context.fillRect(first - gap, top - gap, 3 * (large + gap) + gap, large + 2 * gap + style.size + 4);
    ["picture", "view", "view"].forEach((name, i) => {
      const x = first + i * (large + gap) + large / 2;
      picture(i ? viewSheet : sheet, i ? i - 1 : choice, x, top + large / 2, large, 3, i ? style.invariance : style.primary);
      context.fillStyle = style.text;
      context.font = `${style.size}px ${style.font}`;
      context.textAlign = "center";
      context.textBaseline = "top";
      context.fillText(name, x, top + large + 7);
    });
  }

  /** The picture that is drawn at a place of the canvas, or -1; the topmost where several are. */
  function at(x, y, { xy, count, pairs }, slack = 4) {
    let best = -1, least = side(pairs) / 2 + slack;
    for (let i = 0; i < count; i++) {
      const [px, py] = inside(toScreen(xy[2 * i], xy[2 * i + 1]), side(pairs) / 2);
      const far = Math.max(Math.abs(px - x), Math.abs(py - y));
      if (far <= least) [best, least] = [i, far];
    }
    return best;
  }

  return { resize, forget, draw, at, toPlane };
}
