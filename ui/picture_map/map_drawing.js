// One map: its canvases, what is drawn on them, and the picture beside the pointer.

import { createCamera } from "./camera.js";
import { centresOf, nearestOnMap } from "./geometry.js";
import { followHand } from "./pointer.js";
import { createOverlay } from "./overlay.js";
import { createRaster } from "./raster.js";
import { between, boundsOf, moments, numbers } from "./unpack.js";

const NEAR = 14; // pixels a picture must have to be drawn as one
const LARGEST = 64; // pixels that a picture on the map grows to
const FILLED = 0.4; // share of the map that all pictures would cover without overlap, before zooming
const FADED = 0.13;
const TOGETHER = 60; // pixels: points closer together than that are left without names over them
const HEAP = 34; // pixels: points closer together than that are one spot, which is said
const GLIDE = 700; // milliseconds from one map's places to another's

export function createPanel(state, act) {
  const element = document.createElement("figure");
  element.className = "map";
  element.innerHTML = `<figcaption><span class="spot accent"></span><b class="title"></b> <span class="moment"></span><span class="note"></span></figcaption>
    <div class="glass"><canvas class="points"></canvas><canvas class="over" tabindex="0" role="application"></canvas>
    <div class="peek" hidden><span class="picture"></span><span class="name"></span></div></div>`;
  const find = (name) => element.querySelector(`.${name}`);
  const camera = createCamera(), raster = createRaster(find("points")), overlay = createOverlay(find("over"));
  let frames = [], xy = new Float32Array(), glide = null, centres = null, stale = true, values = {}, kept = null, width = 0, height = 0, pixels = 0;

  const panel = {
    element, canvas: find("over"), camera, data: {}, neighbours: null, k: 0,
    xy: () => xy,

    take(data, lists) {
      const same = xy.length === 2 * state.count && panel.data.xy !== data.xy;
      const before = same && !state.calm ? Float32Array.from(xy) : null;
      if (panel.data.xy !== data.xy || xy.length !== 2 * state.count) {
        frames = moments(data.xy, state.count);
        xy = new Float32Array(2 * state.count);
        between(frames, state.frame, xy);
        camera.fit(data.fixed ? [0, 0, 1, 1] : boundsOf(frames));
        glide = before ? { from: before, began: performance.now() } : null;
      }
      panel.data = data;
      values = Object.fromEntries(Object.entries(data.values ?? {}).map(([title, text]) => [title, numbers(text, 1)]));
      panel.neighbours = data.neighbours === null ? null : lists[data.neighbours];
      panel.k = data.k;
      [kept, stale] = [null, true];
      find("title").textContent = data.title;
      find("note").textContent = data.note;
      find("accent").hidden = !data.accent;
      find("accent").style.background = data.accent;
      find("note").hidden = !data.note;
      find("over").setAttribute("aria-label", `${data.title}. ${state.alt} Arrow keys move the map under the ring, plus and minus zoom, Enter chooses the picture in the middle, Space marks those in the ring, Escape clears.`);
    },

    /** The colouring of this map: { names, colours, css, values, ordered }. */
    colouring() {
      const asked = state.colourings[panel.data.colouring ?? state.colouring], own = values[asked.title] ?? asked.values;
      return own ? { ...asked, values: own } : state.colourings[0];
    },
    /** A colouring's groups as this map has them, or null where it has none. */
    groups: (colouring) => values[colouring.title] ?? colouring.values,

    /** Each neighbour of a point at this moment, nearest first, and whether it is among as many nearest on the map. */
    neighboursOf(i) {
      if (!panel.neighbours) return [];
      const of = panel.neighbours, k = panel.k, all = k * state.count;
      const first = all * Math.min(of.length / all - 1, Math.max(0, Math.round(state.frame))) + i * k;
      const judged = !panel.data.nearest;
      if (judged && (kept?.of !== i || kept.stale !== stale)) kept = { of: i, set: new Set(nearestOnMap(xy, i, k)) };
      return Array.from(of.subarray(first, first + k), (point) => ({ point, kept: !judged || kept.set.has(point) }));
    },

    /** Takes the size that the style sheet gives the map, and the screen's pixels. */
    measure() {
      const { clientWidth: wide, clientHeight: high } = find("glass");
      if (!wide || (wide === width && high === height && devicePixelRatio === pixels)) return;
      [width, height, pixels] = [wide, high, devicePixelRatio];
      camera.resize(wide, high);
      raster.resize(wide, high);
      overlay.resize(wide, high);
    },
    restyle() {
      raster.forget();
      overlay.restyle(state.style);
    },

    /** Moves points to where they are at this moment; whether they have further to go. */
    step(now) {
      if (!glide && frames.length < 2) return false;
      between(frames, state.frame, xy);
      [stale, kept] = [true, null];
      const share = glide ? Math.min(1, (now - glide.began) / GLIDE) : 1;
      if (share < 1) {
        const eased = share * share * (3 - 2 * share);
        for (let i = 0; i < xy.length; i++) xy[i] = glide.from[i] + eased * (xy[i] - glide.from[i]);
      } else glide = null;
      return share < 1;
    },
    tell: (moment) => (find("moment").textContent = moment),
    draw,
  };

  /** How large pictures are on the map now, and whether they are pictures or dots. */
  function sizes() {
    const side = Math.min(LARGEST, Math.sqrt((FILLED * width * height) / Math.max(1, state.count)) * camera.zoom);
    const radius = (state.count > 5000 ? 2.4 : state.count > 1500 ? 3.4 : 4.6) * Math.min(2.2, camera.zoom ** 0.35);
    return { side, radius, near: state.atlas !== null && side >= NEAR };
  }

  function draw() {
    const { side, radius, near } = sizes(), { colours, values: group } = panel.colouring(), { ring, ground } = state.style;
    raster.clear(ground);
    const { x: cx, y: cy, scale } = camera, edge = near ? side : radius, dots = colours.map((colour) => raster.dotOf(radius, colour, ring));
    let seen = 0;
    for (const pass of state.fading() ? [0, 1] : [1]) {
      for (let i = 0; i < state.count; i++) {
        const clear = state.clear(i, panel) ? 1 : 0;
        if (clear !== pass) continue;
        const x = width / 2 + (xy[2 * i] - cx) * scale, y = height / 2 - (xy[2 * i + 1] - cy) * scale;
        if (x < -edge || y < -edge || x > width + edge || y > height + edge) continue;
        seen += 1;
        const picture = near && clear ? state.atlas.find(state.numbers[i]) : null;
        if (picture) raster.picture(x, y, side, colours[group[i]], picture, state.atlas.side, 1);
        else raster.dot(x, y, dots[group[i]], clear ? 1 : FADED);
      }
    }
    raster.show();
    drawOver({ side, radius, near });
    return seen;
  }

  function drawOver({ side, radius, near }) {
    const place = (i) => camera.toScreen(xy[2 * i], xy[2 * i + 1]), size = near ? side * 0.75 : radius + 4;
    const colouring = panel.colouring(), { names, css, values: group } = colouring, { hovered, chosen } = state;
    overlay.clear();
    const { ring } = panel.data;
    if (ring) overlay.dashed(camera.toScreen(0.5, 0.5), ring.radius * camera.scale, ring.colour);
    for (const [one, other] of panel.data.joined) {
      if (state.clear(one, panel)) overlay.neighbours(place(one), [{ place: place(other), kept: true, colour: css[group[other]] }]);
    }
    if (chosen >= 0) {
      overlay.neighbours(place(chosen), panel.neighboursOf(chosen).map((end) => ({ ...end, place: place(end.point), colour: css[group[end.point]] })));
      overlay.chosen(place(chosen), size + 2);
    }
    const box = boundsOf([xy]), together = Math.max(box[2] - box[0], box[3] - box[1]) * camera.scale < TOGETHER;
    if (Math.max(box[2] - box[0], box[3] - box[1]) * camera.scale < HEAP && chosen < 0) {
      overlay.heap(camera.toScreen((box[0] + box[2]) / 2, (box[1] + box[3]) / 2), `all ${state.count.toLocaleString("en")} ${state.atlas ? "pictures" : "points"} are here`);
    }
    if (!colouring.ordered && names.length <= 12 && chosen < 0 && !together) {
      if (stale) centres = centresOf(xy, group, names.length, box);
      overlay.names(centres.flatMap((centre, i) => {
        if (!centre) return [];
        const [x, y] = camera.toScreen(...centre);
        const faded = state.lit !== null && state.colourings[state.lit.colouring].title === colouring.title && state.lit.group !== i;
        return x > 0 && y > 0 && x < width && y < height ? [{ name: names[i], colour: css[i], place: [x, y], faded }] : [];
      }));
      stale = false;
    }
    if (hovered >= 0) overlay.hovered(place(hovered), size);
    if (hand.aim()) overlay.aim(hand.aim());
    overlay.lasso(hand.lasso());
    peek(state.peeking === panel && (hovered !== chosen || state.touched) ? hovered : -1, place);
  }

  /** The picture under the pointer, large, beside it. */
  function peek(i, place) {
    const box = find("peek");
    box.hidden = i < 0;
    if (i < 0) return;
    const [x, y] = place(i);
    find("name").textContent = state.captionOf(i, panel);
    const picture = find("picture");
    picture.hidden = state.atlas === null;
    if (state.atlas) state.atlas.paint(picture, state.numbers[i], 3);
    const right = x < width / 2;
    Object.assign(box.style, { left: right ? `${x + 18}px` : "auto", right: right ? "auto" : `${width - x + 18}px`, top: `${Math.max(4, Math.min(height - 140, y - 60))}px` });
  }

  find("points").addEventListener("contextrestored", act.redraw);
  find("over").addEventListener("contextrestored", () => {
    overlay.resize(width, height);
    act.redraw();
  });
  const hand = followHand(
    {
      canvas: find("over"), camera, xy: () => xy, open: (i) => state.clear(i, panel, false),
      reach: (touch) => (sizes().near ? sizes().side * 0.7 : 10) + (touch ? 8 : 0),
    },
    state,
    { ...act, hover: (i) => act.hover(i, panel), moved: () => { find("over").classList.toggle("zoomed", camera.zoom > 1); act.redraw(); } },
  );
  return panel;
}
