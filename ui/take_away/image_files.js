// A figure as a file: what is drawn, on the page's background, with a caption below. As SVG, or as PNG from that SVG.

const SVG = "http://www.w3.org/2000/svg";
const PAD = 16, SMALL = 12, LINE = 17, LEAST = 420; // pixels
const SCALE = 2; // of a PNG

export function element(name, attributes, ...children) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

/** The colours and the font of the page. */
export function pageStyle() {
  const style = getComputedStyle(document.querySelector(".stApp"));
  return { background: style.backgroundColor, colour: style.color, font: style.fontFamily };
}

const measuring = document.createElement("canvas").getContext("2d");

/** A text as lines that are no wider than so many pixels. */
export function wrapped(text, width, font) {
  measuring.font = font;
  const lines = [""];
  for (const word of text.split(/\s+/)) {
    const longer = lines.at(-1) ? `${lines.at(-1)} ${word}` : word;
    if (measuring.measureText(longer).width <= width || !lines.at(-1)) lines[lines.length - 1] = longer;
    else lines.push(word);
    while (measuring.measureText(lines.at(-1)).width > width) { // one long word, such as an address
      const long = lines.pop();
      let fits = long.length - 1;
      while (fits > 1 && measuring.measureText(long.slice(0, fits)).width > width) fits -= 1;
      lines.push(long.slice(0, fits), long.slice(fits));
    }
  }
  return lines;
}

/** drawn: an SVG element of so many pixels, which becomes part of the figure. Returns the figure as an SVG element. */
export function figureOf({ drawn, width, height }, captions) {
  const { background, colour, font } = pageStyle(), wide = Math.max(width, LEAST);
  const lines = captions.flatMap((text) => wrapped(text, wide, `${SMALL}px ${font}`));
  const full = { width: Math.ceil(wide + 2 * PAD), height: Math.ceil(height + 2.5 * PAD + lines.length * LINE) };
  for (const [name, value] of Object.entries({ x: PAD, y: PAD, width, height })) drawn.setAttribute(name, value);
  drawn.style.color = colour;
  const caption = lines.map((text, i) =>
    element("text", { x: PAD, y: height + 2 * PAD + SMALL + i * LINE, "font-size": SMALL, fill: colour }, text));
  const size = { ...full, viewBox: `0 0 ${full.width} ${full.height}` };
  return element("svg", { xmlns: SVG, ...size, "font-family": font }, element("rect", { ...full, fill: background }), drawn, ...caption);
}

export const textOf = (figure) => new XMLSerializer().serializeToString(figure);

/** The page's font as a style sheet that stands by itself, because a picture may load nothing; empty if it cannot be read. */
async function fontRules(font) {
  const family = font.split(",")[0].replaceAll(/["']/g, "").trim();
  try {
    const rules = [...document.styleSheets].flatMap((sheet) => [...sheet.cssRules].map((rule) => ({ rule, sheet })));
    const { rule, sheet } = rules.find(({ rule: one }) =>
      one instanceof CSSFontFaceRule && one.style.fontStyle !== "italic" && one.style.fontFamily.replaceAll(/["']/g, "") === family);
    const address = new URL(rule.style.getPropertyValue("src").match(/url\("?([^")]+)/)[1], sheet.href ?? location.href);
    const file = await (await fetch(address)).blob();
    const data = await new Promise((done) => Object.assign(new FileReader(), { onload: (event) => done(event.target.result) }).readAsDataURL(file));
    return `@font-face { font-family: "${family}"; font-weight: 100 900; src: url(${data}) format("woff2"); }`;
  } catch {
    return "";
  }
}

/** A figure as a PNG of twice its size. */
export async function pngOf(figure) {
  const style = document.createElementNS(SVG, "style");
  style.textContent = await fontRules(figure.getAttribute("font-family"));
  const whole = figure.cloneNode(true);
  whole.prepend(style);
  const address = URL.createObjectURL(new Blob([textOf(whole)], { type: "image/svg+xml" }));
  try {
    const image = new Image();
    image.src = address;
    await image.decode();
    const canvas = document.createElement("canvas");
    Object.assign(canvas, { width: SCALE * figure.getAttribute("width"), height: SCALE * figure.getAttribute("height") });
    canvas.getContext("2d").drawImage(image, 0, 0, canvas.width, canvas.height);
    return await new Promise((done) => canvas.toBlob(done, "image/png"));
  } finally {
    URL.revokeObjectURL(address);
  }
}

export function save(content, type, name) {
  const address = URL.createObjectURL(content instanceof Blob ? content : new Blob([content], { type }));
  const link = Object.assign(document.createElement("a"), { href: address, download: name });
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(address), 10_000);
}
