// The lab: puts worker, exhibit, readout and controls together. Streamlit calls the default export.

import { defaults, noteAddress, readAddress } from "./address.js";
import { connectButtons } from "./buttons.js";
import { TERMS, buildHint, buildMore, buildTerms } from "./controls.js";
import { CALM, createFrames } from "./frames.js";
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
import { watchPage } from "./watch_page.js";
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
  };
  let free = null, noting = 0; // free: the free points

  for (const [term, colour] of Object.entries(colours.terms)) lab.style.setProperty(`--${term}`, colour);
  lab.classList.toggle("mini", Boolean(mini));

  const { tell, end: endWorker } = startWorker(state, drawings, labels, take);
  const life = new AbortController(), { signal } = life;
  const world = () => worldOf(state, colours);

  /** With reduced motion it plays in steps: one look a second, and nothing glides. */
  function pace() {
    const { speed } = state;
    tell("pace", { stepsPerSecond: calm.matches ? Math.min(speed, 60) : speed, frames: calm.matches ? CALM : 50 });
  }

  /** The worker trains as long as it plays and can be seen. */
  const drive = () => tell(state.playing && !state.points && !document.hidden ? "play" : "pause");

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
    caption();
    readout.show();
    game.follow();
    small?.();
    if (state.playing && state.untouched > REST) pause();
    frames.draw();
  }

  function takePulls(message) {
    const { seen, showing } = state;
    state.pulls = showing ? shownPulls(seen, everyRow(seen, message.za, placeOf), message.chosen.length, message) : null;
    state.views = viewsOf(state, message);
  }

  function lookAtPoints() {
    const look = free.look(state.settings);
    take(look);
    state.pulls = state.showing ? shownPulls(look, state.target, free.count, pullsOnPoints(free, look, state.settings)) : null;
  }

  const stepPoints = () => free.step(state.settings, state.held);

  // ------------------------------------------------------------------------------------------------ what is done

  /** A new network, or new free points, with these settings; it goes on playing if it did. */
  function restart(settings = state.settings, points = state.points) {
    if (points || state.points) Object.assign(state, { pictures: null, xy: null, choice: -1 }); // other pictures than before
    Object.assign(state, { settings, points, seen: null, share: null, views: null, pulls: null, target: null, events: [], untouched: 0 });
    state.course = Object.fromEntries(TERMS.map(({ term }) => [term, []]));
    state.run += 1;
    readout.restart();
    hint("");
    if (points) {
      free = createPoints(strokes, digits, settings.seed);
      state.pictures = { pixels: free.pixels, digit: free.digit, version: state.run };
      lookAtPoints();
    } else {
      tell("restart", { settings, number: state.run });
    }
    choose(state.choice);
    drive();
    reflect();
  }

  function play() {
    Object.assign(state, { playing: true, untouched: 0 });
    drive();
    frames.draw(); // free points take their steps in frames
    reflect();
  }

  function pause() {
    state.playing = false;
    drive();
    if (state.points) lookAtPoints();
    reflect();
  }

  const toggle = () => (state.playing ? pause() : play());

  /** Changes settings in the middle of a training. */
  function change(wanted) {
    Object.assign(state.settings, wanted);
    if (!state.points) tell("change", { wanted });
  }

  function setWeight(weight, value, done = true) {
    const { settings, points, seen } = state, before = settings[weight];
    change({ [weight]: value });
    state.untouched = 0;
    if (done || !value !== !before) readout.mark(`${TERMS.find((one) => one.weight === weight).symbol} = ${value}`);
    const stays = !value && before && weight !== "mu" && !points && seen?.steps > 60 && !game.playing();
    if (stays) hint("For a while, the network keeps what it has learned. To see one that never had this term: ");
    else if (value) hint("");
    if (points && !state.playing) lookAtPoints();
    reflect();
  }

  function startAgain() {
    game.end();
    restart();
    play();
  }

  function setMore(name, value) {
    game.end();
    if (name === "rate") {
      change({ rate: value });
      return reflect();
    }
    const { settings } = state;
    if (name === "dimensions") restart({ ...defaults(value), seed: settings.seed }, false);
    else restart({ ...settings, [name]: value });
  }

  function setPoints(points) {
    game.end();
    restart(state.settings, points);
    play();
  }

  function choose(i) {
    state.choice = i;
    if (state.views?.of !== i) state.views = null;
    if (!state.points) {
      const asked = i >= 0 ? [i] : state.showing ? SAMPLE : [];
      if (!asked.length) state.pulls = null;
      tell("choose", { pictures: asked });
    }
    caption();
    frames.draw();
  }

  /** The nearest of the chosen picture, and the sentence about it: without a picture, or before it is seen, there is none. */
  function caption() {
    const { choice, seen, pictures, points } = state, place = find("caption"), known = choice >= 0 && seen && pictures;
    state.nearest = known && !points ? closest(seen, choice) : [];
    place.textContent = known ? describeChoice(state, hues) : "";
    place.hidden = !known || mini || find("card").matches(".brief:not([hidden])");
    find("count").hidden = choice >= 0;
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
    restart, startAgain, play, pause, toggle, choose, setPoints, say: (text) => readout.say(text),
    setWeight: (weight, value) => setWeight(weight, value),
    leavePoints: () => state.points && setPoints(false),
    read: () => state.choice >= 0 && readout.say(find("caption").textContent),
    lookAtExhibit() {
      canvas.focus({ preventScroll: true });
      find("exhibit").scrollIntoView({ block: "nearest" });
    },
    stepOnce() {
      if (state.playing) pause();
      if (!state.points) return tell("step");
      stepPoints();
      lookAtPoints();
    },
    showPulls(showing) {
      state.showing = showing;
      if (state.points) lookAtPoints();
      else choose(state.choice);
      reflect();
    },
    frameBy(framing) {
      state.framing = framing;
      frames.draw();
    },
    setSpeed(speed) {
      state.speed = speed;
      pace();
    },
    move(point, x, y) {
      free.put(point, Math.max(-3.2, Math.min(3.2, x)), Math.max(-3.2, Math.min(3.2, y)));
      state.untouched = 0;
      lookAtPoints();
    },
  };
  const terms = buildTerms(find("terms"), setWeight);
  const more = buildMore(lab, setMore);
  const hint = buildHint(find("hint"), () => {
    startAgain(); // which takes the hint and its button away
    find("play").focus();
  });
  const buttons = connectButtons(lab, state, act, signal);
  const readout = createReadout(lab, state, terms);
  const game = createGame(lab, state, act, links);
  const small = mini ? createSmall(find("exhibit"), state, act, links.lab) : null;
  const frames = createFrames(lab, scene, state, calm, {
    draw: () => scene.draw(world()), drawCharts: readout.draw, step: stepPoints, look: lookAtPoints,
  });
  followHand(canvas, scene, state, act, world);

  /** Draws all anew after the theme, the size of text, or the lab's own size has changed. */
  function restyle() {
    state.style = readStyle(lab, colours.terms);
    frames.drawAll();
  }

  /** After the browser's Back: the state in the address, where it is another one. */
  function goTo() {
    const { settings, points } = readAddress(location.search);
    if (mini || (points === state.points && JSON.stringify(settings) === JSON.stringify(state.settings))) return;
    game.end();
    restart(settings, points);
  }

  watchPage(lab, canvas, calm, signal, { restyle, forget: scene.forget, drive, pace, goTo });
  pace();
  restyle();
  restart();
  play();

  return {
    restyle: () => setTimeout(restyle, 50), // once the page has the new theme's colours
    end() {
      frames.end();
      endWorker();
      clearTimeout(noting);
      life.abort();
    },
  };
}
