// A picture made larger: how many pixels each side gets, and what fits. Plain arithmetic.
//
//   size    {width, height} of the picture as it is
//   sides   {left, top, right, bottom}: pixels to add, whole and never negative: nothing is cut off
//   grip    {x, y}: what is dragged, -1 for left or top, 1 for right or bottom, 0 for neither
//
// The server has the same limits and checks again (app/controls.py, app/desk.py, canvas/drawing.py).

const SIDES = ["left", "top", "right", "bottom"];
const MAX_ADDED_PX = 8192; // on a side at once
const MAX_LARGER_PX = 64e6; // of the whole new picture
const MAX_LONG_PX = 32767; // the longest canvas a browser draws
const SHARE_OF_ROOM = 0.25; // of the frame, left free around it to be dragged into

const sidesOf = (values) =>
  Object.fromEntries(SIDES.map((side) => [side, addedPx(values?.[side])]));
const addedPx = (value) => Math.max(0, Math.min(MAX_ADDED_PX, Math.round(Number(value) || 0)));
const isLarger = (sides) => SIDES.some((side) => sides[side] > 0);
const areSameSides = (a, b) => SIDES.every((side) => a[side] === b[side]);

function enlargedSize({ width, height }, { left, top, right, bottom }) {
  return { width: left + width + right, height: top + height + bottom };
}

function fitsEnlarged(size, sides) {
  const { width, height } = enlargedSize(size, sides);
  return width * height <= MAX_LARGER_PX && Math.max(width, height) <= MAX_LONG_PX;
}

/** The sides on the way from `from` to `to`, as far as they fit; taking back always fits. */
function sidesThatFit(size, from, to) {
  const way = (share) =>
    Object.fromEntries(
      SIDES.map((side) => [side, Math.floor(from[side] + share * (to[side] - from[side]))]),
    );
  const isSmaller = SIDES.every((side) => to[side] <= from[side]);
  if (isSmaller || fitsEnlarged(size, to)) return to;
  let [low, high] = [0, 1];
  for (let i = 0; i < 24; i++) {
    const middle = (low + high) / 2;
    if (fitsEnlarged(size, way(middle))) low = middle;
    else high = middle;
  }
  return way(low);
}

/** The sides after a grip was moved by so many pixels; `isBoth` moves the opposite one, too. */
function draggedSides(size, from, { x, y }, dx, dy, isBoth = false) {
  const to = { ...from };
  const move = (sign, by, before, after) => {
    if (!sign) return;
    const [held, opposite] = sign < 0 ? [before, after] : [after, before];
    to[held] = addedPx(from[held] + sign * by);
    if (isBoth) to[opposite] = addedPx(from[opposite] + sign * by);
  };
  move(x, dx, "left", "right");
  move(y, dy, "top", "bottom");
  return sidesThatFit(size, from, to);
}

/** Reads "16:9", "2.35 x 1" and the like as [width, height]; null where it is no shape. */
function shapeOf(text) {
  const number = String.raw`(\d{1,5}(?:[.,]\d{1,4})?)`;
  const found = new RegExp(String.raw`^\s*${number}\s*[:x×/]\s*${number}\s*$`, "i").exec(text);
  const shape = found?.slice(1).map((digits) => Number(digits.replace(",", ".")));
  return shape?.every((length) => length > 0) ? shape : null;
}

/** What to add so that the picture gets a shape: on both sides, `before` it (left or above) or after.
 *
 * Null where it would grow beyond what fits.
 */
function sidesForShape(size, [width, height], where = "both") {
  const across = Math.max(0, Math.round((size.height * width) / height) - size.width);
  const down = Math.max(0, Math.round((size.width * height) / width) - size.height);
  const split = (added) => {
    const first = { before: added, after: 0, both: Math.floor(added / 2) }[where];
    return [first, added - first];
  };
  const [[left, right], [top, bottom]] = [split(across), split(down)];
  const sides = { left, top, right, bottom };
  const isAllowed = SIDES.every((side) => sides[side] <= MAX_ADDED_PX);
  return isAllowed && fitsEnlarged(size, sides) ? sides : null;
}

/** What is to be in sight around the picture: the frame, and room to drag it outwards. */
function roomAround(size, sides) {
  const { width, height } = enlargedSize(size, sides);
  const [across, down] = [width, height].map((length) => length * SHARE_OF_ROOM);
  const { left, top, right, bottom } = sides;
  return { left: left + across, right: right + across, top: top + down, bottom: bottom + down };
}
