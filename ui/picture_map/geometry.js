// Questions about points of a plane: which is here, which are inside, which are near, where is the middle of a group.

/** The point nearest to a place of the screen, of those that `open` lets through, at most `reach` pixels away; or -1. */
export function pointAt(camera, xy, x, y, reach, open) {
  const [planeX, planeY] = camera.toPlane(x, y), most = (reach / camera.scale) ** 2;
  let found = -1, least = most;
  for (let i = 0; i < xy.length / 2; i++) {
    const away = (xy[2 * i] - planeX) ** 2 + (xy[2 * i + 1] - planeY) ** 2;
    if (away <= least && open(i)) [found, least] = [i, away];
  }
  return found;
}

/** Whether a place is inside a polygon [[x, y], ...], by the number of edges to its right. */
export function inside(polygon, x, y) {
  let within = false;
  for (let i = 0, j = polygon.length - 1; i < polygon.length; j = i++) {
    const [ax, ay] = polygon[i], [bx, by] = polygon[j];
    if (ay > y !== by > y && x < ((bx - ax) * (y - ay)) / (by - ay) + ax) within = !within;
  }
  return within;
}

/** The k points nearest to point i on the map, nearest first; equal distances by number. */
export function nearestOnMap(xy, i, k) {
  const away = (j) => (xy[2 * j] - xy[2 * i]) ** 2 + (xy[2 * j + 1] - xy[2 * i + 1]) ** 2;
  const found = []; // [distance, point], rising
  for (let j = 0; j < xy.length / 2; j++) {
    if (j === i) continue;
    const distance = away(j);
    if (found.length === k && distance >= found[k - 1][0]) continue;
    let at = found.length;
    while (at > 0 && found[at - 1][0] > distance) at--;
    found.splice(at, 0, [distance, j]);
    if (found.length > k) found.pop();
  }
  return found.map(([, j]) => j);
}

/** Where most of each group's points are: the fullest cell of a coarse grid, its points' mean. group -> [x, y] or null. */
export function centresOf(xy, groups, count, [left, bottom, right, top]) {
  const across = 14, cells = new Float64Array(count * across * across * 3);
  const [wide, high] = [Math.max(1e-6, right - left), Math.max(1e-6, top - bottom)];
  for (let i = 0; i < groups.length; i++) {
    const column = Math.min(across - 1, Math.max(0, Math.floor((across * (xy[2 * i] - left)) / wide)));
    const row = Math.min(across - 1, Math.max(0, Math.floor((across * (xy[2 * i + 1] - bottom)) / high)));
    const cell = 3 * ((groups[i] * across + row) * across + column);
    cells[cell] += 1;
    cells[cell + 1] += xy[2 * i];
    cells[cell + 2] += xy[2 * i + 1];
  }
  return Array.from({ length: count }, (_, group) => {
    const at = (row, column, part) =>
      row < 0 || column < 0 || row >= across || column >= across ? 0 : cells[3 * ((group * across + row) * across + column) + part];
    let best = null, most = 0;
    for (let row = 0; row < across; row++) {
      for (let column = 0; column < across; column++) {
        const sum = (part) => {
          let total = 0;
          for (let r = row - 1; r <= row + 1; r++) for (let c = column - 1; c <= column + 1; c++) total += at(r, c, part);
          return total;
        };
        const full = sum(0) + at(row, column, 0);
        if (full > most) [most, best] = [full, [sum(1) / sum(0), sum(2) / sum(0)]];
      }
    }
    return best;
  });
}
