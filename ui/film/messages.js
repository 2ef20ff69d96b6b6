// What the parts of a film share: the event by which they hear each other, and where a moment lies between snapshots.

const EVENT = "vicreg-map"; // as in ui/picture_map: { link, frame, at }; { link, ask: true } asks for the moment

/** A moment in epochs as a number of the clock's moments: 1.25 is a quarter of the way from the second to the third. */
export function frameOf(clock, at) {
  let i = 0;
  while (i < clock.length - 2 && at > clock[i + 1]) i++;
  return clock.length < 2 ? 0 : i + Math.min(1, Math.max(0, (at - clock[i]) / (clock[i + 1] - clock[i])));
}

export const tell = (link, detail) => document.dispatchEvent(new CustomEvent(EVENT, { detail: { link, ...detail } }));

/** Calls heard(detail) for events of one link, until the returned function is called. link: a function. */
export function listen(link, heard) {
  const hear = ({ detail }) => detail.link === link() && heard(detail);
  document.addEventListener(EVENT, hear);
  return () => document.removeEventListener(EVENT, hear);
}
