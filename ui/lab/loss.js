// The VICReg loss and its gradient, as in vicreg's loss.py: variance averaged over the two views, covariance summed.
//
//     l(Z, Z') = lambda s(Z, Z') + mu [v(Z) + v(Z')] / 2 + nu [c(Z) + c(Z')]

export const GAMMA = 1;
const EPS = 1e-4;

/** Means (D), standard deviations as the loss takes them (D), and covariances (D, D; divisor n - 1) of z (n, D). */
export function statistics(z, n, D) {
  const mean = new Float64Array(D), covariance = new Float64Array(D * D), std = new Float64Array(D);
  for (let i = 0; i < n; i++) for (let j = 0; j < D; j++) mean[j] += z[i * D + j];
  for (let j = 0; j < D; j++) mean[j] /= n;
  for (let i = 0; i < n; i++) {
    for (let j = 0; j < D; j++) {
      const a = z[i * D + j] - mean[j];
      for (let k = 0; k <= j; k++) covariance[j * D + k] += a * (z[i * D + k] - mean[k]);
    }
  }
  for (let j = 0; j < D; j++) {
    for (let k = 0; k <= j; k++) covariance[k * D + j] = covariance[j * D + k] /= n - 1;
    std[j] = Math.sqrt(covariance[j * D + j] + EPS);
  }
  return { mean, std, covariance };
}

/** How far the standard deviations fall short of gamma, on average. */
export function varianceTerm({ std }) {
  return std.reduce((sum, s) => sum + Math.max(0, GAMMA - s), 0) / std.length;
}

/** The squared covariances between different dimensions, summed, over D. */
export function covarianceTerm({ covariance, std }) {
  const D = std.length;
  let sum = 0;
  for (let j = 0; j < D; j++) for (let k = 0; k < D; k++) if (j !== k) sum += covariance[j * D + k] ** 2;
  return sum / D;
}

/** The mean squared difference of two views' embeddings. */
export function invarianceTerm(za, zb) {
  let sum = 0;
  for (let i = 0; i < za.length; i++) sum += (za[i] - zb[i]) ** 2;
  return sum / za.length;
}

/** Adds weight * dv/dz of one point to out: at z[at], in a batch of n with these statistics. */
export function addVarianceGradient(z, at, n, { mean, std }, weight, out, to) {
  const D = std.length;
  for (let j = 0; j < D; j++) {
    if (std[j] < GAMMA) out[to + j] -= (weight * (z[at + j] - mean[j])) / (D * (n - 1) * std[j]);
  }
}

/** Adds weight * dc/dz of one point to out. */
export function addCovarianceGradient(z, at, n, { mean, std, covariance }, weight, out, to) {
  const D = std.length;
  const scale = (4 * weight) / (D * (n - 1));
  for (let j = 0; j < D; j++) {
    let sum = 0;
    for (let k = 0; k < D; k++) if (k !== j) sum += covariance[j * D + k] * (z[at + k] - mean[k]);
    out[to + j] += scale * sum;
  }
}

/** Adds weight * ds/dz of one point of the first view to out; the other view's gradient is the opposite. */
export function addInvarianceGradient(za, zb, at, n, D, weight, out, to) {
  for (let j = 0; j < D; j++) out[to + j] += (2 * weight * (za[at + j] - zb[at + j])) / (n * D);
}

/**
 * The three unweighted terms and `total`, their weighted sum. za, zb: (n, D). weights: {lambda, mu, nu}.
 * Writes the total's gradients into da and db.
 */
export function vicregLoss(za, zb, n, D, { lambda, mu, nu }, da, db) {
  const a = statistics(za, n, D), b = statistics(zb, n, D);
  const variance = (varianceTerm(a) + varianceTerm(b)) / 2;
  const invariance = invarianceTerm(za, zb);
  const covariance = covarianceTerm(a) + covarianceTerm(b);
  da.fill(0);
  db.fill(0);
  for (let i = 0; i < n * D; i += D) {
    addInvarianceGradient(za, zb, i, n, D, lambda, da, i);
    addInvarianceGradient(zb, za, i, n, D, lambda, db, i);
    addVarianceGradient(za, i, n, a, mu / 2, da, i);
    addVarianceGradient(zb, i, n, b, mu / 2, db, i);
    addCovarianceGradient(za, i, n, a, nu, da, i);
    addCovarianceGradient(zb, i, n, b, nu, db, i);
  }
  return { variance, invariance, covariance, total: lambda * invariance + mu * variance + nu * covariance };
}
