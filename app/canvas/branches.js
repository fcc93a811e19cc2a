// The tree of branches as thumbnails: time goes to the right, every change makes a line below.
//
// Only what is in sight has elements, so hundreds of branches cost no more than a dozen; pictures
// are made when they come into sight, one after another, the last wish first.

const [PLACE_WIDTH, PLACE_HEIGHT] = [96, 96]; // CSS pixels
const THUMB_SIDE = 112; // device pixels; shown at half of it
const THUMBS_KEPT = 300;

function createBranches(root, state, { grove, walk, compare }) {
  const part = (name) => root.querySelector(`.mgs-${name}`);
  const [tree, sheet, lines] = ["tree", "tree-sheet", "tree-lines"].map(part);
  const [count, name] = ["branch-count", "branch-name"].map(part);
  const button = (does) => root.querySelector(`[data-branch=${does}]`);
  const [remove, versus, up] = ["delete", "versus", "up"].map(button);
  const shown = new Map(); // id of a node -> its element
  const thumbs = new Map(); // id -> canvas, oldest first
  const waiting = []; // ids whose pictures are wanted, the most wanted last
  let layout = { columns: 0, rows: 0, places: [] };
  let scheduled = 0;
  let seen = null; // id of the node that was open at the last refresh
  let isDrawing = false;
  let isPicking = false; // the next press chooses what to compare with
  let isSure = false; // Delete was pressed once

  function refresh() {
    layout = layOut(grove.forest, walk.last());
    sheet.style.width = `${layout.columns * PLACE_WIDTH}px`;
    sheet.style.height = `${layout.rows * PLACE_HEIGHT}px`;
    const open = grove.forest.nodes.get(walk.last());
    const total = layout.rows;
    count.textContent = total ? word("branches.count", { count: total }) : word("branches.none");
    if (document.activeElement !== name) name.value = open?.name ?? "";
    name.disabled = remove.disabled = versus.disabled = !open || walk.isBusy();
    up.disabled = !open || open.parent === null || walk.isBusy();
    isSure &&= Boolean(open) && remove.dataset.id === String(open.id);
    remove.textContent = isSure ? sureWords(open) : word("branches.delete");
    versus.setAttribute("aria-pressed", String(isPicking));
    versus.textContent = word(isPicking ? "branches.picking" : "branches.compare");
    tree.hidden = !total;
    schedule();
    if (open && open.id !== seen) bring(open.id);
    seen = open?.id ?? null;
  }

  const sureWords = ({ id }) => word("branches.sure", { count: grove.forest.below(id).length });

  function bring(id) {
    const place = layout.places.find((each) => each.id === id);
    if (!place) return;
    const [x, y] = [place.col * PLACE_WIDTH, place.row * PLACE_HEIGHT];
    const { scrollLeft: left, scrollTop: top, clientWidth: width, clientHeight: height } = tree;
    const within = (from, start, size, length) =>
      start < from ? start : Math.max(from, start + size - length);
    tree.scrollTo(within(left, x, PLACE_WIDTH, width), within(top, y, PLACE_HEIGHT, height));
  }

  const schedule = () => {
    scheduled ||= requestAnimationFrame(draw);
  };

  /** Gives elements to what is in sight, and to nothing else. */
  function draw() {
    scheduled = 0;
    const { scrollLeft, scrollTop, clientWidth, clientHeight } = tree;
    if (!clientWidth) return;
    const [firstCol, firstRow] = [scrollLeft / PLACE_WIDTH - 2, scrollTop / PLACE_HEIGHT - 2];
    const lastCol = (scrollLeft + clientWidth) / PLACE_WIDTH + 1;
    const lastRow = (scrollTop + clientHeight) / PLACE_HEIGHT + 1;
    const inSight = layout.places.filter(({ col, row }) =>
      col >= firstCol && col <= lastCol && row >= firstRow && row <= lastRow);
    const ids = new Set(inSight.map(({ id }) => id));
    for (const [id, element] of shown) {
      if (ids.has(id)) continue;
      element.remove();
      shown.delete(id);
    }
    for (const place of inSight) update(place);
    const elements = [...shown.values()];
    if (elements.length && !elements.some((element) => element.tabIndex === 0)) {
      elements[0].tabIndex = 0; // the Tab key has to find one
    }
    const reach = ({ from, row, col }) =>
      from && col >= firstCol && from.row <= lastRow && row >= firstRow && from.col <= lastCol;
    lines.setAttribute("d", layout.places.filter(reach).map(lineTo).join(""));
  }

  /** From the place before to this one: along its line, down, and on. */
  function lineTo({ from, col, row }) {
    const y = (at) => at * PLACE_HEIGHT + 32;
    const [start, end] = [from.col * PLACE_WIDTH + 64, col * PLACE_WIDTH + 8];
    if (from.row === row) return `M${start} ${y(row)}H${end}`;
    return `M${start + 12} ${y(from.row)}V${y(row) - 8}q0 8 8 8H${end}`;
  }

  function update({ id, col, row }) {
    const node = grove.forest.nodes.get(id);
    const element = shown.get(id) ?? make(id);
    element.style.translate = `${col * PLACE_WIDTH}px ${row * PLACE_HEIGHT}px`;
    const isOpen = id === walk.last();
    element.setAttribute("aria-selected", String(isOpen));
    element.setAttribute("aria-level", String(col + 1));
    element.tabIndex = isOpen ? 0 : -1;
    const title = node.name || node.edit || (node.parent === null ? word("player.start") : "");
    const step = node.parent === null ? "" : word("step_at", { step: node.step });
    const [first, second] = element.querySelectorAll("span");
    first.textContent = title || step;
    second.textContent = title ? step : "";
    element.title = [node.name, node.edit, step].filter(Boolean).join(", ") || word("player.start");
    element.setAttribute("aria-label", element.title);
    const canvas = thumbs.get(id);
    if (canvas) element.firstElementChild.replaceChildren(canvas);
    else want(id);
  }

  function make(id) {
    const element = document.createElement("button");
    element.type = "button";
    element.className = "mgs-branch";
    element.dataset.node = id;
    element.setAttribute("role", "treeitem");
    const picture = document.createElement("i");
    element.append(picture, document.createElement("span"), document.createElement("span"));
    element.addEventListener("click", () => press(id));
    sheet.append(element);
    shown.set(id, element);
    return element;
  }

  function press(id) {
    if (!isPicking) return walk.visit(id);
    isPicking = false;
    if (id !== walk.last()) compare(walk.last(), id);
    return refresh();
  }

  // --- pictures ------------------------------------------------------------------------------

  async function want(id) {
    const at = waiting.indexOf(id);
    if (at >= 0) waiting.splice(at, 1);
    waiting.push(id);
    if (isDrawing) return;
    isDrawing = true;
    while (waiting.length) {
      const next = waiting.pop();
      if (shown.has(next) && !thumbs.has(next)) await drawThumb(next).catch(() => {});
    }
    isDrawing = false;
  }

  async function drawThumb(id) {
    const node = grove.forest.nodes.get(id);
    if (!node) return;
    const canvas = makeCanvas(THUMB_SIDE, THUMB_SIDE);
    thumbs.set(id, canvas); // also where there is no picture: it would be asked for without end
    if (thumbs.size > THUMBS_KEPT) thumbs.delete(thumbs.keys().next().value);
    shown.get(id)?.firstElementChild.replaceChildren(canvas);
    const context = canvas.getContext("2d");
    context.imageSmoothingQuality = "high";
    const picture = await grove.pictureOf(node);
    const [left, top, side] = cropOf(grove.aboutOf(node)).map((share) => share * picture.width);
    context.drawImage(picture, left, top, side, side, 0, 0, THUMB_SIDE, THUMB_SIDE);
    if (node.parent !== null) return;
    context.fillStyle = "rgba(24, 20, 40, 0.75)"; // nothing is drawn yet: it would mislead
    context.fillRect(0, 0, THUMB_SIDE, THUMB_SIDE);
  }

  /** A square around the cells that may change, in shares of the window: left, top, side. */
  function cropOf({ open: cells, grid }) {
    const marked = [...cells.keys()].filter((cell) => cells[cell]);
    const span = (at) => [Math.min(...at), Math.max(...at) + 1];
    const [top, bottom] = span(marked.map((cell) => Math.floor(cell / grid)));
    const [left, right] = span(marked.map((cell) => cell % grid));
    const side = Math.min(grid, Math.max(bottom - top, right - left) + 2); // and a rim of one cell
    const start = (from, to) => Math.max(0, Math.min(grid - side, (from + to - side) / 2));
    return [start(left, right), start(top, bottom), side].map((value) => value / grid);
  }

  // --- buttons and keys ----------------------------------------------------------------------

  tree.addEventListener("scroll", schedule, { passive: true });
  new ResizeObserver(schedule).observe(tree);
  name.addEventListener("change", () => grove.rename(walk.last(), name.value.trim()));
  name.addEventListener("keydown", (event) => event.key === "Enter" && name.blur());
  up.addEventListener("click", () => walk.up());
  remove.addEventListener("click", () => {
    const id = walk.last();
    isSure = !isSure;
    remove.dataset.id = String(id);
    if (isSure) return refresh();
    return walk.remove(id);
  });
  remove.addEventListener("blur", () => {
    isSure = false;
    refresh();
  });
  versus.addEventListener("click", () => {
    isPicking = !isPicking;
    refresh();
  });
  tree.addEventListener("keydown", (event) => {
    if (event.key === "Escape") isPicking = false;
    const id = Number(event.target.dataset?.node);
    const at = layout.places.findIndex((place) => place.id === id);
    const place = layout.places[at];
    const to = {
      ArrowLeft: () => place.from,
      ArrowRight: () => layout.places.find(({ from }) => from === place),
      ArrowUp: () => layout.places.findLast(({ row }) => row === place.row - 1),
      ArrowDown: () => layout.places.find(({ row }) => row === place.row + 1),
    }[event.key];
    if (!place || !to) return;
    event.preventDefault();
    event.stopPropagation();
    const target = to();
    if (!target) return;
    bring(target.id);
    draw();
    shown.get(target.id)?.focus();
  });

  return { refresh, numShown: () => shown.size };
}
