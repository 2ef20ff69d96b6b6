// Pictures: 8 x 8 drawings of digits in coloured ink on coloured paper, and the two views of a picture.
//
//     pixel = (1 - a) paper + a ink + noise,   a the drawing's stroke, from 0 to 1
//
// A view keeps the drawing, shifted by up to one pixel, and takes a random ink and a random paper. So it is known
// exactly what invariance may throw away (the colours) and what it must keep (the digit).

import { permutation } from "./random.js";

export const SIDE = 8;
export const PIXELS = SIDE * SIDE;
export const INPUTS = 3 * PIXELS; // red, green, blue of every pixel, row by row
export const COLOURS = 6; // hues of ink and paper, 60 degrees apart
export const NOISE = 0.05; // standard deviation, of values from 0 to 1

/** Drawings sent as one letter a pixel, "A" (no ink) to "Q" (16): (M * 64) values from 0 to 1. */
export function readDrawings(text) {
  const strokes = new Float32Array(text.length);
  for (let i = 0; i < text.length; i++) strokes[i] = (text.charCodeAt(i) - 65) / 16;
  return strokes;
}

/** A colour as [red, green, blue], 0 to 1. hue in turns. */
export function hsv(hue, saturation, value) {
  return [5, 3, 1].map((n) => {
    const k = (n + 6 * hue) % 6;
    return value * (1 - saturation * Math.max(0, Math.min(k, 4 - k, 1)));
  });
}

/** Writes one picture (192 values, 0 to 1) at out[offset]; dx, dy: how far the drawing moves right and down. */
export function paint(strokes, drawing, { ink, paper, dx = 0, dy = 0 }, out, offset) {
  const start = drawing * PIXELS;
  for (let y = 0; y < SIDE; y++) {
    for (let x = 0; x < SIDE; x++) {
      const u = x - dx, v = y - dy;
      const inside = u >= 0 && u < SIDE && v >= 0 && v < SIDE;
      const a = inside ? strokes[start + v * SIDE + u] : 0;
      for (let c = 0; c < 3; c++) out[offset++] = paper[c] + a * (ink[c] - paper[c]);
    }
  }
}

/** What a view changes: {ink, paper, dx, dy}, drawn at random. */
export function randomLook(random) {
  return {
    ink: hsv(random.uniform(), random.uniform(0.6, 1), random.uniform(0.3, 0.8)),
    paper: hsv(random.uniform(), random.uniform(0, 0.5), random.uniform(0.8, 1)),
    dx: random.integer(3) - 1,
    dy: random.integer(3) - 1,
  };
}

// The sum of four random bytes is nearly normal, and one call makes all four.
const BYTES_STD = Math.sqrt((4 * (256 * 256 - 1)) / 12);

/** Writes one view of a drawing at out[offset], noise included; returns its look. */
export function paintView(strokes, drawing, random, out, offset) {
  const look = randomLook(random);
  paint(strokes, drawing, look, out, offset);
  const scale = NOISE / BYTES_STD;
  for (let i = offset; i < offset + INPUTS; i++) {
    const r = random.bits();
    out[i] += scale * ((r & 255) + ((r >>> 8) & 255) + ((r >>> 16) & 255) + (r >>> 24) - 510);
  }
  return look;
}

/**
 * Every drawing coloured once, in random order: one of six inks (full saturation, value .75) on one of six papers
 * (saturation .35, value 1). The first `shown` are the pictures that are shown; only the others train.
 */
export function colouredPictures(strokes, shown, random) {
  const total = strokes.length / PIXELS;
  const count = total - (total % 2); // the network takes an even number
  const drawings = permutation(total, random).slice(0, count);
  const ink = new Int32Array(count), paper = new Int32Array(count);
  const pixels = new Float32Array(count * INPUTS);
  for (let i = 0; i < count; i++) {
    ink[i] = random.integer(COLOURS);
    paper[i] = random.integer(COLOURS);
    const look = { ink: hsv(ink[i] / COLOURS, 1, 0.75), paper: hsv(paper[i] / COLOURS, 0.35, 1) };
    paint(strokes, drawings[i], look, pixels, i * INPUTS);
  }
  return { count, drawings, ink, paper, pixels, training: drawings.slice(shown) };
}
