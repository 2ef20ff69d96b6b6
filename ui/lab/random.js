// Random numbers from a seed: the same seed gives the same training in every browser.

/** A source of random numbers (mulberry32): the next 32 bits, and what is made of them. */
export function randomSource(seed) {
  let state = (seed >>> 0) ^ 0x9e3779b9;
  const bits = () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return (t ^ (t >>> 14)) >>> 0;
  };
  const uniform = (low = 0, high = 1) => low + (high - low) * (bits() / 4294967296);
  const integer = (n) => Math.floor((bits() / 4294967296) * n); // 0 to n - 1
  return { bits, uniform, integer };
}

/** The numbers 0 to n - 1 in random order (Fisher and Yates). */
export function permutation(n, random) {
  const order = Int32Array.from({ length: n }, (_, i) => i);
  for (let i = n - 1; i > 0; i--) {
    const j = random.integer(i + 1);
    [order[i], order[j]] = [order[j], order[i]];
  }
  return order;
}
