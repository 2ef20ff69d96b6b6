// What lies over a map's points: names at the middle of each group, lines to true neighbours, rings, a lasso.

import { arranged } from "./names.js";

export function createOverlay(canvas) {
  const context = canvas.getContext("2d");
  let width = 0, height = 0, style = {}, moved = new Map();

  function ring(x, y, radius, colour, thick = 2.5) {
    for (const [paint, wide] of [[style.background, thick + 2.5], [colour, thick]]) {
      context.beginPath();
      context.arc(x, y, radius, 0, 7);
      Object.assign(context, { strokeStyle: paint, lineWidth: wide });
      context.stroke();
    }
  }

  function line(from, to, dashes, thick) {
    for (const [paint, wide] of [[style.background, thick + 2], [style.text, thick]]) {
      context.beginPath();
      context.setLineDash(paint === style.text ? dashes : []);
      context.moveTo(...from);
      context.lineTo(...to);
      Object.assign(context, { strokeStyle: paint, lineWidth: wide });
      context.stroke();
    }
    context.setLineDash([]);
  }

  return {
    resize(wide, high) {
      const ratio = devicePixelRatio || 1;
      [width, height] = [wide, high];
      [canvas.width, canvas.height] = [Math.round(wide * ratio), Math.round(high * ratio)];
      context.setTransform(canvas.width / wide, 0, 0, canvas.height / high, 0, 0);
    },
    restyle: (found) => (style = found),
    clear: () => context.clearRect(0, 0, width, height),

    /** A line to each neighbour: solid where the map keeps it among the nearest, dashed where it does not. */
    neighbours(from, ends) {
      for (const { place, kept } of ends.filter((end) => !end.kept)) line(from, place, [4, 4], 1.2, kept);
      for (const { place } of ends.filter((end) => end.kept)) line(from, place, [], 2);
      for (const { place, colour } of ends) ring(...place, 5, colour);
    },
    /** A circle of a known size, to hold the points against. */
    dashed([x, y], radius, colour) {
      context.setLineDash([7, 6]);
      context.beginPath();
      context.arc(x, y, radius, 0, 7);
      Object.assign(context, { strokeStyle: colour, lineWidth: 2.5 });
      context.stroke();
      context.setLineDash([]);
    },

    /** What to read where all points are in one spot: an arrow to it, and words above. */
    heap([x, y], words) {
      const fits = (size) => ((context.font = `700 ${size}px ${style.font}`), context.measureText(words).width <= width - 10);
      let size = Math.round(style.size * 1.35);
      while (size > 12 && !fits(size)) size -= 1;
      const top = Math.max(size + 6, y - 62);
      line([x, top + size / 2 + 4], [x, y - 14], [], 2.5);
      context.beginPath();
      context.moveTo(x, y - 8);
      context.lineTo(x - 7, y - 19);
      context.lineTo(x + 7, y - 19);
      context.fillStyle = style.text;
      context.fill();
      context.font = `700 ${size}px ${style.font}`;
      Object.assign(context, { textBaseline: "middle", textAlign: "center", strokeStyle: style.background, lineWidth: 5 });
      const half = context.measureText(words).width / 2 + 4, middle = Math.min(width - half, Math.max(half, x));
      context.strokeText(words, middle, top);
      context.fillText(words, middle, top);
    },

    chosen: ([x, y], radius) => ring(x, y, radius, style.primary, 3),
    hovered: ([x, y], radius) => ring(x, y, radius, style.text, 2),

    /** The ring in the middle that the keyboard moves the map under. */
    aim(radius) {
      ring(width / 2, height / 2, radius, style.primary, 2);
      context.fillStyle = style.primary;
      context.fillRect(width / 2 - 1, height / 2 - 5, 2, 10);
      context.fillRect(width / 2 - 5, height / 2 - 1, 10, 2);
    },

    lasso(polygon) {
      if (polygon.length < 2) return;
      context.beginPath();
      polygon.forEach((place, i) => (i ? context.lineTo(...place) : context.moveTo(...place)));
      context.closePath();
      Object.assign(context, { fillStyle: style.wash, strokeStyle: style.primary, lineWidth: 2 });
      context.fill();
      context.stroke();
    },

    /** Names with a spot of their colour: labels [{ name, colour, place, faded }]. One that would hide another one moves to the
     * nearest free place, with a line to where it belongs. It keeps that place while it can, so that names do not jump. */
    names(labels) {
      const high = style.size + 5;
      context.font = `600 ${style.size}px ${style.font}`;
      Object.assign(context, { textBaseline: "middle", textAlign: "left", lineWidth: 1.5 });
      const boxes = arranged(
        labels.map((label) => ({ ...label, wide: context.measureText(label.name).width + style.size + 14, high })), { width, height }, moved,
      );
      moved = new Map(boxes.map(({ name, shift }) => [name, shift]));
      for (const { place, shift, x, y, wide, faded } of boxes) {
        if (Math.hypot(...shift) < high / 2) continue;
        const to = [Math.min(x + wide, Math.max(x, place[0])), Math.min(y + high, Math.max(y, place[1]))];
        context.globalAlpha = faded ? 0.25 : 1;
        line(place, to, [], 1.2);
      }
      for (const { name, colour, faded, x, y, wide } of boxes) {
        context.globalAlpha = faded ? 0.25 : 0.92;
        context.fillStyle = style.background;
        context.beginPath();
        context.roundRect(x, y, wide, high, 5);
        context.fill();
        context.globalAlpha = faded ? 0.35 : 1;
        context.fillStyle = colour;
        context.beginPath();
        context.arc(x + 5 + style.size / 2, y + high / 2, style.size / 2.4, 0, 7);
        context.fill();
        context.fillStyle = style.text;
        context.fillText(name, x + 9 + style.size, y + high / 2 + 0.5);
      }
      context.globalAlpha = 1;
    },
  };
}
