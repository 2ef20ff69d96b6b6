// What the scene draws, put together from the lab's state.

/** colours: of the classes and the hues. */
export function worldOf({ pictures, xy, points, style, choice, nearest, framing, views, pulls, settings }, colours) {
  const by = points ? "digit" : framing;
  const frames = (i) => (!by ? style.background : by === "digit" ? colours.classes[pictures.digit[i] % 10] : colours.hues[pictures[by][i]]);
  return {
    pixels: pictures?.pixels, version: pictures?.version, count: xy && pictures ? Math.min(xy.length / 2, pictures.digit.length) : 0, xy, pairs: points,
    framing: by, frames, style, choice, near: nearest, views: points ? null : views, pulls,
    labels: points || settings.dimensions === 2 ? ["z₁", "z₂"] : ["principal direction 1", "principal direction 2"],
  };
}
