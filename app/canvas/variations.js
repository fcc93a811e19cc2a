// Variations: the results of one run as thumbnails. Pointing at one shows it in place, a click
// takes it, and as many as somebody likes are kept as branches. All variations have pixels in the
// same places, so going from one to another never leaves pixels of the first.

const THUMBNAIL = 144; // device pixels; shown at half of it

function createVariations(root, ghost, state, { paper, render, doc, player, branch, say, fail }) {
  const strip = root.querySelector(".mgs-variations");
  let pointing = 0;
  let showing = 0; // number of the newest wish: another run may come while thumbnails are made

  function clear() {
    showing++;
    strip.replaceChildren();
    strip.hidden = true;
    hideGhost();
  }

  async function show(run) {
    clear();
    if (!run?.done || run.patches.length < 2) return;
    const mine = showing;
    for (let i = 0; i < run.patches.length; i++) {
      const thumbnail = await makeThumbnail(run, i);
      if (mine !== showing) return;
      strip.append(thumbnail);
    }
    refresh();
  }

  async function makeThumbnail(run, index) {
    const button = document.createElement("button");
    const { seed } = run.patches[index];
    button.type = "button";
    button.className = "mgs-thumbnail";
    const key = seed === undefined ? "variations.one" : "variations.one_seed";
    button.title = word(key, { number: index + 1, seed });
    button.setAttribute("aria-label", button.title);
    button.append(await drawThumbnail(run, index));
    button.addEventListener("pointerenter", () => showGhost(run, index));
    button.addEventListener("focus", () => showGhost(run, index));
    button.addEventListener("pointerleave", hideGhost);
    button.addEventListener("blur", hideGhost);
    button.addEventListener("click", () => take(run, index));
    const variation = document.createElement("div");
    variation.className = "mgs-variation";
    variation.append(button, makeKeep(run, index));
    return variation;
  }

  function makeKeep(run, index) {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "mgs-keep";
    button.title = word("variations.keep_title", { number: index + 1 });
    button.setAttribute("aria-label", button.title);
    button.addEventListener("click", () => keep(run, index, button));
    return button;
  }

  async function keep(run, index, button) {
    if (button.disabled) return;
    button.disabled = true;
    try {
      await branch.keep(run, index);
      say(word("variations.kept_as"));
    } catch (error) {
      fail(error.message);
    }
    refresh();
  }

  async function drawThumbnail(run, index) {
    const bitmap = await decodePixels(run.patches[index].blob);
    const canvas = makeCanvas(THUMBNAIL, THUMBNAIL);
    const context = canvas.getContext("2d");
    context.imageSmoothingQuality = "high";
    const { left, top, side } = cropOf(run);
    context.scale(THUMBNAIL / side, THUMBNAIL / side);
    context.translate(-left, -top);
    if (!run.size || run.origin) context.drawImage(paper.canvas, 0, 0);
    context.drawImage(bitmap, run.patches[index].left ?? 0, run.patches[index].top ?? 0);
    bitmap.close();
    return canvas;
  }

  /** A square around what has changed, with something of its surroundings. */
  function cropOf(run) {
    const [width, height] = run.size ?? [paper.canvas.width, paper.canvas.height];
    const area = run.area ?? { left: 0, top: 0, width, height };
    const side = Math.min(width, height, 1.4 * Math.max(area.width, area.height));
    const within = (middle, end) => Math.max(0, Math.min(end - side, middle - side / 2));
    return {
      left: within(area.left + area.width / 2, width),
      top: within(area.top + area.height / 2, height),
      side,
    };
  }

  async function showGhost(run, index) {
    const token = ++pointing;
    const bitmap = await decodePixels(run.patches[index].blob);
    if (token !== pointing) return bitmap.close();
    const area = run.area ?? { left: 0, top: 0, width: run.size[0], height: run.size[1] };
    Object.assign(ghost, { width: area.width, height: area.height });
    Object.assign(ghost.style, { left: `${area.left}px`, top: `${area.top}px` });
    const context = ghost.getContext("2d");
    const { left = 0, top = 0 } = run.patches[index];
    context.drawImage(bitmap, left - area.left, top - area.top);
    bitmap.close();
    ghost.hidden = false;
  }

  function hideGhost() {
    pointing++;
    ghost.hidden = true;
  }

  /** Takes the place of the result in the history; after further painting it is a new entry. */
  async function take(run, index) {
    if (state.running || !player.isRelevant()) return;
    const shown = state.picture;
    const picture = await render(run, index).catch((error) => fail(error.message));
    if (!picture) return;
    if (picture !== shown) doc.swap(picture, run);
    hideGhost();
    player.show(run.steps);
    refresh();
  }

  function refresh() {
    const { run } = state;
    strip.hidden = state.running || strip.childElementCount === 0 || !player.isRelevant();
    [...strip.querySelectorAll(".mgs-keep")].forEach((button, index) => {
      const isKept = branch.isKept(run, index);
      button.textContent = word(isKept ? "variations.kept" : "variations.keep");
      button.setAttribute("aria-pressed", String(isKept));
      button.disabled = isKept;
      button.hidden = !run?.nodes; // of stitched windows there are no branches
    });
    [...strip.querySelectorAll(".mgs-thumbnail")].forEach((button, index) => {
      const taken = run?.results?.[index] !== undefined && run.results[index] === state.picture;
      button.setAttribute("aria-pressed", String(taken));
    });
  }

  return { clear, show, refresh };
}
