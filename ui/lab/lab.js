// The lab: puts worker, exhibit, readout and controls together. Streamlit calls the default export.

import { defaults, noteAddress, readAddress } from "./address.js";
import { connectButtons } from "./buttons.js";
import { TERMS, buildMore, buildTerms } from "./controls.js";
import { runFrames } from "./frames.js";
import { createGame } from "./challenge_flow.js";
import { followHand } from "./pointer.js";
import { readDrawings } from "./pictures.js";
import { closest, everyRow, placeOf } from "./places.js";
import { createPoints } from "./points.js";
import { pullsOnPoints, shownPulls, viewsOf } from "./pulls.js";
import { createReadout } from "./readout.js";
import { createScene } from "./scene.js";
import { describeChoice } from "./sentence.js";
import { createSmall } from "./start_page.js";
import { readStyle } from "./style.js";
import { startWorker } from "./worker_link.js";
import { worldOf } from "./scene_contents.js";

const REST = 6000; // steps without a touch after which it pauses by itself
const SAMPLE = Array.from({ length: 14 }, (_, i) => 28 * i + 3); // whose pulls are shown while no picture is chosen

const instances = new WeakMap(); // Streamlit calls again when the theme changes

export default function ({ data: [data], parentElement }) {
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
    dirty: true, redraw: false, // what the next frame draws anew
  };
  let free = null, noting = 0;

  for (const [term, colour] of Object.entries(colours.terms)) lab.style.setProperty(`--${term}`, colour);
  lab.classList.toggle("mini", Boolean(mini));

  const { tell, end: endWorker } = startWorker(state, drawings, labels, take);
  const life = new AbortController(), { signal } = life;
  const on = (target, name, then) => target.addEventListener(name, then, { signal });
  const world = () => worldOf(state, colours);

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
    state.dirty = true;
  }

  function takePulls(message) {
    const { seen, showing } = state;
    state.pulls = showing ? shownPulls(seen, everyRow(seen, message.za, placeOf), message.chosen.length, message) : null;
    state.views = viewsOf(state, message);
  }

  /** A look at the free points. history: the weighted terms of the steps since the last. */
  function lookAtPoints(history) {
    const look = free.look(state.settings);
    take({ ...look, history });
    state.pulls = state.showing ? shownPulls(look, state.target, free.count, pullsOnPoints(free, look, state.settings)) : null;
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
    if (done || !value !== !before) readout.mark(`${TERMS.find((one) => one.weight === weight).symbol} = ${value}`);
    const stays = !value && before && weight !== "mu" && !points && seen?.steps > 60 && !game.playing();
    if (stays) hint("For a while, the network keeps what it has learned. To see one that never had this term: ");
    else if (value) hint("");
    if (points && !state.playing) lookAtPoints([]);
    reflect();
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
    state.dirty = true;
  }

  function caption() {
    const { choice, pictures } = state, place = find("caption");
    find("count").hidden = choice >= 0;
    place.hidden = choice < 0 || !pictures || mini || find("card").matches(".brief:not([hidden])");
    if (place.hidden) return;
    place.textContent = describeChoice(state, hues);
  }

  /** Shows settings and state in the controls, and soon after in the address. */
  function reflect() {
    const { settings } = state;
    terms.show(settings, defaults(settings.dimensions));
    more(settings);
    buttons();
    clearTimeout(noting);
    if (!mini) noting = setTimeout(() => noteAddress(state.settings, state.points), 300);
  }

  const act = {
    restart, startAgain, play, pause, toggle, choose, setPoints, restyle, say: (text) => readout.say(text),
    setWeight: (weight, value) => setWeight(weight, value),
    leavePoints: () => state.points && setPoints(false),
    read: () => state.choice >= 0 && readout.say(find("caption").textContent),
    lookAtExhibit() {
      canvas.focus({ preventScroll: true });
      find("exhibit").scrollIntoView({ block: "nearest" });
    },
    stepOnce() {
      if (state.playing) pause();
      if (state.points) stepPoints();
      else tell("step");
    },
    showPulls(showing) {
      state.showing = showing;
      if (state.points) lookAtPoints([]);
      else choose(state.choice);
      reflect();
    },
    setSpeed(speed) {
      state.speed = speed;
      pace();
    },
    move(point, x, y) {
      free.put(point, Math.max(-3.2, Math.min(3.2, x)), Math.max(-3.2, Math.min(3.2, y)));
      state.untouched = 0;
      lookAtPoints([]);
    },
  };
  const terms = buildTerms(find("terms"), setWeight);
  const more = buildMore(lab, setMore);
  const buttons = connectButtons(lab, state, act, signal);
  const readout = createReadout(lab, state, terms);
  const game = createGame(lab, state, act, links);
  const small = mini ? createSmall(find("exhibit"), state, act, links.lab) : null;
  followHand(canvas, scene, state, act, world);

  function restyle() {
    state.style = readStyle(lab, colours.terms);
    state.redraw = true;
  }

  on(calm, "change", pace);
  on(document, "visibilitychange", () => {
    if (!state.points && state.playing) tell(document.hidden ? "pause" : "play");
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
  const endFrames = runFrames(lab, scene, state, calm, {
    draw: () => scene.draw(world()), drawCharts: readout.draw, step: stepPoints, shown: () => state.points || tell("shown"),
  });

  return {
    restyle: () => setTimeout(restyle, 50), // once the page has the new theme's colours
    end() {
      endFrames();
      endWorker();
      clearTimeout(noting);
      life.abort();
    },
  };
}
