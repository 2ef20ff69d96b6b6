// The small version on the page Start: trains, loses the variance term, gets it back, and stops.

const OFF = 230; // steps until variance goes off,
const ON = 380; // on again,
const END = 580; // and it ends

/** Adds its button and its link to the exhibit; returns what is to be called after every look. */
export function createSmall(exhibit, state, act, address) {
  const make = (tag, properties) => Object.assign(document.createElement(tag), properties);
  const replay = make("button", { type: "button", className: "strong", textContent: "Play again", hidden: true });
  const link = make("a", { href: address, target: "_self", textContent: "Switch the terms off yourself" });
  const place = make("p", { className: "replay" });
  place.append(replay, link);
  exhibit.append(place);
  replay.onclick = ({ detail }) => {
    if (!detail) act.lookAtExhibit(); // pressed by a key: the focus stays on the page
    replay.hidden = true;
    state.lead = "";
    act.restart({ ...state.settings, mu: 25 });
    act.play();
  };
  return () => {
    const { steps } = state.seen, mu = steps < OFF || steps >= ON ? 25 : 0;
    if (mu !== state.settings.mu) act.setWeight("mu", mu);
    state.lead = steps < OFF ? "" : mu ? "Variance back on: " : "Variance off: ";
    if (steps < END || !state.playing) return;
    act.pause();
    replay.hidden = false;
  };
}
