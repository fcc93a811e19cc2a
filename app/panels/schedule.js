// The schedule as a curve to look at and to draw: the share of cells still masked over the passes.
//
// Gradio calls this with `element`, `trigger`, `props` and `watch`; schedule.py puts `curves` (the
// schedules that have a name) and the words in front. The value is the schedule as the engine reads
// it: a name, or "custom:" and shares at evenly spaced moments. A point that is dragged takes its
// neighbours along where the curve would rise, so that every drawing is a schedule: from all masked
// to none. The event "draw" is told when a point is let go.

const CUSTOM = "custom:";
const POINTS = 9; // of a schedule that is drawn; the first and the last stay where they are
const REACH = 20; // around a point, for fingers
const AREA = { left: 30, top: 8, right: 292, bottom: 112 };
const SVG = "http://www.w3.org/2000/svg";

const svg = element.querySelector("svg");
let shares = []; // what is shown, from 1 to 0
let handles = [];
let held = null; // {index, handle} under the pointer

const make = (name, attributes, parent = svg) => {
  const node = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  parent.append(node);
  return node;
};
const xOf = (moment) => AREA.left + moment * (AREA.right - AREA.left);
const yOf = (share) => AREA.bottom - share * (AREA.bottom - AREA.top);
const percent = (share) => `${Math.round(100 * share)} %`;

function read(value) {
  if (!value?.startsWith(CUSTOM)) return curves[value] ?? null;
  const found = value.slice(CUSTOM.length).split(",").map(Number);
  return found.length > 1 && found.every((share) => share >= 0 && share <= 1) ? found : null;
}

/** The curve at a moment from 0 to 1: straight between its points. */
function shareAt(moment) {
  const place = moment * (shares.length - 1);
  const low = Math.min(shares.length - 2, Math.floor(place));
  return shares[low] + (shares[low + 1] - shares[low]) * (place - low);
}

const isDrawn = () => props.value?.startsWith(CUSTOM) ?? false;
const numPoints = () => (isDrawn() ? shares.length : POINTS);
const momentOf = (index) => index / (numPoints() - 1);

const curve = (() => {
  for (const share of [0, 0.5, 1]) {
    const y = yOf(share);
    make("line", { class: "mgd-line", x1: AREA.left, x2: AREA.right, y1: y, y2: y });
    make("text", { x: AREA.left - 5, y: y + 3, "text-anchor": "end" }).textContent = percent(share);
  }
  make("text", { x: AREA.left, y: 126 }).textContent = word("start");
  make("text", { x: AREA.right, y: 126, "text-anchor": "end" }).textContent = word("end");
  return make("polyline", { class: "mgd-curve" });
})();

function makeHandles() {
  for (const handle of handles) handle.remove();
  handles = Array.from({ length: numPoints() - 2 }, (_, i) => {
    const handle = make("g", { class: "mgd-point", tabindex: 0, role: "slider" });
    const about = { "aria-orientation": "vertical", "aria-valuemin": 0, "aria-valuemax": 100 };
    for (const [key, value] of Object.entries(about)) handle.setAttribute(key, value);
    handle.setAttribute("aria-label", word("point", { done: percent(momentOf(i + 1)) }));
    make("circle", { class: "mgd-reach", r: REACH }, handle);
    make("circle", { class: "mgd-dot", r: 5 }, handle);
    handle.addEventListener("pointerdown", (event) => grasp(event, i + 1, handle));
    // Inside an SVG, Chromium takes no notice of touch-action: the page would scroll instead.
    handle.addEventListener("touchstart", (event) => event.preventDefault(), { passive: false });
    handle.addEventListener("keydown", (event) => press(event, i + 1));
    return handle;
  });
}

function show() {
  const points = shares.map((share, i) => `${xOf(i / (shares.length - 1))},${yOf(share)}`);
  curve.setAttribute("points", points.join(" "));
  if (handles.length !== Math.max(0, numPoints() - 2)) makeHandles();
  handles.forEach((handle, i) => {
    const share = shareAt(momentOf(i + 1));
    handle.setAttribute("transform", `translate(${xOf(momentOf(i + 1))} ${yOf(share)})`);
    handle.setAttribute("aria-valuenow", Math.round(100 * share));
    handle.setAttribute("aria-valuetext", percent(share));
  });
}

/** Moves a point, and others out of its way; a named schedule becomes a drawn one. */
function move(index, share) {
  const count = numPoints();
  const now = Array.from({ length: count }, (_, i) => shareAt(i / (count - 1)));
  const to = Math.max(0, Math.min(1, share));
  const next = now.map((old, i) => {
    if (i === 0 || i === count - 1) return i ? 0 : 1;
    return i < index ? Math.max(old, to) : i > index ? Math.min(old, to) : to;
  });
  shares = next.map((value) => Number(value.toFixed(2)));
  props.value = CUSTOM + shares.join(",");
  show();
}

function grasp(event, index, handle) {
  event.preventDefault(); // nothing is to be selected
  handle.focus({ preventScroll: true });
  handle.setPointerCapture(event.pointerId);
  handle.classList.add("mgd-held");
  held = { index, handle };
}

function drag(event) {
  if (!held) return;
  const { top, height } = svg.getBoundingClientRect();
  const y = ((event.clientY - top) / height) * svg.viewBox.baseVal.height;
  move(held.index, (AREA.bottom - y) / (AREA.bottom - AREA.top));
}

function release() {
  if (!held) return;
  held.handle.classList.remove("mgd-held");
  held = null;
  if (isDrawn()) trigger("draw");
}

function press(event, index) {
  const small = { ArrowUp: 0.01, ArrowRight: 0.01, ArrowDown: -0.01, ArrowLeft: -0.01 };
  const by = { ...small, PageUp: 0.1, PageDown: -0.1, Home: -1, End: 1 }[event.key];
  if (!by) return;
  event.preventDefault();
  move(index, shareAt(momentOf(index)) + by);
  trigger("draw");
}

function follow() {
  const found = read(props.value);
  if (!found || held) return; // half typed, or somebody is drawing
  shares = found;
  show();
}

svg.setAttribute("aria-label", word("curve"));
element.querySelector(".mgd-hint").textContent = word("hint");
svg.addEventListener("pointermove", drag);
svg.addEventListener("pointerup", release);
svg.addEventListener("pointercancel", release);
watch("value", follow);
follow();
