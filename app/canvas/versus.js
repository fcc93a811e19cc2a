// Two branches against each other: side by side, with a divider, or the cells in which they differ.

const VERSUS_SIDE = 512; // device pixels of each picture

function createVersus(root, { grove, fail }) {
  const dialog = root.querySelector(".mgs-versus");
  const view = dialog.querySelector(".mgs-versus-view");
  const [one, other] = view.querySelectorAll("canvas");
  const captions = view.querySelectorAll("figcaption");
  const words = dialog.querySelector(".mgs-versus-words");
  const share = dialog.querySelector(".mgs-versus-share");
  const modes = [...dialog.querySelectorAll("[data-versus]")];
  let pair = null; // {pictures, differing}

  function titleOf(node) {
    const name = node.name || node.edit || (node.parent === null ? word("player.start") : "");
    return word(name ? "versus.node" : "step_at", { name, step: node.step });
  }

  /** Opens with two nodes, by their ids. */
  async function open(...ids) {
    try {
      const nodes = ids.map((id) => grove.forest.nodes.get(id));
      const steps = [];
      for (const node of nodes) steps.push(await grove.stepOf(node)); // one question at a time
      const pictures = await Promise.all(nodes.map((node) => grove.pictureOf(node)));
      pair = { pictures, differing: differences(...steps), step: steps[1] };
      nodes.forEach((node, i) => {
        captions[i].textContent = titleOf(node);
      });
      words.textContent = sentence(pair.differing);
      setMode("side");
      dialog.showModal();
    } catch (error) {
      fail(error.message);
    }
  }

  function sentence(differing) {
    if (!differing) return word("versus.elsewhere");
    const { count, cells } = differing;
    if (!count) return word("versus.same");
    return word("versus.differ", { count, all: cells.length });
  }

  function setMode(mode) {
    view.dataset.mode = mode;
    share.hidden = mode !== "divider";
    for (const button of modes) {
      button.setAttribute("aria-pressed", String(button.dataset.versus === mode));
      button.disabled = button.dataset.versus === "cells" && !pair.differing;
    }
    draw(one, pair.pictures[0]);
    draw(other, pair.pictures[1]);
    if (mode === "cells") [one, other].forEach(markDiffering);
    divide();
  }

  function draw(canvas, picture) {
    Object.assign(canvas, { width: VERSUS_SIDE, height: VERSUS_SIDE });
    const context = canvas.getContext("2d");
    context.imageSmoothingQuality = "high";
    context.drawImage(picture, 0, 0, VERSUS_SIDE, VERSUS_SIDE);
  }

  /** What is the same steps back, what differs is outlined. */
  function markDiffering(canvas) {
    const context = canvas.getContext("2d");
    const { differing, step: { grid } } = pair;
    const edge = (at) => Math.round((at * VERSUS_SIDE) / grid);
    differing.cells.forEach((differs, cell) => {
      const [row, col] = [Math.floor(cell / grid), cell % grid];
      const [x, y] = [edge(col), edge(row)];
      const box = [x, y, edge(col + 1) - x, edge(row + 1) - y];
      context.fillStyle = "rgba(255, 255, 255, 0.62)";
      if (!differs) return context.fillRect(...box);
      context.strokeStyle = "rgb(190, 24, 93)";
      context.lineWidth = 2;
      return context.strokeRect(box[0] + 1, box[1] + 1, box[2] - 2, box[3] - 2);
    });
  }

  function divide() {
    view.style.setProperty("--mgs-share", `${share.value}%`);
  }

  share.addEventListener("input", divide);
  for (const button of modes) {
    button.addEventListener("click", () => setMode(button.dataset.versus));
  }
  dialog.querySelector("[data-close]").addEventListener("click", () => dialog.close());

  return { open };
}
