// Pointer, touch and keyboard on the exhibit: choosing a picture, dragging a free point.

import { nextInDirection } from "./places.js";

const STAYS = 1500; // milliseconds that a point stays where the keyboard put it
const FAR = 0.15; // how far an arrow key moves it

/** act: choose(i), move(point, x, y), toggle() for play and pause, read() for the caption. world: what is drawn. */
export function followHand(canvas, scene, state, act, world) {
  const where = ({ clientX, clientY }) => {
    const box = canvas.getBoundingClientRect();
    return [clientX - box.left, clientY - box.top];
  };
  const touch = ({ pointerType }) => pointerType === "touch";
  const release = () => Object.assign(state, { held: -1, heldUntil: 0 });

  canvas.onpointermove = (event) => {
    const [x, y] = where(event);
    if (state.heldUntil === Infinity && !event.buttons) release(); // nothing told that it was let go
    if (state.points && state.held >= 0 && event.buttons) {
      act.move(state.held, ...scene.toPlane(x, y));
    } else if (!touch(event) && state.xy) {
      const found = scene.at(x, y, world());
      if (found !== state.choice) act.choose(found);
    }
  };
  canvas.onpointerdown = (event) => {
    if (event.button !== 0) return;
    const found = state.xy ? scene.at(...where(event), world(), touch(event) ? 14 : 4) : -1;
    act.choose(found);
    if (!state.points || found < 0) return;
    [state.held, state.heldUntil] = [found, Infinity];
    canvas.setPointerCapture(event.pointerId);
  };
  canvas.onlostpointercapture = release; // let go, cancelled or lost
  canvas.onpointerleave = (event) => {
    if (!touch(event) && state.held < 0 && canvas.getRootNode().activeElement !== canvas) act.choose(-1);
  };
  canvas.onkeydown = (event) => {
    if (event.altKey || event.ctrlKey || event.metaKey) return; // the browser's, as Alt+Left
    const { points, choice, xy, target } = state;
    const way = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] }[event.key];
    if (event.key === "Escape") act.choose(-1);
    else if (event.key === " ") event.repeat || act.toggle();
    else if (way && points && event.shiftKey && choice >= 0) {
      [state.held, state.heldUntil] = [choice, performance.now() + STAYS];
      act.move(choice, xy[2 * choice] + FAR * way[0], xy[2 * choice + 1] + FAR * way[1]);
    } else if (way && xy) {
      act.choose(choice < 0 ? Math.floor(xy.length / 4) : nextInDirection(target ?? xy, choice, ...way));
      act.read();
    } else return;
    event.preventDefault();
    event.stopPropagation(); // as in ui/picture_map/pointer.js
  };
}
