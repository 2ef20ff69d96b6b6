const watches = new WeakMap(); // Streamlit calls again with other data, and ends only the last call
const SMALLEST = 12; // pixels, of text as it is shown

export default function ({ data, parentElement }) {
  const box = parentElement.querySelector(".drawing");
  box.innerHTML = data.svg;
  for (const svg of box.querySelectorAll("svg[viewBox]")) {
    const sizes = [...svg.querySelectorAll("text")].map((text) => parseFloat(getComputedStyle(text).fontSize));
    if (sizes.length) svg.style.minWidth = `${(svg.viewBox.baseVal.width * SMALLEST) / Math.min(...sizes)}px`;
  }
  // What is wider than the screen scrolls, by keyboard too.
  const watch = new ResizeObserver(() => {
    const scrolls = box.scrollWidth > box.clientWidth + 1;
    const now = { tabindex: "0", role: "group", "aria-label": "Drawing, scrolls sideways" };
    for (const [name, value] of Object.entries(now)) scrolls ? box.setAttribute(name, value) : box.removeAttribute(name);
  });
  watches.get(box)?.disconnect();
  watches.set(box, watch);
  watch.observe(box);
  document.dispatchEvent(new Event("vicreg-drawn")); // for ui/take_away
  return () => watch.disconnect();
}
