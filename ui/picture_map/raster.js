// A map's pixels, written one by one. 10,000 dots or thumbnails this way take a tenth of what drawImage takes, and less
// than WebGL where there is no GPU (`python -m benchmarks.picture_map`); and a page may have any number of such maps.

const MOST_PIXELS = 1_600_000; // of a canvas: on a screen with small pixels the map is a little coarser

const packed = ([red, green, blue]) => (0xff000000 | (blue << 16) | (green << 8) | red) >>> 0;

/** "#rrggbb" or "rgb(r, g, b)" as [red, green, blue]. */
export function readColour(text) {
  if (text.startsWith("#")) return [1, 3, 5].map((i) => parseInt(text.slice(i, i + 2), 16));
  return text.match(/[\d.]+/g).slice(0, 3).map(Number);
}

export const mixed = (one, other, share) => one.map((value, i) => Math.round(value + share * (other[i] - value)));

/** Calls act when the window is on a screen with other pixels, or zoomed. Returns what undoes it. */
export function watchPixels(act) {
  let query = null;
  function watch() {
    query = matchMedia(`(resolution: ${devicePixelRatio}dppx)`);
    query.onchange = () => {
      watch();
      act();
    };
  }
  watch();
  return () => (query.onchange = null);
}

/** A round dot with a thin ring: { across, cover (0 to 256), pixels }. */
function createDot(radius, colour, ring) {
  const across = Math.ceil(2 * radius) + 2, cover = new Uint16Array(across * across), pixels = new Uint32Array(across * across);
  for (let y = 0; y < across; y++) {
    for (let x = 0; x < across; x++) {
      const away = Math.hypot(x + 0.5 - across / 2, y + 0.5 - across / 2), i = y * across + x;
      cover[i] = 256 * Math.max(0, Math.min(1, radius + 0.5 - away));
      pixels[i] = packed(mixed(colour, ring, 0.55 * Math.max(0, Math.min(1, away - radius + 1.3))));
    }
  }
  return { across, cover, pixels };
}

export function createRaster(canvas) {
  const context = canvas.getContext("2d");
  const columns = new Int32Array(4096); // of a picture's pixels, for each column that it is drawn in
  let image = null, pixels = null, width = 0, height = 0, ratio = 1, dots = new Map();

  /** What one pixel becomes under another with a cover of 0 to 256. */
  function over(below, above, cover) {
    const rest = 256 - cover;
    const red = ((below & 255) * rest + (above & 255) * cover) >> 8;
    const green = (((below >> 8) & 255) * rest + ((above >> 8) & 255) * cover) >> 8;
    const blue = (((below >> 16) & 255) * rest + ((above >> 16) & 255) * cover) >> 8;
    return 0xff000000 | (blue << 16) | (green << 8) | red;
  }

  const raster = {
    resize(wide, high) {
      ratio = Math.min(devicePixelRatio || 1, Math.sqrt(MOST_PIXELS / Math.max(1, wide * high)));
      const [w, h] = [Math.max(1, Math.round(wide * ratio)), Math.max(1, Math.round(high * ratio))];
      if (w === width && h === height) return;
      [canvas.width, canvas.height] = [width, height] = [w, h];
      image = context.createImageData(width, height);
      pixels = new Uint32Array(image.data.buffer);
    },
    forget: () => dots.clear(), // after a change of the theme
    clear: (colour) => pixels.fill(packed(colour)),
    show: () => context.putImageData(image, 0, 0),

    /** A dot of a radius in CSS pixels, to be drawn any number of times. */
    dotOf(radius, colour, ring) {
      const size = Math.round(radius * ratio * 4) / 4, name = `${size} ${colour} ${ring}`;
      let dot = dots.get(name);
      if (!dot) dots.set(name, (dot = createDot(size, colour, ring)));
      return dot;
    },

    /** A dot at x, y in CSS pixels. share: 1, or less for a faded one. */
    dot(x, y, dot, share) {
      const { across, cover, pixels: own } = dot, left = Math.round(x * ratio - across / 2), top = Math.round(y * ratio - across / 2);
      const first = Math.max(0, -left), last = Math.min(across, width - left);
      for (let j = Math.max(0, -top); j < across && top + j < height; j++) {
        const to = (top + j) * width + left, from = j * across;
        for (let i = first; i < last; i++) {
          const much = cover[from + i];
          if (much === 256 && share === 1) pixels[to + i] = own[from + i];
          else if (much) pixels[to + i] = over(pixels[to + i], own[from + i], much * share);
        }
      }
    },

    /** A picture around x, y, with a frame in the colour of its group. */
    picture(x, y, side, frame, { strip, x: sourceX, y: sourceY }, full, share) {
      const s = Math.max(1, Math.round(side * ratio)), left = Math.round(x * ratio - s / 2), top = Math.round(y * ratio - s / 2);
      const edge = Math.max(1, Math.round(Math.max(1.5, side * 0.07) * ratio));
      this.box(left - edge, top - edge, s + 2 * edge, packed(frame), share);
      const small = s <= full / 2, own = small ? strip.half : strip.full, step = small ? 2 : 1;
      const wide = strip.width / step, size = full / step, corner = (sourceY / step) * wide + sourceX / step;
      const first = Math.max(0, -left), last = Math.min(s, width - left);
      for (let i = first; i < last; i++) columns[i] = Math.floor((i * size) / s);
      for (let j = Math.max(0, -top); j < s && top + j < height; j++) {
        const to = (top + j) * width + left, from = corner + Math.floor((j * size) / s) * wide;
        if (share === 1) for (let i = first; i < last; i++) pixels[to + i] = own[from + columns[i]];
        else for (let i = first; i < last; i++) pixels[to + i] = over(pixels[to + i], own[from + columns[i]], 256 * share);
      }
    },

    box(left, top, side, colour, share) {
      const first = Math.max(0, left), last = Math.min(width, left + side);
      if (last <= first) return;
      for (let y = Math.max(0, top); y < Math.min(height, top + side); y++) {
        if (share === 1) pixels.fill(colour, y * width + first, y * width + last);
        else for (let i = y * width + first; i < y * width + last; i++) pixels[i] = over(pixels[i], colour, 256 * share);
      }
    },
  };
  raster.resize(1, 1); // a map that is not on the screen yet may be drawn too
  return raster;
}
