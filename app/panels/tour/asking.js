// What the tour asks: the page for what is chosen on it, the server for passes of the model.
//
// The runs of the tour are its own: nothing of them reaches the person's picture or history.

const GAP_SHARE = 0.5; // side of the gap in the middle of a picture on which nothing is painted

function createAsking() {
  const waiting = [];

  /** The model, the class and the drawing as they are on the page now. */
  const situation = () =>
    new Promise((done) => {
      waiting.push(done);
      trigger("ask");
    });

  async function ask(name, question) {
    const answer = await server[name](question).catch(() => null);
    if (answer?.ok) return answer;
    throw new Error(answer?.error?.message ?? words.lost);
  }

  /** Begins a new picture of the chosen class. */
  async function begin(settings) {
    const { model, label } = await situation();
    return ask("start", { model, label, settings });
  }

  /** Begins to fill the person's picture, at a gap of our own if nothing is painted. */
  async function beginGap(settings = {}) {
    const { model, label, drawing } = await situation();
    const shown = JSON.parse(drawing || "null");
    if (!shown?.picture) throw new Error(words.no_picture);
    const { width, height, grid } = shown;
    const lattice = makeLattice(width, height, grid);
    const isUsable = shown.count > 0 && shown.count < lattice.size;
    const cells = isUsable ? shown.cells : packCells(middleOf(lattice));
    const count = countCells(unpackCells(cells, lattice.size));
    const gap = JSON.stringify({ ...shown, cells, count });
    return ask("start", { model, label, settings, drawing: gap });
  }

  function middleOf({ cols, rows, grid, size }) {
    const half = (grid * GAP_SHARE) / 2;
    const isNear = (place, all) => Math.abs(place + 0.5 - all / 2) < half;
    return Uint8Array.from({ length: size }, (_, i) =>
      Number(isNear(i % cols, cols) && isNear(Math.floor(i / cols), rows)));
  }

  /** One pass after another, each with the milliseconds it took from here. */
  async function* passes(frame, isOver, previews = true) {
    const { context } = frame;
    while (!frame.done_decoding && !isOver()) {
      const began = performance.now();
      frame = await ask("step", { context, state: frame.state, previews });
      yield { ...frame, context, took_ms: performance.now() - began };
    }
  }

  /** The picture of a frame; frames may come without one. */
  const pictureOf = async (frame) =>
    bitmapOf(frame.image ?? (await ask("look", { context: frame.context, state: frame.state })).image);

  const readBack = async ({ context }) => bitmapOf((await ask("reconstruct", { context })).image);

  const bitmapOf = (url) => createImageBitmap(blobOfDataUrl(url));

  watch("value", () => {
    for (const done of waiting.splice(0)) done(JSON.parse(props.value));
  });

  return { begin, beginGap, passes, pictureOf, readBack };
}
