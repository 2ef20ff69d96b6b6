// What Python sends as text, as arrays: base64 of little-endian numbers.

const bytesOf = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));

/** Whole numbers of 1, 2 or 4 bytes each. */
export function numbers(text, size) {
  const { buffer } = bytesOf(text);
  return size === 1 ? new Uint8Array(buffer) : size === 2 ? new Uint16Array(buffer) : new Uint32Array(buffer);
}

/** Places on the unit square, x and y of each point in turn, one array a moment. */
export function moments(text, count) {
  const whole = numbers(text, 2), frames = [];
  for (let start = 0; start < whole.length; start += 2 * count) {
    frames.push(Float32Array.from(whole.subarray(start, start + 2 * count), (value) => value / 65535));
  }
  return frames;
}

/** The smallest box that holds all places of all moments: [left, bottom, right, top]. */
export function boundsOf(frames) {
  const box = [Infinity, Infinity, -Infinity, -Infinity];
  for (const xy of frames) {
    for (let i = 0; i < xy.length; i += 2) {
      box[0] = Math.min(box[0], xy[i]);
      box[1] = Math.min(box[1], xy[i + 1]);
      box[2] = Math.max(box[2], xy[i]);
      box[3] = Math.max(box[3], xy[i + 1]);
    }
  }
  return box;
}

/** Places between two moments: number 1.25 is a quarter of the way from the second to the third. Written into `out`. */
export function between(frames, number, out) {
  const last = frames.length - 1, at = Math.min(last, Math.max(0, number)), low = Math.min(last, Math.floor(at));
  const one = frames[low], other = frames[Math.min(last, low + 1)], share = at - low;
  for (let i = 0; i < out.length; i++) out[i] = one[i] + share * (other[i] - one[i]);
}
