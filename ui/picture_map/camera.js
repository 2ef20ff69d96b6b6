// Which part of a map's plane is seen: moved by a drag, scaled by the wheel, fitted to all points at first.

const MOST_ZOOM = 60;
const MARGIN = 18; // pixels between the outermost points and the edge

export function createCamera() {
  let box = [0, 0, 1, 1], fitted = 1;
  const camera = {
    zoom: 1, x: 0.5, y: 0.5, scale: 1, width: 1, height: 1,
    /** box: [left, bottom, right, top] that the whole map fills. */
    fit(bounds) {
      box = bounds;
      camera.reset();
    },
    resize(width, height) {
      Object.assign(camera, { width, height });
      rescale();
    },
    reset() {
      Object.assign(camera, { zoom: 1, x: (box[0] + box[2]) / 2, y: (box[1] + box[3]) / 2 });
      rescale();
    },
    toScreen: (x, y) => [camera.width / 2 + (x - camera.x) * camera.scale, camera.height / 2 - (y - camera.y) * camera.scale],
    toPlane: (x, y) => [camera.x + (x - camera.width / 2) / camera.scale, camera.y - (y - camera.height / 2) / camera.scale],
    move(right, down) {
      camera.x = Math.min(box[2], Math.max(box[0], camera.x - right / camera.scale));
      camera.y = Math.min(box[3], Math.max(box[1], camera.y + down / camera.scale));
    },
    /** Scales by a factor; what is under x, y stays there. */
    zoomAt(factor, x = camera.width / 2, y = camera.height / 2) {
      const [planeX, planeY] = camera.toPlane(x, y);
      camera.zoom = Math.min(MOST_ZOOM, Math.max(1, camera.zoom * factor));
      rescale();
      if (camera.zoom === 1) return camera.reset();
      camera.x = planeX - (x - camera.width / 2) / camera.scale;
      camera.y = planeY + (y - camera.height / 2) / camera.scale;
      camera.move(0, 0);
    },
  };

  function rescale() {
    const [wide, high] = [Math.max(1e-6, box[2] - box[0]), Math.max(1e-6, box[3] - box[1])];
    fitted = Math.max(1, Math.min((camera.width - 2 * MARGIN) / wide, (camera.height - 2 * MARGIN) / high));
    camera.scale = fitted * camera.zoom;
  }
  return camera;
}
