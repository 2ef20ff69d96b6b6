import { whenIdle } from "./when_idle.js";

const SETTLED = 200; // milliseconds without another change
const watches = new WeakMap(); // Streamlit calls again with other data and with another theme

export default function ({ data, parentElement, setStateValue }) {
  const element = parentElement.host ?? parentElement;
  if (!watches.has(element)) watches.set(element, watchOf(element, data.width));
  const watch = watches.get(element);
  watch.tell = (width) => setStateValue("width", width);
  watch.measure();
  return () => {
    watch.end();
    watches.delete(element);
  };
}

/** Measures the element, and tells each width once. known: the width that Python has. */
function watchOf(element, known) {
  let timer = 0, ended = false;
  const watch = { tell() {}, measure, end };
  function measure() { // what is enlarged for a lecture hall has so much less room
    const scale = Number(getComputedStyle(element).getPropertyValue("--present-scale")) || 1;
    const width = Math.floor(element.getBoundingClientRect().width / scale / 20) * 20;
    if (ended || width <= 0) return;
    if (scale === 1) keep(width);
    if (width === known) return;
    known = width;
    whenIdle(() => !ended && width === known && watch.tell(width));
  }
  function end() {
    ended = true;
    clearTimeout(timer);
    observer.disconnect();
  }
  const observer = new ResizeObserver(() => { clearTimeout(timer); timer = setTimeout(measure, SETTLED); });
  observer.observe(element);
  return watch;
}

/** A cookie, so that the first page of the next visit has the right width at once. */
function keep(width) {
  const framed = location.protocol === "https:" ? "Secure; SameSite=None; Partitioned" : "SameSite=Lax";
  document.cookie = `vicreg-width=${width}; Max-Age=31536000; ${framed}`;
}
