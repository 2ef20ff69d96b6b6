// The pictures of a data set in strips of 100 columns, read once a page and shared by all its maps.

const PAUSES = [300, 1000, 3000, 6000]; // milliseconds before a strip is asked for again
const strips = new Map(); // address -> promise of { full, half }: pixels of a strip, and of the same at half the size

async function readStrip(url) {
  const image = new Image();
  image.src = url.startsWith("data:") ? url : new URL(`.${url}`, document.baseURI); // also where the app has a base path
  await image.decode();
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [image.width, image.height];
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.drawImage(image, 0, 0);
  const { data } = context.getImageData(0, 0, image.width, image.height);
  return { url: image.src, width: image.width, height: image.height, full: new Uint32Array(data.buffer), half: halved(data, image.width) };
}

/** Means of four pixels each: a picture that is drawn small would flicker without. */
function halved(data, width) {
  const columns = width / 2, rows = data.length / 4 / width / 2, out = new Uint32Array(columns * rows);
  for (let y = 0; y < rows; y++) {
    for (let x = 0; x < columns; x++) {
      const i = 4 * (2 * y * width + 2 * x), j = i + 4 * width;
      const mean = (c) => (data[i + c] + data[i + 4 + c] + data[j + c] + data[j + 4 + c]) >> 2;
      out[y * columns + x] = 0xff000000 | (mean(2) << 16) | (mean(1) << 8) | mean(0);
    }
  }
  return out;
}

/** A strip, asked for again while the server may be drawing the page anew: then it does not have the file for a moment. */
async function patiently(url) {
  for (const pause of PAUSES) {
    try {
      return await readStrip(url);
    } catch {
      await new Promise((done) => setTimeout(done, pause));
    }
  }
  return readStrip(url);
}

/** side: of a picture; each: pictures a strip; numbers: which ones they are, in turn, or null for 0, 1, 2 ... loaded() is called whenever a strip has come, failed() if one does not. */
export function createAtlas({ urls, side, columns, each, numbers }, loaded, failed) {
  const here = [], places = numbers && new Map(numbers.map((number, place) => [number, place]));
  urls.forEach((url, number) => {
    if (!strips.has(url)) strips.set(url, patiently(url));
    strips.get(url).then(
      (strip) => { here[number] = strip; loaded(); },
      () => { strips.delete(url); failed(); },
    );
  });
  return {
    side, columns,
    /** Where a picture's pixels are: { strip, x, y } in pixels of the full size; null while they are not here. */
    find(number) {
      const place = places ? places.get(number) ?? -1 : number;
      const strip = here[Math.floor(place / each)], rest = place % each;
      return strip ? { strip, x: (rest % columns) * side, y: Math.floor(rest / columns) * side } : null;
    },
    /** Shows a picture as the background of an element, at a whole multiple of its size. */
    paint(element, number, scale) {
      const found = this.find(number);
      Object.assign(element.style, { width: `${side * scale}px`, height: `${side * scale}px` });
      if (!found) return (element.style.backgroundImage = "none");
      Object.assign(element.style, {
        backgroundImage: `url(${found.strip.url})`,
        backgroundSize: `${columns * side * scale}px auto`,
        backgroundPosition: `-${found.x * scale}px -${found.y * scale}px`,
      });
    },
  };
}
