// The page's end of the worker that trains.

/**
 * Starts it. take(look) is called with what it tells of the present run; the next comes after a frame of the screen at the
 * earliest. Returns how to tell it something, and to end it.
 */
export function startWorker(state, drawings, labels, take) {
  const source = URL.createObjectURL(new Blob([WORKER_SOURCE], { type: "text/javascript" }));
  const worker = new Worker(source);
  const tell = (type, more = {}) => worker.postMessage({ type, ...more });
  worker.onmessage = ({ data: message }) => {
    URL.revokeObjectURL(source);
    if (message.run !== state.run || state.points) return tell("shown");
    if (message.type === "pictures") state.pictures = { ...message, version: message.run };
    else {
      take(message);
      requestAnimationFrame(() => tell("shown"));
    }
  };
  tell("begin", { drawings, labels });
  return { tell, end: () => worker.terminate() };
}
