// Measures of embeddings: eigenvalues, the plane in which they are shown, and the nearest pictures.

/** The eigenvalues of a symmetric matrix (D, D), largest first (Jacobi's rotations). */
export function eigenvalues(matrix, D) {
  const a = Float64Array.from(matrix);
  for (let sweep = 0; sweep < 20; sweep++) {
    let off = 0;
    for (let p = 0; p < D; p++) for (let q = 0; q < p; q++) off += a[p * D + q] ** 2;
    if (off < 1e-20) break;
    for (let p = 0; p < D; p++) {
      for (let q = p + 1; q < D; q++) {
        if (Math.abs(a[p * D + q]) < 1e-15) continue;
        const theta = (a[q * D + q] - a[p * D + p]) / (2 * a[p * D + q]);
        const t = (theta >= 0 ? 1 : -1) / (Math.abs(theta) + Math.sqrt(theta * theta + 1));
        const c = 1 / Math.sqrt(t * t + 1), s = t * c;
        for (let k = 0; k < D; k++) {
          const u = a[k * D + p], v = a[k * D + q];
          a[k * D + p] = c * u - s * v;
          a[k * D + q] = s * u + c * v;
        }
        for (let k = 0; k < D; k++) {
          const u = a[p * D + k], v = a[q * D + k];
          a[p * D + k] = c * u - s * v;
          a[q * D + k] = s * u + c * v;
        }
      }
    }
  }
  return Float64Array.from({ length: D }, (_, j) => Math.max(0, a[j * D + j])).sort().reverse();
}

/**
 * The plane of the two principal directions, (2, D) orthonormal rows, close to the plane before.
 *
 * Each call takes a few steps of the power method from the plane before and then the orthonormal pair that is nearest
 * to the result, (P P^T)^(-1/2) P: so the picture neither flips nor spins from one frame to the next.
 */
export function principalPlane(covariance, D, before, steps = 4) {
  let plane = before ?? Float64Array.from({ length: 2 * D }, (_, i) => (i === 0 || i === D + 1 ? 1 : 0));
  if (D === 2) return plane;
  const floor = 1e-3 * covariance.reduce((sum, _, i) => sum + (i % (D + 1) ? 0 : covariance[i]), 0) + 1e-12;
  for (let step = 0; step < steps; step++) {
    const next = new Float64Array(2 * D);
    for (let r = 0; r < 2; r++) {
      for (let j = 0; j < D; j++) {
        let sum = floor * plane[r * D + j];
        for (let k = 0; k < D; k++) sum += covariance[j * D + k] * plane[r * D + k];
        next[r * D + j] = sum;
      }
    }
    plane = orthonormal(next, D);
  }
  return plane;
}

/** The two orthonormal rows nearest to the rows of p (2, D). */
function orthonormal(p, D) {
  let a = 0, b = 0, c = 0;
  for (let j = 0; j < D; j++) {
    a += p[j] * p[j];
    b += p[j] * p[D + j];
    c += p[D + j] * p[D + j];
  }
  // the square root of [[a, b], [b, c]] is ([[a, b], [b, c]] + s I) / t; this applies its inverse
  const s = Math.sqrt(Math.max(a * c - b * b, 1e-300)), t = Math.sqrt(a + c + 2 * s);
  const scale = t / ((a + s) * (c + s) - b * b);
  return Float64Array.from(p, (_, i) =>
    i < D ? scale * ((c + s) * p[i] - b * p[D + i]) : scale * ((a + s) * p[i] - b * p[i - D]),
  );
}

/** Of each of the first `queries` of n points (n, D), the k nearest others, nearest first: (queries * k) indices. */
export function nearest(z, n, D, k, queries = n) {
  const found = new Int32Array(queries * k), distances = new Float64Array(k), own = new Float64Array(D);
  for (let i = 0; i < queries; i++) {
    distances.fill(Infinity);
    for (let c = 0; c < D; c++) own[c] = z[i * D + c];
    const start = i * k;
    for (let j = 0; j < n; j++) {
      if (j === i) continue;
      let d = 0;
      for (let c = 0, at = j * D; c < D; c++) d += (own[c] - z[at + c]) ** 2;
      if (d >= distances[k - 1]) continue;
      let place = k - 1;
      for (; place > 0 && distances[place - 1] > d; place--) {
        distances[place] = distances[place - 1];
        found[start + place] = found[start + place - 1];
      }
      distances[place] = d;
      found[start + place] = j;
    }
  }
  return found;
}

/** The share of the nearest that have the same value as the picture they are nearest to, 0 to 1. */
export function sharing(found, values, k) {
  let same = 0;
  for (let i = 0; i < found.length; i++) if (values[found[i]] === values[Math.floor(i / k)]) same += 1;
  return same / found.length;
}

/** The level that guessing reaches: how often two different pictures share a value, 0 to 1. */
export function guessing(values) {
  const counts = new Map();
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1);
  let pairs = 0;
  for (const count of counts.values()) pairs += count * (count - 1);
  return pairs / (values.length * (values.length - 1));
}
