// What happens to the page around the lab: its size, its screen, its address, and whether it can be seen.

/** act: restyle() for another size or screen, forget() lost drawings, drive() the worker, pace() it, goTo() the address. */
export function watchPage(lab, canvas, calm, signal, act) {
  const sizes = new ResizeObserver(act.restyle);
  sizes.observe(lab); // grows with its text
  sizes.observe(canvas);
  signal.addEventListener("abort", () => sizes.disconnect());
  window.addEventListener("resize", act.restyle, { signal }); // also for another pixel ratio
  document.addEventListener("visibilitychange", act.drive, { signal });
  calm.addEventListener("change", act.pace, { signal });
  window.addEventListener("popstate", act.goTo, { signal });
  const restored = () => {
    act.forget();
    act.restyle();
  };
  lab.addEventListener("contextrestored", restored, { signal, capture: true }); // of any of its canvases
}
