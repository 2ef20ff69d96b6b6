// Training: batches of two views, the loss, a step of Adam, and the results to show.

import { addCovarianceGradient, addInvarianceGradient, addVarianceGradient, statistics, vicregLoss } from "./loss.js";
import { eigenvalues, nearest, principalPlane, sharing } from "./measures.js";
import { adamStep, backward, createAdam, createNetwork, embed } from "./network.js";
import { INPUTS, colouredPictures, paintView } from "./pictures.js";
import { permutation, randomSource } from "./random.js";

export const BATCH = 128; // pictures a step; two views each, so 256 rows
export const NEAREST = 10;
export const SHOWN = 400;

/**
 * A network in training. strokes: every drawing (M * 64); digits: (M) what each shows.
 * settings: {seed, dimensions, width, rate, lambda, mu, nu}. The last four may change on the way, by `change`.
 */
export function createTrainer(strokes, digits, settings) {
  const random = randomSource(settings.seed);
  const pictures = colouredPictures(strokes, SHOWN, random);
  pictures.digit = Int32Array.from(pictures.drawings, (drawing) => digits[drawing]);
  const network = createNetwork(settings.width, settings.dimensions, random);
  const D = settings.dimensions;
  const pixels = new Float32Array(2 * BATCH * INPUTS);
  const dZ = new Float32Array(2 * BATCH * D);
  const da = dZ.subarray(0, BATCH * D), db = dZ.subarray(BATCH * D);
  let adam = createAdam(network.parameters.length);
  let order = [], next = 0, steps = 0, plane = null;

  /** New weights or another rate. Adam's averages belong to a loss: a term switched on or off starts them again. */
  function change(wanted) {
    const switched = ["lambda", "mu", "nu"].some((name) => name in wanted && !wanted[name] !== !settings[name]);
    Object.assign(settings, wanted);
    if (switched && steps) adam = createAdam(network.parameters.length);
  }

  /** One step; returns the terms. Every drawing comes once before any comes again. */
  function step() {
    if (next + BATCH > order.length) {
      order = permutation(pictures.training.length, random);
      next = 0;
    }
    for (let i = 0; i < BATCH; i++) {
      const drawing = pictures.training[order[next + i]];
      paintView(strokes, drawing, random, pixels, i * INPUTS);
      paintView(strokes, drawing, random, pixels, (BATCH + i) * INPUTS);
    }
    next += BATCH;
    const Z = embed(network, pixels, 2 * BATCH);
    const terms = vicregLoss(Z.subarray(0, BATCH * D), Z.subarray(BATCH * D), BATCH, D, settings, da, db);
    backward(network, dZ, 2 * BATCH);
    adamStep(adam, network.parameters, network.gradient, settings.rate);
    steps += 1;
    return terms;
  }

  /** What is seen now: the embeddings of the shown pictures (400, D), and what is measured of them. */
  function look() {
    const z = Float32Array.from(embed(network, pictures.pixels, SHOWN));
    const { mean, covariance } = statistics(z, SHOWN, D);
    plane = principalPlane(covariance, D, plane);
    const std = Float64Array.from({ length: D }, (_, j) => Math.sqrt(covariance[j * D + j]));
    return { steps, z, mean, covariance, std, plane, eigen: eigenvalues(covariance, D) };
  }

  /** Of the shown pictures' 10 nearest among all pictures: the shares with the same digit, ink and paper. */
  function neighbours() {
    const z = embed(network, pictures.pixels, pictures.count);
    const found = nearest(z, pictures.count, D, NEAREST, SHOWN);
    return ["digit", "ink", "paper"].map((what) => sharing(found, pictures[what], NEAREST));
  }

  /**
   * The embeddings of two views of some shown pictures, and the pull of each weighted term on the first view: minus
   * its gradient, times the number of pictures, with the means and covariances of what `look` saw.
   */
  function pulls(chosen, seen) {
    const n = chosen.length;
    const views = new Float32Array(2 * n * INPUTS);
    for (let i = 0; i < n; i++) {
      const own = randomSource(1000 * settings.seed + chosen[i]); // the same two views whenever the picture is chosen
      paintView(strokes, pictures.drawings[chosen[i]], own, views, i * INPUTS);
      paintView(strokes, pictures.drawings[chosen[i]], own, views, (n + i) * INPUTS);
    }
    const Z = Float32Array.from(embed(network, views, 2 * n));
    const za = Z.subarray(0, n * D), zb = Z.subarray(n * D);
    return { chosen, views, za, zb, ...termPulls(za, zb, n, seen, settings) };
  }

  return { settings, pictures, network, change, step, look, neighbours, pulls };
}

/** What each weighted term does to the first views za (n, D) of pairs: (n, D) an array for each term. */
export function termPulls(za, zb, n, { mean, covariance }, { lambda, mu, nu }) {
  const D = mean.length, many = 1e6; // n times the gradient hardly depends on n
  const std = Float64Array.from({ length: D }, (_, j) => Math.sqrt(covariance[j * D + j] + 1e-4));
  const statistics = { mean, covariance, std };
  const make = () => new Float32Array(n * D);
  const pull = { variance: make(), invariance: make(), covariance: make() };
  for (let at = 0; at < n * D; at += D) {
    addInvarianceGradient(za, zb, at, 1, D, -lambda, pull.invariance, at);
    addVarianceGradient(za, at, many, statistics, (-mu / 2) * many, pull.variance, at);
    addCovarianceGradient(za, at, many, statistics, -nu * many, pull.covariance, at);
  }
  return pull;
}
