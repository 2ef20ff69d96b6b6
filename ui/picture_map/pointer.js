// Pointer, wheel, touch and keyboard on one map.

import { inside, pointAt } from "./geometry.js";

const CLICK = 5; // pixels that a pointer may move between down and up
const AIM = 36; // radius of the keyboard's ring in pixels
const SCROLLING = 400; // milliseconds after the page has scrolled in which the wheel goes on scrolling it

let scrolled = -Infinity; // when the page was last scrolled

/** Called once a component, for as long as it lives. Returns what undoes it. */
export function watchScrolling() {
  const noteScroll = () => (scrolled = performance.now());
  document.addEventListener("scroll", noteScroll, { capture: true, passive: true });
  return () => document.removeEventListener("scroll", noteScroll, { capture: true });
}

/** map: { canvas, camera, xy(), open(i), reach(touch) }. state.lasso: whether a drag draws one. act: hover, choose, mark,
 * unmark, redraw, moved, say. */
export function followHand(map, state, act) {
  const { canvas, camera } = map, down = new Map(); // pointers that are down: id -> [x, y]
  let lasso = null, travelled = 0, spread = 0;
  const hand = { lasso: () => lasso ?? [], aim: () => (canvas.matches(":focus-visible") ? AIM : 0) };

  const where = ({ clientX, clientY }) => {
    const box = canvas.getBoundingClientRect();
    return [clientX - box.left, clientY - box.top];
  };
  const found = (x, y, touch) => pointAt(camera, map.xy(), x, y, map.reach(touch), map.open);
  const within = (holds) => {
    const xy = map.xy(), all = [];
    for (let i = 0; i < xy.length / 2; i++) if (map.open(i) && holds(...camera.toScreen(xy[2 * i], xy[2 * i + 1]))) all.push(i);
    return all;
  };
  const pinch = () => {
    const [[ax, ay], [bx, by]] = [...down.values()];
    return { x: (ax + bx) / 2, y: (ay + by) / 2, apart: Math.hypot(ax - bx, ay - by) };
  };

  canvas.onpointerdown = (event) => {
    if (event.button) return;
    canvas.setPointerCapture(event.pointerId);
    down.set(event.pointerId, where(event));
    if (down.size === 1) {
      travelled = 0;
      lasso = state.lasso || event.shiftKey ? [where(event)] : null;
    } else {
      [lasso, spread] = [null, pinch()];
    }
  };

  const letGo = ({ pointerId }) => {
    if (!down.delete(pointerId)) return;
    lasso = null;
    act.redraw();
  };

  canvas.onpointermove = (event) => {
    if (!event.buttons) letGo(event); // a menu or another window may have had the pointer-up
    const [x, y] = where(event), before = down.get(event.pointerId);
    if (!before && event.pointerType === "touch") return;
    if (!before) return act.hover(found(x, y, false));
    travelled += Math.hypot(x - before[0], y - before[1]);
    down.set(event.pointerId, [x, y]);
    if (down.size > 1) {
      const now = pinch();
      camera.zoomAt(now.apart / Math.max(1, spread.apart), now.x, now.y);
      camera.move(now.x - spread.x, now.y - spread.y);
      spread = now;
      act.moved();
    } else if (lasso) {
      lasso.push([x, y]);
      act.redraw();
    } else if (travelled > CLICK) {
      camera.move(x - before[0], y - before[1]);
      act.moved();
    }
  };

  canvas.onpointerup = (event) => {
    if (!down.delete(event.pointerId)) return;
    const [x, y] = where(event);
    if (lasso && travelled > 3 * CLICK) act.mark(within((px, py) => inside(lasso, px, py)), event.ctrlKey || event.metaKey);
    else if (travelled <= CLICK) {
      const i = found(x, y, event.pointerType === "touch");
      state.touched = event.pointerType === "touch";
      act.choose(i);
      if (state.touched) act.hover(state.chosen); // no pointer stays there: the picture is shown until the next touch
    }
    lasso = null;
    act.redraw();
  };
  canvas.onpointercancel = canvas.onlostpointercapture = letGo;
  canvas.onpointerleave = (event) => event.pointerType !== "touch" && !hand.aim() && act.hover(-1);

  canvas.addEventListener("wheel", (event) => {
    const out = event.deltaY > 0;
    // The whole map is seen, or the page is being scrolled: then the wheel is the page's.
    if (!event.ctrlKey && ((out && camera.zoom === 1) || performance.now() - scrolled < SCROLLING)) return;
    event.preventDefault();
    const lines = event.deltaMode ? 30 : 1;
    camera.zoomAt(Math.exp(-Math.sign(event.deltaY) * Math.min(0.4, Math.abs(event.deltaY) * lines * (event.ctrlKey ? 0.01 : 0.0018))), ...where(event));
    act.moved();
    act.hover(found(...where(event), false));
  }, { passive: false });

  const middle = () => [camera.width / 2, camera.height / 2];
  function aimed() {
    const i = pointAt(camera, map.xy(), ...middle(), AIM, map.open);
    act.hover(i);
    return i;
  }

  canvas.onfocus = () => hand.aim() && (act.say(aimed()), act.redraw());
  canvas.onblur = () => (act.hover(-1), act.redraw());
  canvas.onkeydown = (event) => {
    if (event.altKey || event.metaKey || event.ctrlKey) return;
    const step = (event.shiftKey ? 0.3 : 0.08) * Math.min(camera.width, camera.height);
    const way = { ArrowLeft: [step, 0], ArrowRight: [-step, 0], ArrowUp: [0, step], ArrowDown: [0, -step] }[event.key];
    if (way) camera.move(...way);
    else if (event.key === "+" || event.key === "=") camera.zoomAt(1.4);
    else if (event.key === "-") camera.zoomAt(1 / 1.4);
    else if (event.key === "0") camera.reset();
    else if (event.key === "Enter") act.choose(aimed());
    else if (event.key === " ") act.mark(within((x, y) => Math.hypot(x - middle()[0], y - middle()[1]) <= AIM), true);
    else if (event.key === "Escape") act.clear();
    else return;
    event.preventDefault();
    event.stopPropagation(); // else a button with this key as its shortcut, the lesson's Next, is pressed too
    act.moved();
    if (!["Enter", " ", "Escape"].includes(event.key)) act.say(aimed());
  };
  return hand;
}
