// How the three terms pull on what is shown, and the two views of a chosen picture.

import { TERMS } from "./controls.js";
import { directionOf, everyRow, placeOf } from "./places.js";
import { termPulls } from "./trainer.js";

/** The pulls in the plane that is shown. places: where each of `count` pairs, or points, lies. pulls: term -> (n, D). */
export const shownPulls = (seen, places, count, pulls) => ({
  count, places, ...Object.fromEntries(TERMS.map(({ term }) => [term, everyRow(seen, pulls[term], directionOf)])),
});

/** The pulls on every free point, term by term. look: what the points told (`look`). */
export function pullsOnPoints(free, { za, zb, statistics }, settings) {
  const [a, b] = [[za, zb, statistics[0]], [zb, za, statistics[1]]].map(([one, other, of]) => termPulls(one, other, one.length / 2, of, settings));
  return Object.fromEntries(TERMS.map(({ term }) => [term, free.weave(a[term], b[term])]));
}

/** The two views of the chosen picture: where they lie, and their pixels, which stay while it is chosen; null if not told. */
export function viewsOf({ seen, choice, run, views }, { chosen, views: pixels, za, zb }) {
  const n = chosen.length, D = seen.std.length, which = chosen.indexOf(choice);
  if (which < 0) return views;
  const xy = Float32Array.from([...placeOf(seen, za, which * D), ...placeOf(seen, zb, which * D)]);
  const size = pixels.length / (2 * n), part = (i) => [...pixels.subarray(i * size, (i + 1) * size)];
  const known = views?.of === choice && views.run === run;
  return { of: choice, run, xy, pixels: known ? views.pixels : Float32Array.from([...part(which), ...part(n + which)]) };
}
