// Where the names of groups stand on a map: at the middle of the group, or as near as no other name is.

const GAP = 4; // pixels between two names
const TURNS = 16; // directions in which a free place is looked for

/** Boxes of names without overlap: each label with its box's corner x, y, and `shift`, how far it was moved from its place.
 *
 * labels: { place, wide, high, ... }, the middle and the size of a box. room: { width, height } of the map. before: name ->
 * shift, tried first. One that finds no free place is left out. */
export function arranged(labels, room, before) {
  const found = [];
  for (const label of [...labels].sort((one, other) => one.place[1] - other.place[1])) {
    const { place, wide, high } = label;
    for (const shift of shifts(before.get(label.name), high, Math.max(room.width, room.height))) {
      const x = Math.min(room.width - wide - 2, Math.max(2, place[0] + shift[0] - wide / 2));
      const y = Math.min(room.height - high - 2, Math.max(2, place[1] + shift[1] - high / 2));
      const free = found.every((other) =>
        x + wide + GAP <= other.x || other.x + other.wide + GAP <= x || y + high + GAP <= other.y || other.y + other.high + GAP <= y);
      if (!free) continue;
      found.push({ ...label, x, y, shift: [x + wide / 2 - place[0], y + high / 2 - place[1]] });
      break;
    }
  }
  return found;
}

/** Where to look: in place, where it was before, and then on wider and wider circles. */
function* shifts(before, high, most) {
  yield [0, 0];
  if (before) yield before;
  for (let radius = high * 0.7; radius < most; radius += high * 0.5) {
    for (let turn = 0; turn < TURNS; turn++) {
      const angle = (2 * Math.PI * (turn + 0.5)) / TURNS;
      yield [1.6 * radius * Math.cos(angle), radius * Math.sin(angle)];
    }
  }
}
