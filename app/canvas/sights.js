// What is looked at, made when it is looked at, and kept: pictures of steps, maps of uncertainty,
// the tokenizer's own picture.
//
// A run with previews brings the pictures along; one without does not even draw them. Whoever looks
// gets a promise, and the same one the next time. Decoded pictures are many bytes, so the ones not
// looked at for long are dropped and decoded again.

const BITMAPS_KEPT = 48;

function createSights(ask) {
  const bitmaps = new Map(); // step or run -> promise of its bitmap, least recently used first
  const [images, maps, reconstructions] = [new WeakMap(), new WeakMap(), new WeakMap()];

  /** A promise per key; a failure is forgotten, so that looking again tries again. */
  function remember(memory, key, make) {
    if (!memory.has(key)) {
      const promise = make();
      memory.set(key, promise);
      promise.catch(() => memory.delete(key));
    }
    return memory.get(key);
  }

  const canAsk = (run, step) => Boolean(run.context && step?.state);
  /** Before the first pass there is nothing to draw but the picture itself. */
  const hasPicture = (run, step) => Boolean(step.image) || (step.index > 0 && canAsk(run, step));

  async function imageOf(run, step) {
    if (step.image) return step.image;
    const { image } = await remember(images, step, () => ask("look", run, { state: step.state }));
    step.image = image;
    return image;
  }

  function keptBitmap(key, image) {
    const found = remember(bitmaps, key, async () =>
      createImageBitmap(blobOfDataUrl(await image())),
    );
    bitmaps.delete(key);
    bitmaps.set(key, found);
    if (bitmaps.size > BITMAPS_KEPT) bitmaps.delete(bitmaps.keys().next().value);
    return found;
  }

  /** How undecided the model is about each cell, 0 to 255: from one likely code to all alike. */
  async function entropy(run, step) {
    const map = () => ask("maps", run, { state: step.state });
    return numbersOf((await remember(maps, step, map)).entropy);
  }

  return {
    canAsk, hasPicture, entropy,
    bitmap: (run, step) => keptBitmap(step, () => imageOf(run, step)),
    /** The window written down and read again by the tokenizer, with nothing imagined. */
    reconstruction: (run) =>
      keptBitmap(run, async () => {
        const { image } = await remember(reconstructions, run, () => ask("reconstruct", run, {}));
        return image;
      }),
    forget: () => bitmaps.clear(),
  };
}
