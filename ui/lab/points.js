// Free points: twenty pairs without a network. The three terms pull each point, unless it is held.

import { statistics, vicregLoss } from "./loss.js";
import { eigenvalues } from "./measures.js";
import { INPUTS, paintView } from "./pictures.js";
import { randomSource } from "./random.js";

export const PAIRS = 20;
const RATE = 0.0008; // of the pull, which is the gradient times the number of pairs

/** Twenty pairs of points in the plane, point 2i and 2i + 1 two views of one picture; the same for the same seed. */
export function createPoints(strokes, digits, seed) {
  const random = randomSource(seed);
  const za = new Float32Array(2 * PAIRS), zb = new Float32Array(2 * PAIRS);
  const da = new Float32Array(2 * PAIRS), db = new Float32Array(2 * PAIRS);
  const pixels = new Float32Array(2 * PAIRS * INPUTS), digit = new Int32Array(2 * PAIRS);
  const drawings = Array.from({ length: PAIRS }, (_, i) => digits.indexOf(i % 10, i < 10 ? 0 : 200));
  for (let i = 0; i < PAIRS; i++) {
    for (const [half, z] of [[0, za], [1, zb]]) {
      paintView(strokes, drawings[i], random, pixels, (2 * i + half) * INPUTS);
      digit[2 * i + half] = i % 10;
      for (const c of [0, 1]) z[2 * i + c] = random.uniform(-2, 2);
    }
  }
  let steps = 0, history = [];

  const half = (point) => (point % 2 ? zb : za);
  const place = (point) => [half(point)[point - (point % 2)], half(point)[point - (point % 2) + 1]];
  function put(point, x, y) {
    half(point).set([x, y], point - (point % 2));
  }

  /** One step of plain gradient descent; held: a point that stays where it is, or -1. */
  function step(weights, held) {
    const terms = vicregLoss(za, zb, PAIRS, 2, weights, da, db);
    const kept = held >= 0 ? place(held) : null;
    for (let i = 0; i < 2 * PAIRS; i++) {
      za[i] -= RATE * PAIRS * da[i];
      zb[i] -= RATE * PAIRS * db[i];
    }
    if (kept) put(held, ...kept);
    steps += 1;
    history.push(weights.lambda * terms.invariance, weights.mu * terms.variance, weights.nu * terms.covariance);
  }

  /** What is to be seen, and the steps since the last look, as the worker tells it of a network; places are as they are, without the mean taken away. */
  function look(weights) {
    const z = new Float32Array(4 * PAIRS);
    for (let point = 0; point < 2 * PAIRS; point++) z.set(place(point), 2 * point);
    const [a, b] = [statistics(za, PAIRS, 2), statistics(zb, PAIRS, 2)];
    const covariance = a.covariance.map((value, i) => (value + b.covariance[i]) / 2);
    const std = Float64Array.from([0, 3], (i) => Math.sqrt(covariance[i]));
    const terms = vicregLoss(za, zb, PAIRS, 2, weights, da, db);
    const told = history;
    history = [];
    return { steps, z, covariance, std, eigen: eigenvalues(covariance, 2), terms, statistics: [a, b], za, zb, history: told };
  }

  /** Numbers of the first views (20 * 2) and of the second, point by point (40 * 2). */
  function weave(first, second) {
    return Float32Array.from({ length: 4 * PAIRS }, (_, i) => (i % 4 < 2 ? first : second)[2 * Math.floor(i / 4) + (i % 2)]);
  }

  return { pixels, digit, count: 2 * PAIRS, step, look, put, weave };
}
