// The lab: puts worker, exhibit, readout and controls together. Streamlit calls the default export.

import { defaults, readAddress, writeAddress } from "./address.js";
import { TERMS, buildMore, buildTerms } from "./controls.js";
import { createGame } from "./game.js";
import { followHand } from "./hand.js";
import { readDrawings } from "./pictures.js";
import { closest, directionOf, everyRow, placeOf } from "./places.js";
import { createPoints } from "./points.js";
import { createReadout } from "./readout.js";
import { createScene } from "./scene.js";
import { createSmall } from "./small.js";
import { termPulls } from "./trainer.js";

const REST = 6000; // steps without a touch after which it pauses by itself
const EASE = 70; // milliseconds in which a picture goes two thirds of its way
const DRAWING = 25; // milliseconds a frame: 40 a second, which leaves a single core time for the training
const SAMPLE = Array.from({ length: 14 }, (_, i) => 28 * i + 3); // whose pulls are shown while no picture is chosen

const instances = new WeakMap(); // Streamlit calls again when the theme changes

export default function ({ data, parentElement }) {
  let lab = instances.get(parentElement);
  if (lab) {
    lab.restyle();
  } else {
    lab = createLab(parentElement.querySelector(".lab"), data);
    instances.set(parentElement, lab);
  }
  return () => {
    instances.delete(parentElement);
    lab.end();
  };
}

function createLab(lab, { drawings, labels, colours, hues, links, mini }) {
  const find = (name) => lab.querySelector(`.${name}`);
  const canvas = find("scene"), scene = createScene(canvas);
  const digits = Array.from(labels, Number), strokes = readDrawings(drawings);
  const calm = matchMedia("(prefers-reduced-motion: reduce)");
  const state = {
    ...(mini ? { settings: defaults(2), points: false } : readAddress(location.search)), mini,
    playing: false, speed: 60, run: 0, untouched: 0, // steps since a control was touched
    seen: null, share: null, course: null, events: [], pictures: null, // what the worker told
    target: null, xy: null, // (2 n) places: where the pictures belong, and where they are on their way
    choice: -1, nearest: [], views: null, pulls: null, showing: false, framing: "", style: {}, held: -1, heldUntil: 0,
  };
  let free = null, ended = false, dirty = true, redraw = false, noting = 0;

  for (const [term, colour] of Object.entries(colours.terms)) lab.style.setProperty(`--${term}`, colour);
  lab.classList.toggle("mini", Boolean(mini));

  const source = URL.createObjectURL(new Blob([WORKER_SOURCE], { type: "text/javascript" }));
  const worker = new Worker(source);
  const tell = (type, more = {}) => worker.postMessage({ type, ...more });
  worker.onmessage = ({ data: message }) => {
    URL.revokeObjectURL(source);
    if (message.run !== state.run || state.points) return tell("shown");
    if (message.type === "pictures") state.pictures = { ...message, version: message.run };
    else take(message);
  };
  tell("begin", { drawings, labels });

  /** With reduced motion it plays in steps: one look a second, and nothing glides. */
  function pace() {
    const { speed } = state;
    tell("pace", { stepsPerSecond: calm.matches ? Math.min(speed, 60) : speed, frames: calm.matches ? 1200 : 50 });
  }

  // ------------------------------------------------------------------------------------------------ what comes in

  /** A look from the worker, or from the free points. */
  function take(message) {
    state.seen = message;
    state.share = message.share ?? state.share;
    for (let i = 0; i < message.history.length; i += 3) {
      TERMS.forEach(({ term }, t) => state.course[term].push(message.history[i + t]));
      state.untouched += 1;
    }
    state.target = everyRow(message, message.z, placeOf);
    if (state.xy?.length !== state.target.length || calm.matches || state.points) state.xy = Float32Array.from(state.target);
    if (message.pulls) takePulls(message.pulls);
    if (state.choice >= 0) state.nearest = state.points ? [] : closest(message, state.choice);
    readout.show();
    game.follow();
    small?.();
    if (state.playing && state.untouched > REST) pause();
    dirty = true;
  }

  const shownPulls = (places, count, pulls) => ({
    count, places, ...Object.fromEntries(TERMS.map(({ term }) => [term, everyRow(state.seen, pulls[term], directionOf)])),
  });

  function takePulls({ chosen, views: pixels, za, zb, ...pulls }) {
    const { seen, choice, run } = state, n = chosen.length, D = seen.std.length;
    state.pulls = state.showing ? shownPulls(everyRow(seen, za, placeOf), n, pulls) : null;
    const which = chosen.indexOf(choice);
    if (which < 0) return;
    const xy = Float32Array.from([...placeOf(seen, za, which * D), ...placeOf(seen, zb, which * D)]);
    const size = pixels.length / (2 * n), part = (i) => [...pixels.subarray(i * size, (i + 1) * size)];
    const known = state.views?.of === choice && state.views.run === run; // the same two views, whenever it is chosen
    state.views = { of: choice, run, xy, pixels: known ? state.views.pixels : Float32Array.from([...part(which), ...part(n + which)]) };
  }

  /** A look at the free points. history: the weighted terms of the steps since the last. */
  function lookAtPoints(history) {
    const { za, zb, statistics, ...seen } = free.look(state.settings);
    take({ ...seen, history });
    if (!state.showing) return (state.pulls = null);
    const [a, b] = [[za, zb, statistics[0]], [zb, za, statistics[1]]].map(([one, other, of]) => termPulls(one, other, one.length / 2, of, state.settings));
    const woven = Object.fromEntries(TERMS.map(({ term }) => [term, free.weave(a[term], b[term])]));
    state.pulls = shownPulls(state.target, free.count, woven);
  }

  function stepPoints() {
    const { lambda, mu, nu } = state.settings, terms = free.step(state.settings, state.held);
    lookAtPoints([lambda * terms.invariance, mu * terms.variance, nu * terms.covariance]);
  }

  // ------------------------------------------------------------------------------------------------ what is done

  /** A new network, or new free points, with these settings. */
  function restart(settings = state.settings) {
    Object.assign(state, { settings, seen: null, share: null, views: null, pulls: null, target: null, events: [], untouched: 0 });
    state.course = Object.fromEntries(TERMS.map(({ term }) => [term, []]));
    state.run += 1;
    readout.restart();
    hint("");
    if (state.points) {
      free = createPoints(strokes, digits, settings.seed);
      state.pictures = { pixels: free.pixels, digit: free.digit, version: state.run };
      choose(-1);
      lookAtPoints([]);
    } else {
      tell("restart", { settings, number: state.run });
      choose(state.choice);
    }
    reflect();
  }

  function play() {
    Object.assign(state, { playing: true, untouched: 0 });
    if (!state.points) tell("play");
    reflect();
  }

  function pause() {
    state.playing = false;
    tell("pause");
    reflect();
  }

  const toggle = () => (state.playing ? pause() : play());

  function setWeight(weight, value, done = true) {
    const { settings, points, seen } = state, before = settings[weight];
    settings[weight] = value;
    state.untouched = 0;
    if (!points) tell("change", { wanted: { [weight]: value } });
    if (done || !value !== !before) mark(`${TERMS.find((one) => one.weight === weight).symbol} = ${value}`);
    const stays = !value && before && weight !== "mu" && !points && seen?.steps > 60 && !game.playing();
    if (stays) hint("It keeps what it has learned for a while. To see a network that never had this term: ");
    else if (value) hint("");
    if (points && !state.playing) lookAtPoints([]);
    reflect();
  }

  /** Marks the course where a weight changed; a slider's many values leave one mark. */
  function mark(text) {
    const { events } = state, step = state.course.invariance.length, last = events.at(-1);
    if (!step) return;
    if (last?.text[0] === text[0] && step - last.step < 8) events.pop();
    events.push({ step, text });
  }

  function hint(text) {
    const place = find("hint");
    place.hidden = !text;
    const button = Object.assign(document.createElement("button"), { type: "button", textContent: "start again" });
    button.onclick = startAgain;
    place.replaceChildren(...(text ? [text, button, "."] : []));
  }

  function startAgain() {
    game.end();
    restart();
    play();
  }

  function setMore(name, value) {
    game.end();
    if (name === "rate") {
      state.settings.rate = value;
      tell("change", { wanted: { rate: value } });
      return reflect();
    }
    if (name === "dimensions") state.points = false;
    const usual = name === "dimensions" ? { ...defaults(value), seed: state.settings.seed } : state.settings;
    restart({ ...usual, [name]: value });
    if (state.playing) play();
  }

  function setPoints(points) {
    game.end();
    if (points) tell("pause");
    state.points = points;
    state.choice = -1;
    restart();
    play();
  }

  function choose(i) {
    state.choice = i;
    state.nearest = i >= 0 && state.seen && !state.points ? closest(state.seen, i) : [];
    if (state.views?.of !== i) state.views = null;
    if (!state.points) {
      const asked = i >= 0 ? [i] : state.showing ? SAMPLE : [];
      if (!asked.length) state.pulls = null;
      tell("choose", { pictures: asked });
    }
    caption();
    dirty = true;
  }

  function caption() {
    const { choice, pictures, points, nearest } = state, place = find("caption");
    find("count").hidden = choice >= 0;
    place.hidden = choice < 0 || !pictures || mini || find("card").matches(".brief:not([hidden])");
    if (place.hidden) return;
    const digit = pictures.digit[choice], same = nearest.filter((k) => pictures.digit[k] === digit).length;
    place.textContent = points
      ? `One view of a ${digit}; the line leads to the other view of the same picture.`
      : `A ${digit} in ${hues[pictures.ink[choice]]} ink on ${hues[pictures.paper[choice]]} paper: ${same} of its 5 nearest here show a ${digit}. The orange line joins its two views.`;
  }

  /** Shows settings and state in the controls, and soon after in the address. */
  function reflect() {
    const { settings, points, playing, showing } = state;
    terms.show(settings, defaults(settings.dimensions));
    more(settings);
    find("play").textContent = playing ? "Pause" : "Play";
    find("free").setAttribute("aria-pressed", String(points));
    find("pull").setAttribute("aria-pressed", String(showing));
    find("shares").style.visibility = points ? "hidden" : "";
    lab.classList.toggle("pointing", points);
    lab.dataset.playing = playing;
    canvas.setAttribute("role", "application");
    const keys = points ? "Arrow keys choose a point, shift and arrow keys move it" : "Arrow keys choose a picture, escape leaves it";
    const what = points ? "Forty points in twenty pairs." : "400 handwritten digits, each where its embedding lies.";
    canvas.setAttribute("aria-label", `${what} ${keys}, space plays and pauses.`);
    clearTimeout(noting);
    if (!mini) noting = setTimeout(noteAddress, 300);
  }

  function noteAddress() {
    const query = writeAddress(location.search, state.settings, state.points);
    if (query !== location.search) history.replaceState(history.state, "", location.pathname + query + location.hash);
  }

  const act = {
    restart, play, pause, toggle, choose, say: (text) => readout.say(text),
    setWeight: (weight, value) => setWeight(weight, value),
    leavePoints: () => state.points && setPoints(false),
    read: () => state.choice >= 0 && readout.say(find("caption").textContent),
    lookAtExhibit() {
      canvas.focus({ preventScroll: true });
      find("exhibit").scrollIntoView({ block: "nearest" });
    },
    move(point, x, y) {
      free.put(point, Math.max(-3.2, Math.min(3.2, x)), Math.max(-3.2, Math.min(3.2, y)));
      state.untouched = 0;
      lookAtPoints([]);
    },
  };
  const terms = buildTerms(find("terms"), setWeight);
  const more = buildMore(lab, setMore);
  const readout = createReadout(lab, state, terms);
  const game = createGame(lab, state, act, links);
  const small = mini ? createSmall(find("exhibit"), state, act, links.lab) : null;
  followHand(canvas, scene, state, act, world);
  find("play").onclick = toggle;
  find("again").onclick = startAgain;
  find("free").onclick = () => setPoints(!state.points);
  find("step").onclick = () => {
    if (state.playing) pause();
    if (state.points) stepPoints();
    else tell("step");
  };
  find("speed").onchange = ({ target: { value } }) => {
    state.speed = Number(value);
    pace();
  };
  find("pull").onclick = () => {
    state.showing = !state.showing;
    if (state.points) lookAtPoints([]);
    else choose(state.choice);
    reflect();
  };
  find("framing").onchange = ({ target: { value } }) => {
    state.framing = value;
    dirty = true;
  };
  find("large").onclick = () => {
    if (document.fullscreenElement) document.exitFullscreen();
    else lab.requestFullscreen?.().catch(() => {});
  };

  // ------------------------------------------------------------------------------------------------ every frame

  /** What the scene draws. */
  function world() {
    const { pictures, xy, points, style, choice, nearest, framing, views, pulls, settings } = state;
    const by = points ? "digit" : framing;
    const frames = (i) => (!by ? style.background : by === "digit" ? colours.classes[pictures.digit[i] % 10] : colours.hues[pictures[by][i]]);
    return {
      pixels: pictures?.pixels, version: pictures?.version, count: xy && pictures ? Math.min(xy.length / 2, pictures.digit.length) : 0, xy, pairs: points,
      framing: by, frames, style, choice, near: nearest, views: points ? null : views, pulls,
      labels: points || settings.dimensions === 2 ? ["z₁", "z₂"] : ["principal direction 1", "principal direction 2"],
    };
  }

  /** Two colours mixed; not every browser's canvas knows CSS's color-mix. */
  function mixed(one, other, share) {
    const parts = [one, other].map((colour) => /^#[0-9a-f]{6}$/i.test(colour) && [1, 3, 5].map((i) => parseInt(colour.slice(i, i + 2), 16)));
    return parts[0] && parts[1] ? `rgb(${parts[0].map((v, i) => Math.round(share * v + (1 - share) * parts[1][i])).join(" ")})` : one;
  }

  function restyle() {
    const css = getComputedStyle(lab), get = (name) => css.getPropertyValue(name).trim();
    const text = get("--st-text-color"), background = get("--st-background-color");
    state.style = {
      text, background, panel: get("--st-secondary-background-color"), primary: get("--st-primary-color"),
      soft: mixed(text, background, 0.78), faint: mixed(text, background, 0.22),
      font: get("--st-font") || "sans-serif", size: parseFloat(get("--small")) || 13, ...colours.terms,
    };
    redraw = true;
  }

  /** Moves every picture a part of its way; whether any moved. */
  function glide(passed) {
    const { xy, target } = state, part = 1 - Math.exp(-passed / EASE);
    let most = 0;
    for (let i = 0; i < xy.length; i++) {
      const left = target[i] - xy[i];
      xy[i] += part * left;
      most = Math.max(most, Math.abs(left));
    }
    return most > 1e-3;
  }

  let before = 0, owed = 0, due = 0;
  const drawn = []; // when, of the last 61

  function frame(now) {
    if (ended) return;
    requestAnimationFrame(frame);
    const passed = Math.min(100, now - before);
    before = now;
    if (state.points && state.playing) {
      if (state.held >= 0 && now > state.heldUntil) state.held = -1;
      owed = Math.min(4, owed + (passed * Math.min(state.speed, 120)) / 1000);
      for (; owed >= 1; owed--) stepPoints();
    }
    if (scene.resize() || redraw) {
      dirty = true;
      redraw = false;
      readout.draw();
    }
    if (state.target && state.xy && !calm.matches && glide(passed)) dirty = true;
    if (dirty && now >= due) {
      dirty = false;
      due = Math.max(due + DRAWING, now - DRAWING);
      scene.draw(world());
      drawn.push(now);
      if (drawn.length > 61) drawn.shift();
      lab.dataset.frames = ((1000 * (drawn.length - 1)) / (now - drawn[0] || 1)).toFixed(1);
    }
    if (!state.points) tell("shown");
  }

  const life = new AbortController(), { signal } = life;
  const on = (target, name, then) => target.addEventListener(name, then, { signal });
  on(calm, "change", pace);
  on(document, "visibilitychange", () => {
    if (!state.points && state.playing) tell(document.hidden ? "pause" : "play");
  });
  on(document, "fullscreenchange", () => {
    const large = (lab.getRootNode().fullscreenElement ?? document.fullscreenElement) === lab;
    lab.classList.toggle("projector", large);
    find("large").setAttribute("aria-pressed", String(large));
    find("large").textContent = large ? "Leave full screen" : "Full screen";
    restyle();
  });
  on(window, "popstate", () => {
    const asked = readAddress(location.search);
    if (mini || JSON.stringify(asked.settings) === JSON.stringify(state.settings)) return;
    state.points = asked.points;
    game.end();
    restart(asked.settings);
  });

  pace();
  restyle();
  restart();
  play();
  requestAnimationFrame(frame);

  return {
    restyle: () => setTimeout(restyle, 50), // once the page has the new theme's colours
    end() {
      ended = true;
      worker.terminate();
      clearTimeout(noting);
      life.abort();
    },
  };
}
