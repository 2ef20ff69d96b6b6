// Frames of the screen: pictures glide to where they belong, free points take steps, and what changed is drawn.

const EASE = 70; // milliseconds in which a picture goes two thirds of its way
const DRAWING = 25; // milliseconds a frame: 40 a second, which leaves a single core time for the training
export const CALM = 1200; // milliseconds between two looks with reduced motion

/** Moves every picture a part of its way; whether any moved. */
function glide({ xy, target }, passed) {
  const part = 1 - Math.exp(-passed / EASE);
  let most = 0;
  for (let i = 0; i < xy.length; i++) {
    const left = target[i] - xy[i];
    xy[i] += part * left;
    most = Math.max(most, Math.abs(left));
  }
  return most > 1e-3;
}

/**
 * Asks for frames as long as something moves; afterwards only when told: draw() the scene, drawAll() at its present size
 * and style. end() stops it. act: draw() the scene, drawCharts(), step() the free points, look() at them.
 */
export function createFrames(lab, scene, state, calm, act) {
  let asked = 0, before = 0, owed = 0, due = 0, looked = 0, dirty = false, all = false; // before: 0 where nothing moved
  const drawn = []; // when, of the last 61

  const wake = () => (asked ||= requestAnimationFrame(frame));

  /** The steps of free points that are due; whether more will be. */
  function stepPoints(now, passed) {
    if (!state.points || !state.playing) return false;
    if (state.held >= 0 && now > state.heldUntil) state.held = -1;
    owed = Math.min(4, owed + (passed * Math.min(state.speed, 120)) / 1000);
    const look = owed >= 1 && now >= looked + (calm.matches ? CALM : 0);
    for (; owed >= 1; owed--) act.step();
    if (look) {
      looked = now;
      act.look();
    }
    return true;
  }

  function draw(now) {
    due = Math.max(due + DRAWING, now - DRAWING);
    act.draw();
    drawn.push(now);
    if (drawn.length > 61) drawn.shift();
    lab.dataset.frames = ((1000 * (drawn.length - 1)) / (now - drawn[0] || 1)).toFixed(1);
  }

  function frame(now) {
    asked = 0;
    if (!before) drawn.length = 0;
    const passed = before ? Math.min(100, now - before) : 1000 / 60;
    const stepping = stepPoints(now, passed), gliding = state.target && state.xy && !calm.matches && glide(state, passed);
    if (all) {
      scene.resize();
      act.drawCharts();
    }
    dirty ||= gliding;
    if (all || (dirty && now >= due)) {
      all = dirty = false;
      draw(now);
    }
    before = stepping || gliding || dirty ? now : 0;
    if (before) wake();
  }

  return {
    draw() {
      dirty = true;
      wake();
    },
    drawAll() {
      all = true;
      wake();
    },
    end() {
      cancelAnimationFrame(asked);
      asked = -1; // so that none is asked for
    },
  };
}
