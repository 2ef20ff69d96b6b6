// Positions in the plane: embeddings of the network, or the free points themselves.

/** A place (x, y) of z[at]: what it says of the two directions, after the mean is taken away. */
export function placeOf({ plane, mean }, z, at) {
  if (!plane) return [z[at], z[at + 1]]; // free points
  const D = mean.length;
  let x = 0, y = 0;
  for (let j = 0; j < D; j++) {
    x += plane[j] * (z[at + j] - mean[j]);
    y += plane[D + j] * (z[at + j] - mean[j]);
  }
  return [x, y];
}

/** A direction (x, y): a place without a mean to take away. */
export function directionOf({ plane, mean }, vectors, at) {
  return placeOf({ plane, mean: mean && new Float64Array(mean.length) }, vectors, at);
}

/** One of the two for every row of an array (n, D): (2 n). */
export function everyRow(seen, array, where) {
  const D = seen.std.length, found = new Float32Array((2 * array.length) / D);
  for (let i = 0; i < found.length / 2; i++) found.set(where(seen, array, i * D), 2 * i);
  return found;
}

/** The k pictures whose embeddings are nearest to picture i's, in all dimensions. */
export function closest({ z, std }, i, k = 5) {
  const D = std.length;
  const far = Array.from({ length: z.length / D }, (_, other) => {
    let d = 0;
    for (let c = 0; c < D; c++) d += (z[i * D + c] - z[other * D + c]) ** 2;
    return [other === i ? Infinity : d, other];
  });
  return far.sort((a, b) => a[0] - b[0]).slice(0, k).map(([, other]) => other);
}

/** The picture that lies next in a direction (dx, dy), seen from picture `from`; `from` where there is none. */
export function nextInDirection(xy, from, dx, dy) {
  let best = from, least = Infinity;
  for (let i = 0; i < xy.length / 2; i++) {
    const x = xy[2 * i] - xy[2 * from], y = xy[2 * i + 1] - xy[2 * from + 1];
    const along = x * dx + y * dy, across = Math.abs(x * dy) + Math.abs(y * dx);
    if (along <= 1e-9 || across > along) continue;
    const far = along + 2 * across;
    if (far < least) [best, least] = [i, far];
  }
  return best;
}
