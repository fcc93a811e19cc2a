// Small pictures with a caption, as the demonstrations show them.

const PLATE_PX = 288;
const VEIL = "#312b45";
const STRIPE = "rgb(255 255 255 / 16%)";

function createPlate(parent, title) {
  const figure = make("figure", "plate", parent);
  const canvas = make("canvas", "", figure);
  Object.assign(canvas, { width: PLATE_PX, height: PLATE_PX });
  canvas.setAttribute("role", "img");
  canvas.setAttribute("aria-label", title);
  const caption = make("figcaption", "", figure);
  make("b", "", caption, title);
  const note = make("span", "note", caption);
  const context = canvas.getContext("2d");
  context.imageSmoothingQuality = "high";

  /** Shows a picture, or nothing of it, with what is still open covered. */
  function show(picture, frame = null, [left, top, side] = [0, 0, picture?.width]) {
    context.clearRect(0, 0, PLATE_PX, PLATE_PX);
    if (picture) context.drawImage(picture, left, top, side, side, 0, 0, PLATE_PX, PLATE_PX);
    if (frame) cover(frame);
  }

  function cover({ grid, masked }) {
    const size = PLATE_PX / grid;
    const path = new Path2D();
    const cells = unpackCells(masked, grid * grid);
    cells.forEach((isMasked, i) => {
      if (isMasked) path.rect((i % grid) * size, Math.floor(i / grid) * size, size, size);
    });
    context.save();
    context.clip(path);
    context.fillStyle = VEIL;
    context.fillRect(0, 0, PLATE_PX, PLATE_PX);
    context.strokeStyle = STRIPE;
    context.lineWidth = 3;
    for (let x = -PLATE_PX; x < PLATE_PX; x += 14) {
      context.beginPath();
      context.moveTo(x, PLATE_PX);
      context.lineTo(x + PLATE_PX, 0);
      context.stroke();
    }
    context.restore();
  }

  figure.scrollIntoView({ block: "nearest" }); // on a phone, the text makes way
  return { figure, show, note: (text) => write(note, text) };
}

/** Bars, one for each pass, as high as the number of tiles it kept. */
function addBars(plate, counts) {
  const row = make("div", "bars", plate.figure);
  row.setAttribute("role", "img");
  const list = counts.map((value) => number.format(value)).join(", ");
  row.setAttribute("aria-label", fill(words.stops.cosine.bars, { counts: list }));
  const most = Math.max(...counts, 1);
  for (const value of counts) {
    const bar = make("span", "", row);
    make("b", "", bar, number.format(value)).ariaHidden = "true";
    make("i", "", bar).style.height = `${Math.max(2, (48 * value) / most)}px`;
  }
  row.scrollIntoView({ block: "nearest" });
}
