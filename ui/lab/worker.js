// The training thread: receives commands from the page and sends back the results to show.

import { SHOWN, createTrainer } from "./trainer.js";
import { readDrawings } from "./pictures.js";

const SLICE = 24; // milliseconds of steps between two looks at the orders
const LOOKS = 6; // looking takes a sixth of the time at most, and so do the neighbours, a twelfth
const NEIGHBOURS_EVERY = 700; // milliseconds at least

let strokes, digits, trainer;
let playing = false, speed = 60, pace = 50, run = 0, chosen = [];
let due = 0, next = 0, counted = 0, scheduled = false, asked = false, waiting = false;
let history = [], times = [];

const orders = {
  begin({ drawings, labels }) {
    strokes = readDrawings(drawings);
    digits = Int32Array.from(labels, Number);
  },
  restart({ settings, number }) {
    run = number;
    trainer = createTrainer(strokes, digits, { ...settings });
    history = [];
    times = [];
    counted = 0;
    const { pictures } = trainer;
    const first = (values) => values.slice(0, SHOWN);
    self.postMessage({
      type: "pictures", run, pixels: pictures.pixels.slice(0, SHOWN * 192), all: pictures.count,
      digit: first(pictures.digit), ink: first(pictures.ink), paper: first(pictures.paper),
    });
    waiting = false;
    show();
  },
  change({ wanted }) {
    trainer.change(wanted);
    if (!playing) show();
  },
  play() {
    playing = true;
    due = performance.now();
    times = []; // the rate is not counted across a pause
    schedule();
  },
  pause() {
    if (!playing) return;
    playing = false;
    show();
  },
  step() {
    advance();
    show();
  },
  pace({ stepsPerSecond, frames }) {
    speed = stepsPerSecond ?? speed;
    pace = frames ?? pace;
    due = performance.now();
  },
  choose({ pictures }) {
    chosen = pictures;
    if (!playing) show();
  },
  shown() {
    waiting = false;
    if (asked) show();
  },
};

self.onmessage = ({ data }) => orders[data.type](data);

function advance() {
  const terms = trainer.step();
  const { lambda, mu, nu } = trainer.settings;
  history.push(lambda * terms.invariance, mu * terms.variance, nu * terms.covariance);
  times.push(performance.now());
  if (times.length > 121) times.shift();
}

/** Sends what is to be seen, unless the page is still busy with the last: then as soon as it is not. */
function show() {
  if (waiting) {
    asked = true;
    return;
  }
  asked = false;
  waiting = true;
  const now = performance.now();
  const seen = trainer.look();
  const looked = performance.now();
  if (now >= counted || !playing) {
    seen.share = trainer.neighbours();
    const took = performance.now() - looked;
    counted = now + Math.max(NEIGHBOURS_EVERY, 2 * LOOKS * took);
  }
  if (chosen.length) seen.pulls = trainer.pulls(chosen, seen);
  const passed = times.length > 1 ? times.at(-1) - times[0] : 0;
  seen.rate = passed ? (1000 * (times.length - 1)) / passed : 0;
  self.postMessage({ type: "seen", run, ...seen, history: Float32Array.from(history) });
  history = [];
  next = now + Math.max(pace, LOOKS * (looked - now));
}

const channel = new MessageChannel(); // a timer would wait at least 4 ms
channel.port1.onmessage = () => {
  scheduled = false;
  work();
};

function schedule(wait = 0) {
  if (scheduled) return;
  scheduled = true;
  if (wait > 4) {
    setTimeout(() => channel.port2.postMessage(null), wait);
  } else {
    channel.port2.postMessage(null);
  }
}

function work() {
  if (!playing || !trainer) return;
  const began = performance.now();
  let now = began;
  while (now >= due && now - began < SLICE) {
    advance();
    due = Math.max(due + 1000 / speed, now - 100); // what a slow machine misses is not made up for
    now = performance.now();
  }
  if (now >= next) show();
  schedule(due - performance.now());
}
