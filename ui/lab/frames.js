// Every frame of the screen: pictures glide to where they belong, free points take steps, and what changed is drawn.

const EASE = 70; // milliseconds in which a picture goes two thirds of its way
const DRAWING = 25; // milliseconds a frame: 40 a second, which leaves a single core time for the training

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
 * Draws as long as it is not ended; returns what ends it. state: `dirty` where the scene, `redraw` where all must be drawn.
 * act: draw() the scene, drawCharts(), step() of the free points, shown() after each frame.
 */
export function runFrames(lab, scene, state, calm, act) {
  let before = 0, owed = 0, due = 0, ended = false;
  const drawn = []; // when, of the last 61

  function frame(now) {
    if (ended) return;
    requestAnimationFrame(frame);
    const passed = Math.min(100, now - before);
    before = now;
    if (state.points && state.playing) {
      if (state.held >= 0 && now > state.heldUntil) state.held = -1;
      owed = Math.min(4, owed + (passed * Math.min(state.speed, 120)) / 1000);
      for (; owed >= 1; owed--) act.step();
    }
    if (scene.resize() || state.redraw) {
      state.dirty = true;
      state.redraw = false;
      act.drawCharts();
    }
    if (state.target && state.xy && !calm.matches && glide(state, passed)) state.dirty = true;
    if (state.dirty && now >= due) {
      state.dirty = false;
      due = Math.max(due + DRAWING, now - DRAWING);
      act.draw();
      drawn.push(now);
      if (drawn.length > 61) drawn.shift();
      lab.dataset.frames = ((1000 * (drawn.length - 1)) / (now - drawn[0] || 1)).toFixed(1);
    }
    act.shown();
  }

  requestAnimationFrame(frame);
  return () => (ended = true);
}
