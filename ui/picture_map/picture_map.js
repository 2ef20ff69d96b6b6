// Maps of pictures side by side: one choice, one lasso and one legend for all. Streamlit calls the default export.

import { noted, recalled } from "./address.js";
import { createAtlas } from "./atlas.js";
import { watchScrolling } from "./pointer.js";
import { fillLegend } from "./legend.js";
import { fillChosen, fillGallery } from "./picture_lists.js";
import { createPanel } from "./map_drawing.js";
import { readColour, watchPixels } from "./raster.js";
import { numbers } from "./unpack.js";

const EVENT = "vicreg-map"; // between components of one page: { link, frame } or { link, chosen }, chosen a picture's number
const GLIDING = 500; // milliseconds for a moment that Python asks for
const RATED = 30; // frames over which frames a second are counted

const instances = new WeakMap(); // Streamlit calls again with other data, and when the theme changes

export default function ({ data, parentElement, setStateValue }) {
  let map = instances.get(parentElement);
  if (!map) {
    map = createPictureMap(parentElement.querySelector(".picture-map"));
    instances.set(parentElement, map);
  }
  map.take(data, setStateValue);
  return () => {
    instances.delete(parentElement);
    map.end();
  };
}

function createPictureMap(root) {
  const find = (name) => root.querySelector(`.${name}`);
  const calm = matchMedia("(prefers-reduced-motion: reduce)");
  const state = {
    count: 0, numbers: [], atlas: null, colourings: [], colouring: 0, frame: 0, alt: "", style: {}, calm: false,
    hovered: -1, peeking: null, chosen: -1, marked: null, lasso: false, touched: false,
    lit: null, kept: null, // the group shown alone now, and the one that a click keeps so: { colouring, group }
    fading: () => state.lit !== null || state.marked !== null,
    /** Whether a point is drawn in full: of the group shown alone, and marked if any are. panel: whose groups. */
    clear(i, panel, marks = true) {
      const { lit, marked } = state;
      if (lit) {
        const colouring = state.colourings[lit.colouring], group = panel?.groups(colouring) ?? colouring.values ?? panels[0].groups(colouring);
        if (group && group[i] !== lit.group) return false;
      }
      return !marks || !marked || Boolean(panel === null || marked[i]);
    },
    markedPoints: () => (state.marked ? Array.from(state.marked.keys()).filter((i) => state.marked[i]) : []),
    nameOf: (i) => state.colourings[0].names[state.colourings[0].values[i]],
    cssOf: (i) => state.colourings[0].css[state.colourings[0].values[i]],
    captionOf(i, panel = null) {
      const also = panel?.colouring(), more = also && also.title !== state.colourings[0].title ? `, ${also.names[also.values[i]]}` : "";
      return `${state.nameOf(i)}, test picture ${state.numbers[i].toLocaleString("en")}${more}`;
    },
  };
  let data = {}, panels = [], tell = () => {}, asked = 0, drawn = [], glide = null, ended = false, sent = "";

  // ------------------------------------------------------------------------------------------------ what is done

  const act = {
    redraw,
    hover(i, panel) {
      if (i === state.hovered && panel === state.peeking) return;
      Object.assign(state, { hovered: i, peeking: panel });
      redraw();
    },
    choose(i, quietly = false) {
      state.chosen = i === state.chosen ? -1 : i;
      fillChosen(find("chosen"), state, panels, act);
      act.say(state.chosen);
      if (!quietly && data.link) announce({ chosen: state.chosen < 0 ? null : state.numbers[state.chosen] });
      report();
      redraw();
    },
    /** more: whether to the marked ones, or instead of them. */
    mark(points, more) {
      if (!more || !state.marked) state.marked = new Uint8Array(state.count);
      for (const i of points) state.marked[i] = 1;
      if (!state.marked.includes(1)) state.marked = null;
      fillGallery(find("gallery"), state, act);
      find("spoken").textContent = `Pictures marked: ${state.markedPoints().length}.`;
      report();
      redraw();
    },
    unmark: () => act.mark([], false),
    canvas: () => panels[0].canvas,
    clear() {
      if (state.chosen >= 0) act.choose(state.chosen);
      else if (state.marked) act.unmark();
      else act.light(null, true);
    },
    light(lit, keep) {
      if (keep) state.kept = lit;
      state.lit = lit ?? state.kept;
      if (keep) showLegend(), fillGallery(find("gallery"), state, act), report();
      redraw();
    },
    say: (i) => i >= 0 && (find("spoken").textContent = state.captionOf(i)),
  };

  const announce = (detail) => document.dispatchEvent(new CustomEvent(EVENT, { detail: { link: data.link, ...detail } }));

  function hear({ detail }) {
    if (ended || !data.link || detail.link !== data.link) return;
    if (detail.frame !== undefined) showMoment(detail.frame);
    if (detail.chosen !== undefined) {
      const i = detail.chosen === null ? -1 : state.numbers.indexOf(detail.chosen);
      if (i !== state.chosen) act.choose(i, true);
    }
  }

  /** Tells Python what is chosen and marked, where the page asked for it. */
  function report() {
    noted(data.key, state, data.colouring);
    if (!data.report) return;
    const chosen = state.chosen < 0 ? null : state.numbers[state.chosen], marked = state.markedPoints().map((i) => state.numbers[i]);
    const now = JSON.stringify([chosen, marked]);
    if (now === sent) return;
    sent = now;
    tell("chosen", chosen);
    tell("marked", marked);
  }

  function showMoment(number) {
    const before = Math.round(state.frame);
    glide = null;
    state.frame = number;
    tellMoment();
    if (state.chosen >= 0 && Math.round(number) !== before) fillChosen(find("chosen"), state, panels, act);
    redraw();
  }

  function tellMoment() {
    for (const panel of panels) panel.tell(data.moments?.[Math.round(state.frame)] ?? "");
  }

  // ------------------------------------------------------------------------------------------------ what comes in

  function take(found, setStateValue) {
    tell = setStateValue;
    state.calm = calm.matches;
    if (JSON.stringify(found) !== JSON.stringify(data)) load(found);
    measure();
  }

  function load(found) {
    const before = data, labels = ({ colourings }) => colourings?.[0].values; // other pictures have other classes
    const same = found.numbers === before.numbers && labels(found) === labels(before);
    data = found;
    Object.assign(state, { count: data.count, numbers: Array.from(numbers(data.numbers, 4)), alt: data.alt });
    if (!same) Object.assign(state, { chosen: -1, marked: null, hovered: -1, peeking: null });
    state.colourings = data.colourings.map(({ values, colours, ...rest }) => ({
      ...rest, css: colours, colours: colours.map(readColour), values: values && numbers(values, 1),
    }));
    if (JSON.stringify(before.colourings?.map(({ title, names }) => [title, names])) !== JSON.stringify(data.colourings.map(({ title, names }) => [title, names]))) {
      Object.assign(state, { colouring: data.colouring, lit: null, kept: null });
    }
    if (JSON.stringify(before.atlas) !== JSON.stringify(data.atlas)) {
      state.atlas = data.atlas && createAtlas(data.atlas, arrived, () => say("The pictures could not be loaded, so this shows dots. Load the page again."));
    }
    if (!before.numbers) Object.assign(state, recalled(data.key, state)); // a link to this very view
    else if (!same) report(); // and out of the address, too
    say(data.words);
    if (before.frame === undefined || calm.matches) state.frame = data.frame;
    else if (data.frame !== before.frame) glide = { from: state.frame, to: data.frame, began: performance.now() };
    const lists = data.neighbours.map((text) => numbers(text, 2));
    while (panels.length > data.panels.length) panels.pop().element.remove();
    while (panels.length < data.panels.length) panels.push(createPanel(state, act));
    if (data.height) root.style.setProperty("--high", `${data.height}px`);
    root.classList.toggle("fixed", Boolean(data.height));
    find("maps").replaceChildren(...panels.map(({ element }) => element));
    panels.forEach((panel, i) => panel.take(data.panels[i], lists));
    root.style.setProperty("--count", panels.length);
    root.classList.toggle("compact", Boolean(data.compact));
    tellMoment();
    showTools();
    showLegend();
    fillChosen(find("chosen"), state, panels, act);
    fillGallery(find("gallery"), state, act);
    if (data.link) announce({ ask: true });
  }

  function arrived() {
    fillChosen(find("chosen"), state, panels, act);
    fillGallery(find("gallery"), state, act);
    redraw();
  }

  function say(words) {
    find("words").textContent = words ?? "";
    find("words").hidden = !words;
  }

  function showTools() {
    const fixed = panels.every((panel) => panel.data.colouring !== null && panel.data.colouring !== undefined);
    find("colouring").replaceChildren(...(fixed || state.colourings.length < 2 ? [] : state.colourings).map(({ title }, i) => {
      const button = document.createElement("button");
      Object.assign(button, { type: "button", textContent: title });
      button.setAttribute("aria-pressed", String(i === state.colouring));
      button.onclick = () => {
        Object.assign(state, { colouring: i, lit: null, kept: null });
        for (const [j, other] of [...find("colouring").children].entries()) other.setAttribute("aria-pressed", String(i === j));
        showLegend();
        report();
        fillGallery(find("gallery"), state, act);
        redraw();
      };
      return button;
    }));
    for (const [name, lasso] of [["pan", false], ["draw", true]]) {
      find(name).setAttribute("aria-pressed", String(state.lasso === lasso));
      find(name).onclick = () => {
        state.lasso = lasso;
        root.classList.toggle("drawing", lasso);
        showTools();
      };
    }
    const everywhere = (change) => () => {
      for (const { camera } of panels) change(camera);
      redraw();
    };
    find("in").onclick = everywhere((camera) => camera.zoomAt(1.5));
    find("out").onclick = everywhere((camera) => camera.zoomAt(1 / 1.5));
    find("whole").onclick = everywhere((camera) => camera.reset());
  }

  function showLegend() {
    const shown = [...new Set(panels.map((panel) => panel.data.colouring ?? state.colouring))];
    fillLegend(find("legend"), state, shown, act);
  }

  // ------------------------------------------------------------------------------------------------ how it is drawn

  function restyle() {
    const style = getComputedStyle(root), text = readColour(style.color), of = (name, other) => style.getPropertyValue(name).trim() || other;
    const background = of("--st-background-color", "#ffffff"), primary = of("--st-primary-color", "#832db6");
    const ground = readColour(background), dark = ground[0] + ground[1] + ground[2] < 384;
    state.style = {
      background, primary, ground, ring: dark ? [235, 235, 235] : [40, 40, 40], text: `rgb(${text})`,
      font: style.fontFamily, size: parseFloat(style.fontSize) - 1, wash: `${primary}22`,
    };
    for (const panel of panels) panel.restyle();
  }

  function measure() {
    restyle(); // text is larger in presenter mode
    for (const panel of panels) panel.measure();
    redraw();
  }

  function redraw() {
    if (!asked && !ended) asked = requestAnimationFrame(tick);
  }

  function tick(now) {
    asked = 0;
    if (ended) return;
    if (glide) {
      const share = Math.min(1, (now - glide.began) / GLIDING);
      state.frame = glide.from + share * (glide.to - glide.from);
      if (share === 1) glide = null;
      tellMoment();
      redraw();
    }
    const began = performance.now();
    let seen = 0;
    for (const panel of panels) {
      if (panel.step(now)) redraw();
      seen += panel.draw();
    }
    const after = performance.now();
    drawn = now - (drawn.at(-1) ?? now) > 500 ? [now] : [...drawn.slice(1 - RATED), now];
    Object.assign(root.dataset, {
      points: seen, cost: (after - began).toFixed(1), frame: state.frame, chosen: state.chosen < 0 ? "" : state.numbers[state.chosen],
      frames: drawn.length < RATED ? "" : ((1000 * (drawn.length - 1)) / (now - drawn[0])).toFixed(1),
    });
  }

  const observer = new ResizeObserver(measure);
  observer.observe(root);
  const unwatch = [watchScrolling(), watchPixels(measure)];
  document.addEventListener(EVENT, hear);
  redraw();
  return {
    take,
    end() {
      ended = true;
      observer.disconnect();
      for (const stop of unwatch) stop();
      document.removeEventListener(EVENT, hear);
    },
  };
}
