// Where the figures of a page are, and each as an SVG of its own: charts, drawings, and maps of pictures.

import { element, pageStyle, wrapped } from "./image_files.js";

const TEXT = 13, ROW = 20, GAP = 16; // pixels, in the picture of a map

const shadows = () => [...document.querySelectorAll("[data-testid^=stBidiComponent]")].filter((host) => host.shadowRoot);
const keyOf = (host) => [...(host.closest("[class*=st-key-]")?.classList ?? [])].find((name) => name.startsWith("st-key-"))?.slice(7);
const rootOf = (key) => shadows().find((host) => keyOf(host) === key)?.shadowRoot;
const copied = (svg, width, height) => ({ drawn: svg.cloneNode(true), width, height });

/** The drawings of a page, which Python does not list: { key, name, found() }. */
export function drawings() {
  return shadows().flatMap((host) => {
    const svg = host.shadowRoot.querySelector(".drawing svg");
    if (!svg) return [];
    const name = svg.getAttribute("aria-label") ?? svg.querySelector("title")?.textContent ?? "Drawing";
    const key = keyOf(host);
    return [{ key, name, alt: name, found: () => drawing(rootOf(key)?.querySelector(".drawing svg")) }];
  });
}

function drawing(svg) {
  if (!svg) return null;
  const { width, height } = svg.getBoundingClientRect(), found = copied(svg, width, height);
  if (!svg.hasAttribute("viewBox")) found.drawn.setAttribute("viewBox", `0 0 ${width} ${height}`);
  return found;
}

/** One of the figures that Python lists, or null while it is not on the page. */
export function figureOnPage({ key, alt }) {
  const chart = [...document.querySelectorAll(".stVegaLiteChart")].find((one) => one.getAttribute("aria-label") === alt);
  const svg = chart?.querySelector("svg.marks");
  if (svg) return copied(svg, Number(svg.getAttribute("width")), Number(svg.getAttribute("height")));
  const root = rootOf(key), map = root?.querySelector(".picture-map"), film = root?.querySelector(".film-figures");
  return map ? mapOf(map) : film ? filmOf(film) : null;
}

/** The figures of a film as they are now, one below the other, each with its title and what each run has. */
function filmOf(root) {
  const { colour } = pageStyle(), parts = [];
  let width = 0, height = 0;
  for (const figure of root.querySelectorAll("figure")) {
    const svg = figure.querySelector("svg"), { width: wide, height: high } = svg.getBoundingClientRect();
    parts.push(element("text", { x: 0, y: height + TEXT, "font-size": TEXT, "font-weight": 600, fill: colour }, figure.querySelector("b").textContent));
    let x = wide;
    for (const one of [...figure.querySelectorAll(".values span")].reverse()) {
      if (one.className) parts.push(element("circle", { cx: x - 6, cy: height + TEXT - 5, r: 5, fill: one.style.background }));
      else parts.push(element("text", { x, y: height + TEXT, "font-size": TEXT, "text-anchor": "end", fill: colour }, one.textContent));
      x -= one.className ? 20 : one.getBoundingClientRect().width + 6;
    }
    const { drawn } = copied(svg, wide, high);
    for (const [name, value] of Object.entries({ x: 0, y: height + ROW, width: wide, height: high })) drawn.setAttribute(name, value);
    parts.push(drawn);
    [width, height] = [Math.max(width, wide), height + ROW + high + GAP];
  }
  return { drawn: element("svg", { viewBox: `0 0 ${width} ${height}` }, ...parts), width, height };
}

export const isMap = ({ key }) => Boolean(rootOf(key)?.querySelector(".picture-map"));

/** A picture map as it is now: its maps side by side with their titles, and the groups below. */
function mapOf(root) {
  const { colour, font } = pageStyle(), parts = [];
  const write = (x, y, text, more = {}) => parts.push(element("text", { x, y, "font-size": TEXT, fill: colour, ...more }, text));
  let x = 0, height = 0;
  for (const map of root.querySelectorAll("figure.map")) {
    const layers = [...map.querySelectorAll("canvas")], { clientWidth: wide, clientHeight: high } = layers[0];
    const words = (name) => map.querySelector(name)?.textContent.trim() ?? "";
    const notes = [`${words(".title")} ${words(".moment")}`.trim(), ...(words(".note") ? wrapped(words(".note"), wide, `${TEXT}px ${font}`) : [])];
    notes.forEach((line, i) => write(x, TEXT + i * ROW, line, i ? {} : { "font-weight": 600 }));
    const top = notes.length * ROW;
    for (const layer of layers) parts.push(element("image", { x, y: top, width: wide, height: high, href: layer.toDataURL() }));
    parts.push(element("rect", { x, y: top, width: wide, height: high, fill: "none", stroke: colour, "stroke-opacity": 0.3 }));
    [x, height] = [x + wide + GAP, Math.max(height, top + high)];
  }
  const width = x - GAP;
  let left = 0, row = height + ROW;
  for (const group of root.querySelectorAll(".legend .group")) {
    const across = 22 + TEXT * 0.62 * group.textContent.length + GAP;
    if (left + across > width) [left, row] = [0, row + ROW];
    parts.push(element("circle", { cx: left + 6, cy: row - 4, r: 6, fill: group.querySelector(".spot").style.background }));
    write(left + 18, row, group.textContent);
    left += across;
  }
  height = row + 6;
  return { drawn: element("svg", { viewBox: `0 0 ${width} ${height}` }, ...parts), width, height };
}
