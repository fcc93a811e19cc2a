// The magic wand: cells of one colour, around the place that is pressed or anywhere.
//
// The picture is read once a stroke, scaled down: a cell of it keeps a good dozen pixels a side,
// which is plenty to say whether the cell has the colour, and a flood takes milliseconds then,
// however large the picture is. So does the reading: of a large picture it takes samples first.

const WAND_SHORT_SIDE = 384; // pixels at which the picture is read, and two a cell at least
const WAND_SAMPLES = 4; // along a pixel's side, of a picture that has more
const WAND_TOLERANCE = 24; // of 255, in every channel, where the pointer did not move
const WAND_REACH = 230; // by how much a drag over the whole short side widens it
const WAND_SHARE = 1 / 4; // of a cell's pixels: with less of the colour it is left alone

/** Gives a function of the tolerance, for the colour at a point: the cells that have it. */
function createWand(lattice, canvas, point, everywhere) {
  const { width, height } = lattice;
  const wanted = Math.max(WAND_SHORT_SIDE, 2 * lattice.grid);
  const scale = Math.min(1, wanted / Math.min(width, height));
  const [across, down] = [width, height].map((length) => Math.max(1, Math.round(length * scale)));
  const samples = scaled(canvas, WAND_SAMPLES * across, WAND_SAMPLES * down, "low");
  const { data } = scaled(samples, across, down, "high").getContext("2d")
    .getImageData(0, 0, across, down);

  const clamp = (value, end) => Math.max(0, Math.min(end - 1, Math.floor(value)));
  const start = clamp(point.y * scale, down) * across + clamp(point.x * scale, across);
  const cellOf = cellsOfPixels(lattice, across, down);
  const pixelsIn = new Uint32Array(lattice.size);
  for (const cell of cellOf) pixelsIn[cell]++;

  const [red, green, blue] = data.subarray(4 * start, 4 * start + 3);
  const distance = new Uint8Array(across * down); // to the colour, the largest of the channels
  for (let pixel = 0; pixel < distance.length; pixel++) {
    distance[pixel] = Math.max(
      Math.abs(data[4 * pixel] - red),
      Math.abs(data[4 * pixel + 1] - green),
      Math.abs(data[4 * pixel + 2] - blue),
    );
  }

  return (tolerance) => {
    const taken = everywhere
      ? distance.map((value) => Number(value <= tolerance))
      : floodedPixels(distance, across, start, tolerance);
    const hits = new Uint32Array(lattice.size);
    for (let pixel = 0; pixel < taken.length; pixel++) hits[cellOf[pixel]] += taken[pixel];
    const found = [cellOf[start]];
    for (let cell = 0; cell < hits.length; cell++) {
      if (hits[cell] && hits[cell] >= WAND_SHARE * pixelsIn[cell]) found.push(cell);
    }
    return found;
  };
}

/** A canvas scaled down to so many pixels; one that is smaller stays as it is. */
function scaled(canvas, width, height, quality) {
  if (canvas.width <= width && canvas.height <= height) return canvas;
  const sheet = makeCanvas(width, height);
  const context = sheet.getContext("2d", { alpha: false, willReadFrequently: true });
  context.imageSmoothingQuality = quality;
  context.drawImage(canvas, 0, 0, width, height);
  return sheet;
}

/** The tolerance of a drag: the farther from where it began, the more colours it takes. */
function wandTolerance(lattice, from, to) {
  const share = Math.hypot(to.x - from.x, to.y - from.y) / Math.min(lattice.width, lattice.height);
  return Math.min(255, WAND_TOLERANCE + WAND_REACH * share);
}

/** The cell of every pixel of the picture, scaled to `across` by `down` pixels. */
function cellsOfPixels({ width, height, cols, xs, ys }, across, down) {
  const cellAlong = (edges, length, pixels) => {
    let cell = 0;
    return Uint16Array.from({ length: pixels }, (_, pixel) => {
      while ((pixel + 0.5) * (length / pixels) >= edges[cell + 1]) cell++;
      return cell;
    });
  };
  const [columns, rows] = [cellAlong(xs, width, across), cellAlong(ys, height, down)];
  const cells = new Uint32Array(across * down);
  for (let i = 0; i < cells.length; i++) {
    cells[i] = rows[Math.floor(i / across)] * cols + columns[i % across];
  }
  return cells;
}

/** 1 for each pixel that hangs together with the first through pixels within the tolerance. */
function floodedPixels(distance, across, start, tolerance) {
  const taken = new Uint8Array(distance.length);
  const waiting = [start];
  taken[start] = 1;
  const visit = (next) => { // beyond the picture, `taken` is undefined
    if (taken[next] !== 0 || distance[next] > tolerance) return;
    taken[next] = 1;
    waiting.push(next);
  };
  while (waiting.length) {
    const pixel = waiting.pop();
    const column = pixel % across;
    visit(pixel - across);
    visit(pixel + across);
    if (column > 0) visit(pixel - 1);
    if (column < across - 1) visit(pixel + 1);
  }
  return taken;
}
