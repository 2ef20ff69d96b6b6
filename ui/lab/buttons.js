// The buttons below the exhibit, and the exhibit's name for screen readers.

/** act: what the lab does when it is told to. signal: when to stop listening. Returns what shows the state in them. */
export function connectButtons(lab, state, act, signal) {
  const find = (name) => lab.querySelector(`.${name}`);
  find("play").onclick = act.toggle;
  find("again").onclick = act.startAgain;
  find("step").onclick = act.stepOnce;
  find("free").onclick = () => act.setPoints(!state.points);
  find("pull").onclick = () => act.showPulls(!state.showing);
  find("speed").onchange = ({ target: { value } }) => act.setSpeed(Number(value));
  find("framing").onchange = ({ target: { value } }) => act.frameBy(value);
  find("large").hidden = !document.fullscreenEnabled; // as on an iPhone
  find("large").onclick = () => {
    if (document.fullscreenElement) document.exitFullscreen();
    else lab.requestFullscreen().catch(() => {});
  };
  const fullScreen = () => {
    const large = (lab.getRootNode().fullscreenElement ?? document.fullscreenElement) === lab;
    lab.classList.toggle("projector", large);
    find("large").setAttribute("aria-pressed", String(large));
    find("large").textContent = large ? "Leave full screen" : "Full screen";
  };
  document.addEventListener("fullscreenchange", fullScreen, { signal });

  return () => {
    const { points, playing, showing } = state, canvas = find("scene");
    find("play").textContent = playing ? "Pause" : "Play";
    find("free").setAttribute("aria-pressed", String(points));
    find("pull").setAttribute("aria-pressed", String(showing));
    find("shares").style.visibility = points ? "hidden" : "";
    lab.classList.toggle("pointing", points);
    lab.dataset.playing = playing;
    canvas.setAttribute("role", "application");
    const keys = points ? "Arrow keys choose a point, shift and arrow keys move it" : "Arrow keys choose a picture, Escape clears it";
    const what = points ? "Forty points in twenty pairs." : "400 handwritten digits, each where its embedding lies.";
    canvas.setAttribute("aria-label", `${what} ${keys}, space plays and pauses.`);
  };
}
