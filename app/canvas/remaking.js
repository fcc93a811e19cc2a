// What a recipe brings back: the picture before the edit, what was painted on it, the controls.
//
// The picture that carries it was opened before and stays in the history, one undo away. A mask
// comes as a picture and becomes cells of the lattice that it was painted on; see document.js for
// what happens to it on another one.

function createRemaking(state, { paper, doc, cellsOf, settle }) {
  async function maskOf(picture, { mask, grid, lens, classes: further = [] }) {
    if (!mask) return null;
    const bitmap = await decodePixels(blobOfDataUrl(mask));
    const set = lens ?? plainLens(grid ?? state.grid());
    const painted = latticeFor(picture, set);
    const now = latticeFor(picture, lensFor(set, state.grid(), picture));
    const cells = cellsOf(painted, bitmap);
    bitmap.close();
    for (const [i, { mask: own }] of further.entries()) {
      const part = await decodePixels(blobOfDataUrl(own));
      cellsOf(painted, part).forEach((cell, index) => cell && cells[index] && (cells[index] = i + 2));
      part.close();
    }
    const classes = further.map(({ id }) => id);
    if (painted.grid === now.grid) return { cells, lens: set, classes };
    const carried = carryCells(cells, painted, now);
    return { cells: carried, painted: { grid: painted.grid, cells }, lens: set, classes };
  }

  async function show(recipe) {
    const { png, alpha, ...about } = recipe.before;
    const planes = { png: blobOfDataUrl(png), alpha: alpha && blobOfDataUrl(alpha) };
    const picture = makePicture({ ...about, ...planes });
    const mask = await maskOf(picture, recipe);
    const { colours, clear, close } = await decodePicture(picture);
    paper.replace(colours, clear);
    close();
    doc.add(picture, mask, true, null, false);
  }

  /** Gives the sentence that says what came back. */
  return async function remake(recipe) {
    if (recipe.before) await show(recipe);
    settle({ variations: 1, randomise: false, ...recipe.controls });
    return recipe.words;
  };
}
