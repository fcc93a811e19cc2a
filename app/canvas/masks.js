// Masks as things of their own: saved as a picture, loaded again, grown, shrunk, taken from what is
// transparent.
//
// As a file a mask is a PNG of the picture's size, white where it was painted; any picture is taken
// as one, scaled to the picture: a cell is painted where at least half of it is white.

const MASK_READ_PX = 2048; // longest side at which a mask is read, but for very fine cells
const MASK_READ_CELL_PX = 8;
const WHITE = 128; // of 255, from which a pixel counts as white

function createMasks(root, state, { setMask, alpha, say, fail }) {
  const dialog = root.querySelector(".mgs-masks");
  const chooser = dialog.querySelector("input[type=file]");

  const inverted = (cells) => cells.map((cell) => (cell ? 0 : state.swatch));
  const grown = (cells) => (state.lattice ? grownCells(state.lattice, cells) : cells);
  const inSwatch = (cells) => cells.map((cell) => (cell ? state.swatch : 0));
  const grow = () => setMask(grown(state.cells));
  function shrink() {
    const left = inverted(grown(inverted(state.cells)));
    setMask(left.map((cell, index) => cell && state.cells[index]));
  }

  function paintClear() {
    const cells = alpha() ? transparentCells(state.lattice, alpha()) : new Uint8Array(0);
    if (!countCells(cells)) return fail(word("masks.none_transparent"));
    setMask(inSwatch(cells));
    say("");
  }

  async function save() {
    const { width, height, cols, xs, ys } = state.lattice;
    const sheet = makeCanvas(width, height);
    const context = exactContext(sheet);
    context.fillRect(0, 0, width, height); // black
    context.fillStyle = "#fff";
    state.cells.forEach((cell, index) => {
      const [row, col] = [Math.floor(index / cols), index % cols];
      const [x, y] = [xs[col], ys[row]];
      if (cell) context.fillRect(x, y, xs[col + 1] - x, ys[row + 1] - y);
    });
    saveFile(await pngOfCanvas(sheet), "mask.png");
  }

  async function load(file) {
    if (!file || !state.lattice || state.running) return;
    const { lattice } = state;
    const bitmap = await createImageBitmap(file).catch(() => null);
    if (!bitmap) return fail(word("masks.unreadable", { name: file.name }));
    const cells = cellsOfBitmap(lattice, bitmap);
    bitmap.close();
    if (state.lattice !== lattice || state.running) return; // another picture came in between
    if (!countCells(cells)) return fail(word("masks.none_white", { name: file.name }));
    setMask(inSwatch(cells));
    say("");
  }

  function cellsOfBitmap({ width, height, cols, rows, xs, ys }, bitmap) {
    const wanted = Math.max(MASK_READ_PX, MASK_READ_CELL_PX * Math.max(cols, rows));
    const scale = Math.min(1, wanted / Math.max(width, height));
    const [across, down] = [width, height].map((length) => Math.max(1, Math.round(length * scale)));
    const sheet = makeCanvas(across, down);
    const context = exactContext(sheet);
    context.drawImage(bitmap, 0, 0, across, down);
    const { data } = context.getImageData(0, 0, across, down);
    const at = (edge, length, pixels) => Math.round((edge / length) * pixels);
    const cells = new Uint8Array(cols * rows);
    for (let index = 0; index < cells.length; index++) {
      const [row, col] = [Math.floor(index / cols), index % cols];
      const [left, right] = [xs[col], xs[col + 1]].map((edge) => at(edge, width, across));
      const [top, bottom] = [ys[row], ys[row + 1]].map((edge) => at(edge, height, down));
      let white = 0;
      for (let y = top; y < bottom; y++) {
        for (let x = left; x < right; x++) white += isWhite(data, 4 * (y * across + x));
      }
      cells[index] = Number(white > 0 && 2 * white >= (right - left) * (bottom - top));
    }
    return cells;
  }

  /** Whether an RGBA pixel, over black, is nearer to white. */
  function isWhite(data, i) {
    return ((data[i] + data[i + 1] + data[i + 2]) / 3) * (data[i + 3] / 255) >= WHITE;
  }

  chooser.addEventListener("change", () => {
    load(chooser.files[0]);
    chooser.value = ""; // choosing the same file again is a change again
  });
  dialog.addEventListener("click", (event) => {
    const isAway = event.target === dialog; // its backdrop
    if (isAway || event.target.closest("button")) dialog.close();
  });

  return {
    open: () => dialog.showModal(), grow, shrink, paintClear, choose: () => chooser.click(),
    save: () => save().catch((error) => fail(notSaved(error))),
    cellsOf: cellsOfBitmap,
  };
}
