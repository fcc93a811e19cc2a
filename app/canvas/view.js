// Zoom and pan: where the picture lies on the stage.
//
// `scale` is CSS pixels per picture pixel, (x, y) the picture's corner on the stage. The picture's
// own canvases are only moved by a CSS transform, so panning a large photo costs no redrawing; the
// layers above are drawn at the display's resolution and are told by `onChange`.

function createView(stage, paper, onChange) {
  const view = { scale: 1, x: 0, y: 0, width: 0, height: 0, ratio: 1, fitted: true };
  let [contentWidth, contentHeight] = [1, 1];
  let around = { left: 0, top: 0, right: 0, bottom: 0 }; // of the picture, to be in sight as well

  const margin = () => Math.min(24, view.width * 0.04);
  const fitScale = () =>
    Math.max(1e-3, Math.min(
      (view.width - 2 * margin()) / (around.left + contentWidth + around.right),
      (view.height - 2 * margin()) / (around.top + contentHeight + around.bottom),
      32,
    ));
  const minScale = () => Math.min(fitScale() * 0.5, 1);
  const maxScale = () => Math.max(fitScale() * 4, 32);

  function apply() {
    // Some of the picture always stays in reach, or a flick could lose it.
    const reach = Math.min(80, view.width / 4);
    const [width, height] = [contentWidth * view.scale, contentHeight * view.scale];
    const keep = (value, size, room) => Math.max(reach - size, Math.min(room - reach, value));
    const snap = (value) => Math.round(value * view.ratio) / view.ratio;
    view.x = snap(keep(view.x, width, view.width));
    view.y = snap(keep(view.y, height, view.height));
    paper.style.transform = `translate(${view.x}px, ${view.y}px) scale(${view.scale})`;
    paper.style.setProperty("--mgs-scale", view.scale); // the rim stays one pixel wide
    paper.classList.toggle("mgs-pixelated", view.scale * view.ratio >= 3);
    onChange();
  }

  view.fit = () => {
    view.scale = fitScale();
    const middle = (room, before, length, after) =>
      (room - (before + length + after) * view.scale) / 2 + before * view.scale;
    view.x = middle(view.width, around.left, contentWidth, around.right);
    view.y = middle(view.height, around.top, contentHeight, around.bottom);
    view.fitted = true;
    apply();
  };
  view.zoomTo = (scale, x = view.width / 2, y = view.height / 2) => {
    const next = Math.max(minScale(), Math.min(maxScale(), scale));
    view.x = x - ((x - view.x) * next) / view.scale; // the point under the pointer stays there
    view.y = y - ((y - view.y) * next) / view.scale;
    view.scale = next;
    view.fitted = false;
    apply();
  };
  view.zoomBy = (factor, x, y) => view.zoomTo(view.scale * factor, x, y);
  view.pan = (dx, dy) => {
    view.x += dx;
    view.y += dy;
    view.fitted = false;
    apply();
  };
  /** Another picture; zoom and place stay when the size is the same, so that undo does not jump. */
  view.setContent = (width, height) => {
    if (width === contentWidth && height === contentHeight) return;
    [contentWidth, contentHeight] = [width, height];
    paper.style.width = `${width}px`;
    paper.style.height = `${height}px`;
    view.fit();
  };
  /** What else is to be in sight, in pixels of the picture on each side; null for nothing. */
  view.surround = (room) => {
    around = room ?? { left: 0, top: 0, right: 0, bottom: 0 };
    if (view.fitted || room) view.fit();
  };
  view.toPicture = (event) => {
    const box = stage.getBoundingClientRect();
    return {
      x: (event.clientX - box.left - view.x) / view.scale,
      y: (event.clientY - box.top - view.y) / view.scale,
    };
  };

  /** Scrolls the page to the stage: who presses Fill far below it wants to see what comes of it. */
  view.bringIntoSight = () => {
    const { top, bottom, height } = stage.getBoundingClientRect();
    const seen = Math.min(bottom, innerHeight) - Math.max(top, 0);
    if (seen > height / 2) return;
    const isCalm = matchMedia("(prefers-reduced-motion: reduce)").matches;
    stage.scrollIntoView({ block: "center", behavior: isCalm ? "auto" : "smooth" });
  };

  const measure = () => {
    const [width, height] = [stage.clientWidth, stage.clientHeight];
    const ratio = window.devicePixelRatio || 1;
    if (!width || !height) return; // hidden, for instance in another tab of the page
    if (width === view.width && height === view.height && ratio === view.ratio) return;
    const [dx, dy] = [(width - view.width) / 2, (height - view.height) / 2];
    Object.assign(view, { width, height, ratio });
    if (view.fitted) return view.fit();
    view.x += dx;
    view.y += dy;
    apply();
  };
  new ResizeObserver(measure).observe(stage);
  return view;
}
