// The network: 192 -> H -> H -> D with ReLU and no BatchNorm, its gradients written out, and Adam.

import { affine, inputGradient, weightGradient } from "./matrix.js";
import { INPUTS } from "./pictures.js";

/**
 * A network with all its numbers in one array: W1 (H, 192), b1, W2 (H, H), b2, W3 (D, H), b3.
 * Starts like torch's Linear: uniform within 1 / sqrt(inputs), biases too.
 */
export function createNetwork(width, dimensions, random) {
  const shapes = [[width, INPUTS], [width, width], [dimensions, width]];
  const size = shapes.reduce((sum, [rows, columns]) => sum + rows * columns + rows, 0);
  const parameters = new Float32Array(size), gradient = new Float32Array(size);
  const layers = [];
  let offset = 0;
  for (const [rows, columns] of shapes) {
    const cut = (array, from, length) => array.subarray(from, from + length);
    const bias = offset + rows * columns;
    layers.push({
      W: cut(parameters, offset, rows * columns), b: cut(parameters, bias, rows),
      dW: cut(gradient, offset, rows * columns), db: cut(gradient, bias, rows),
    });
    offset = bias + rows;
    const bound = 1 / Math.sqrt(columns);
    for (let i = bias - rows * columns; i < offset; i++) parameters[i] = random.uniform(-bound, bound);
  }
  return { width, dimensions, layers, parameters, gradient, memory: new Map() };
}

/** Arrays for n pictures, made once for each n. */
function memory(network, n) {
  if (!network.memory.has(n)) {
    const [H, D] = [network.width, network.dimensions];
    const make = (columns) => new Float32Array(n * columns);
    network.memory.set(n, { X: make(INPUTS), A: make(H), B: make(H), Z: make(D), dA: make(H), dB: make(H) });
  }
  return network.memory.get(n);
}

function relu(values) {
  for (let i = 0; i < values.length; i++) if (values[i] < 0) values[i] = 0;
}

/** The embeddings (n, D) of pictures (n, 192) with values from 0 to 1; n even. The array is used again next time. */
export function embed(network, pixels, n) {
  const { width: H, dimensions: D, layers: [one, two, three] } = network;
  const { X, A, B, Z } = memory(network, n);
  for (let i = 0; i < n * INPUTS; i++) X[i] = pixels[i] - 0.5;
  affine(X, one.W, one.b, A, n, INPUTS, H);
  relu(A);
  affine(A, two.W, two.b, B, n, H, H);
  relu(B);
  affine(B, three.W, three.b, Z, n, H, D);
  return Z;
}

/** Fills network.gradient from dZ (n, D), the loss's gradient for what `embed` returned last for n pictures. */
export function backward(network, dZ, n) {
  const { width: H, dimensions: D, layers: [one, two, three] } = network;
  const { X, A, B, dA, dB } = memory(network, n);
  weightGradient(dZ, B, three.dW, three.db, n, H, D);
  inputGradient(dZ, three.W, dB, n, H, D);
  for (let i = 0; i < dB.length; i++) if (B[i] === 0) dB[i] = 0;
  weightGradient(dB, A, two.dW, two.db, n, H, H);
  inputGradient(dB, two.W, dA, n, H, H);
  for (let i = 0; i < dA.length; i++) if (A[i] === 0) dA[i] = 0;
  weightGradient(dA, X, one.dW, one.db, n, INPUTS, H);
}

/** Adam (Kingma and Ba 2015), with torch's defaults: its two averages and the number of steps. */
export function createAdam(size) {
  return { first: new Float32Array(size), second: new Float32Array(size), steps: 0 };
}

/** One step of Adam: changes the parameters in place. */
export function adamStep(adam, parameters, gradient, rate, beta1 = 0.9, beta2 = 0.999, eps = 1e-8) {
  adam.steps += 1;
  const { first, second } = adam;
  const size = rate / (1 - beta1 ** adam.steps), correction = Math.sqrt(1 - beta2 ** adam.steps);
  for (let i = 0; i < parameters.length; i++) {
    const g = gradient[i];
    const m = (first[i] = beta1 * first[i] + (1 - beta1) * g);
    const v = (second[i] = beta2 * second[i] + (1 - beta2) * g * g);
    parameters[i] -= (size * m) / (Math.sqrt(v) / correction + eps);
  }
}
