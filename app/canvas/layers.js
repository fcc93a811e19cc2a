// The two layers above the picture, drawn at the display's resolution.
//
//   lower   tint and outline of the cells that will change, the model's window, grid lines,
//           overlays (maps.js)
//   upper   what moves: brush preview, the shape being drawn, keyboard cursor, shimmer of a run
//
// `invalidate(layer)` asks for a redraw; one animation frame later only the dirty layers are drawn.
// Nothing runs while nothing changes, except the shimmer of still masked tokens during a run; it
// moves by whole pixels, so that the model, which may share the processor, has the time in between.
// Of a lattice only what is in sight is drawn; cells of a pixel or two are drawn as one picture.

const TINY_PX = 3; // device pixels of a cell, below which it has no outline of its own
const [STAYS, CHANGES] = [90, 240]; // marks of painted cells, see `tint`
const SHIMMER_MS = 60; // for a pixel

function createLayers(root, lower, upper, view, state) {
  const [below, above] = [lower.getContext("2d"), upper.getContext("2d")];
  const coarse = window.matchMedia("(pointer: coarse)");
  const calm = window.matchMedia("(prefers-reduced-motion: reduce)");
  const dirty = { lower: true, upper: true };
  let scheduled = 0;
  let moving = 0;
  let colours = null;
  let veil = null;

  function invalidate(layer) {
    if (layer) dirty[layer] = true;
    else dirty.lower = dirty.upper = true;
    scheduled ||= requestAnimationFrame(draw);
  }

  function draw(now) {
    scheduled = 0;
    colours ??= readColours();
    if (dirty.lower) drawLower();
    if (dirty.upper) drawUpper(now);
    dirty.lower = dirty.upper = false;
    if (state.running && state.step && !calm.matches) moving ||= setTimeout(move, SHIMMER_MS);
  }

  function move() {
    moving = 0;
    invalidate("upper");
  }

  function readColours() {
    const style = getComputedStyle(root);
    const read = (name) => style.getPropertyValue(name).trim();
    const numbers = Array.from({ length: MAX_CLASSES }, (_, i) => i + 1);
    return {
      mask: read("--mgs-mask"),
      erase: read("--mgs-erase"),
      classes: numbers.map((number) => read(`--mgs-class-${number}`)),
    };
  }

  function begin(canvas, context) {
    const width = Math.round(view.width * view.ratio);
    const height = Math.round(view.height * view.ratio);
    if (canvas.width === width && canvas.height === height) context.clearRect(0, 0, width, height);
    else Object.assign(canvas, { width, height }); // this clears too
  }

  // Picture pixels to whole device pixels, so that neighbouring cells share an edge exactly.
  const deviceX = (x) => Math.round((view.x + x * view.scale) * view.ratio);
  const deviceY = (y) => Math.round((view.y + y * view.scale) * view.ratio);
  const onScreen = ({ x, y }) => [
    (view.x + x * view.scale) * view.ratio,
    (view.y + y * view.scale) * view.ratio,
  ];

  function cellBox(lattice, index) {
    const [row, col] = [Math.floor(index / lattice.cols), index % lattice.cols];
    const [x, y] = [deviceX(lattice.xs[col]), deviceY(lattice.ys[row])];
    return [x, y, deviceX(lattice.xs[col + 1]) - x, deviceY(lattice.ys[row + 1]) - y];
  }

  const isTiny = (lattice) => lattice.side * view.scale * view.ratio < TINY_PX;

  /** The rows and columns in sight: the first, and the one after the last. */
  function inSight({ xs, ys, cols, rows }) {
    const within = (edges, count, place, end) => {
      let [first, after] = [0, count];
      while (first < count && place(edges[first + 1]) <= 0) first++;
      while (after > first && place(edges[after - 1]) >= end) after--;
      return [first, after];
    };
    const across = within(xs, cols, deviceX, view.width * view.ratio);
    return [...within(ys, rows, deviceY, view.height * view.ratio), ...across];
  }

  /** The border of a set of cells as one path, in stretches as long as may be. */
  function outlineOf(lattice, has) {
    const path = new Path2D();
    const { cols, rows, xs, ys } = lattice;
    const [top, bottom, left, right] = inSight(lattice);
    const isIn = (row, col) =>
      row >= 0 && col >= 0 && row < rows && col < cols && Boolean(has(row * cols + col));
    const trace = (from, to, isBorder, draw) => {
      for (let start = -1, i = from; i <= to; i++) {
        const is = i < to && isBorder(i);
        if (is && start < 0) start = i;
        if (is || start < 0) continue;
        draw(start, i);
        start = -1;
      }
    };
    for (let row = top; row <= bottom; row++) {
      const y = deviceY(ys[row]);
      trace(left, right, (col) => isIn(row - 1, col) !== isIn(row, col), (first, end) => {
        path.moveTo(deviceX(xs[first]), y);
        path.lineTo(deviceX(xs[end]), y);
      });
    }
    for (let col = left; col <= right; col++) {
      const x = deviceX(xs[col]);
      trace(top, bottom, (row) => isIn(row, col - 1) !== isIn(row, col), (first, end) => {
        path.moveTo(x, deviceY(ys[first]));
        path.lineTo(x, deviceY(ys[end]));
      });
    }
    return path;
  }

  /** Washes a colour over cells: `marks` has 0 for none, and up to 255 for a strong one. */
  function tint(context, lattice, marks, colour, alpha) {
    context.fillStyle = colour;
    if (isTiny(lattice)) return tintTiny(context, lattice, marks, colour, alpha);
    const { cols, xs, ys } = lattice;
    const [top, bottom, left, right] = inSight(lattice);
    for (let row = top; row < bottom; row++) {
      const [y, below] = [deviceY(ys[row]), deviceY(ys[row + 1])];
      for (let col = left; col < right; ) {
        const mark = marks[row * cols + col];
        const start = col;
        while (col < right && marks[row * cols + col] === mark) col++;
        if (!mark) continue;
        const x = deviceX(xs[start]);
        context.globalAlpha = (alpha * mark) / 255;
        context.fillRect(x, y, deviceX(xs[col]) - x, below - y);
      }
    }
    context.globalAlpha = 1;
  }

  /** The same, with a border one cell wide, as a picture of a pixel a cell. */
  function tintTiny(context, lattice, marks, colour, alpha) {
    const { cols, rows, size, side, width, height } = lattice;
    const sheet = makeCanvas(cols, rows);
    const small = sheet.getContext("2d");
    const image = small.createImageData(cols, rows);
    for (let index = 0; index < size; index++) {
      const mark = marks[index];
      if (!mark) continue;
      const col = index % cols;
      const isInside = marks[index - cols] && marks[index + cols] && col > 0 && marks[index - 1] &&
        col < cols - 1 && marks[index + 1];
      image.data[4 * index + 3] = isInside ? mark * alpha : mark;
    }
    small.putImageData(image, 0, 0);
    small.globalCompositeOperation = "source-in";
    small.fillStyle = colour;
    small.fillRect(0, 0, cols, rows);
    const [x, y] = [deviceX(0), deviceY(0)];
    context.imageSmoothingEnabled = false;
    const box = [x, y, deviceX(width) - x, deviceY(height) - y];
    context.drawImage(sheet, 0, 0, width / side, height / side, ...box);
  }

  function strokeTwice(context, path, colour, width, halo = "rgba(255, 255, 255, 0.85)") {
    context.lineCap = "square";
    context.strokeStyle = halo; // a light rim keeps the line visible on any picture
    context.lineWidth = (width + 2) * view.ratio;
    context.stroke(path);
    context.strokeStyle = colour;
    context.lineWidth = width * view.ratio;
    context.stroke(path);
  }

  function drawLower() {
    begin(lower, below);
    const { lattice } = state;
    if (!lattice) return;
    if (state.step) {
      const pen = { cellBox, outlineOf, strokeTwice, ratio: view.ratio };
      drawMaps(below, state.step, OVERLAYS[state.overlay], state.aboutStep(), pen);
    } else if (state.shown) drawMask(lattice);
    if (state.showGrid && !state.run?.size) drawGrid(lattice);
    if (!state.step && state.tool !== "inspect") drawWindow(lattice);
    if (state.extend) drawExtension(lattice, state.extend);
  }

  function drawMask(lattice) {
    const { cells, sketched } = state;
    const changing = changingCells(lattice, cells);
    for (const number of numbersIn(cells)) {
      const marks = new Uint8Array(lattice.size);
      for (let index = 0; index < marks.length; index++) {
        if (cells[index] !== number || sketched?.[index]) continue;
        marks[index] = changing[index] ? CHANGES : STAYS;
      }
      const colour = colours.classes[number - 1];
      tint(below, lattice, marks, colour, 0.44);
      if (isTiny(lattice)) continue;
      strokeTwice(below, outlineOf(lattice, (index) => cells[index] === number), colour, 1.5);
    }
  }

  /** What the model will see, with its tokens; with the tool, all else is darker. */
  function drawWindow(lattice) {
    const isHeld = state.tool === "window";
    if (!isHeld && !(state.shown && countCells(state.cells))) return;
    const frame = state.framing ?? { lattice, at: windowCell(lattice, state.cells) };
    if (!frame.at) return;
    const [left, top, side] = squareAt(frame.lattice, frame.at);
    const [x, y, right, bottom] = [deviceX(left), deviceY(top), deviceX(left + side), deviceY(top + side)];
    const path = new Path2D();
    path.rect(x, y, right - x, bottom - y);
    if (state.showGrid) drawTokens(frame.lattice.span / frame.lattice.fine, [left, top, side]);
    if (!isHeld) {
      below.setLineDash([6 * view.ratio, 6 * view.ratio]);
      strokeTwice(below, path, "rgba(20, 20, 30, 0.75)", 1, "rgba(255, 255, 255, 0.55)");
      below.setLineDash([]);
      return;
    }
    const around = new Path2D(path);
    around.rect(deviceX(0), deviceY(0), deviceX(lattice.width) - deviceX(0), deviceY(lattice.height) - deviceY(0));
    below.fillStyle = "rgba(10, 10, 20, 0.35)";
    below.fill(around, "evenodd");
    strokeTwice(below, path, "rgba(20, 20, 30, 0.9)", 1.5, "rgba(255, 255, 255, 0.9)");
    const grip = (coarse.matches ? 16 : 10) * view.ratio;
    for (const [cornerX, cornerY] of [[x, y], [right, y], [x, bottom], [right, bottom]]) {
      const box = [cornerX - grip / 2, cornerY - grip / 2, grip, grip];
      below.fillStyle = "#fff";
      below.fillRect(...box);
      below.strokeStyle = "rgba(20, 20, 30, 0.9)";
      below.lineWidth = 1.5 * view.ratio;
      below.strokeRect(...box);
    }
  }

  /** Lines between the tokens of the window, brighter than the lattice. */
  function drawTokens(count, [left, top, side]) {
    if ((side / count) * view.scale < 5) return;
    const edges = Array.from({ length: count - 1 }, (_, i) => ((i + 1) * side) / count);
    const box = [deviceX(left), deviceY(top), deviceX(left + side), deviceY(top + side)];
    drawLines(edges.map((edge) => left + edge), edges.map((edge) => top + edge), box, 0.26, 0.42);
  }

  function drawGrid(lattice) {
    if (lattice.side * view.scale < 5) return; // finer than this it would be fog
    const box = [deviceX(0), deviceY(0), deviceX(lattice.width), deviceY(lattice.height)];
    drawLines(lattice.xs.slice(1, -1), lattice.ys.slice(1, -1), box, 0.17, 0.19);
  }

  /** A dark and a light line side by side are visible on every picture and loud on none. */
  function drawLines(xs, ys, [left, top, right, bottom], dark, light) {
    const [width, height] = [view.width * view.ratio, view.height * view.ratio];
    const isIn = (place, end) => place >= -1 && place <= end;
    const colours = [[0, `rgba(0, 0, 0, ${dark})`], [1, `rgba(255, 255, 255, ${light})`]];
    for (const [shift, colour] of colours) {
      below.fillStyle = colour;
      for (const x of xs.map(deviceX)) {
        if (isIn(x, width)) below.fillRect(x + shift, top, 1, bottom - top);
      }
      for (const y of ys.map(deviceY)) {
        if (isIn(y, height)) below.fillRect(left, y + shift, right - left, 1);
      }
    }
  }

  function drawExtension(lattice, { left, top, right, bottom }) {
    const { width, height } = lattice;
    const rectangle = (x0, y0, x1, y1) => {
      const path = new Path2D();
      path.rect(deviceX(x0), deviceY(y0), deviceX(x1) - deviceX(x0), deviceY(y1) - deviceY(y0));
      return path;
    };
    const frame = rectangle(-left, -top, width + right, height + bottom);
    const added = new Path2D(frame);
    added.addPath(rectangle(0, 0, width, height));
    below.fillStyle = colours.mask;
    below.globalAlpha = 0.3;
    below.fill(added, "evenodd");
    below.globalAlpha = 1;
    strokeTwice(below, frame, colours.mask, 1.5);
  }

  function drawUpper(now) {
    begin(upper, above);
    const { lattice } = state;
    if (!lattice) return;
    if (state.step) drawShimmer(state.step, now);
    state.marks?.(above, { cellBox, outlineOf, strokeTwice });
    if (state.step || state.running || ["inspect", "window"].includes(state.tool)) return;
    const isErasing = state.draft ? state.draft.value === 0 : state.tool === "eraser";
    const colour = isErasing ? colours.erase : colours.classes[state.swatch - 1];
    if (state.draft) drawDraft(lattice, state.draft, colour);
    else if (state.keyCursor >= 0) {
      drawTarget(lattice, cellCentre(lattice, state.keyCursor), colour, 2.5);
    } else if (state.hover) {
      drawHover(lattice, state.hover, colour);
    }
  }

  /** The cells that would be touched at a point. */
  function drawTarget(lattice, point, colour, width) {
    const marks = marksOf(lattice, state.target(point));
    tint(above, lattice, marks, "#fff", 0.22);
    if (isTiny(lattice)) return;
    const outline = outlineOf(lattice, (index) => marks[index]);
    strokeTwice(above, outline, colour, width, "rgba(255, 255, 255, 0.95)");
  }

  function marksOf(lattice, cells) {
    const marks = new Uint8Array(lattice.size);
    for (const index of cells) marks[index] = 255;
    return marks;
  }

  function drawHover(lattice, point, colour) {
    drawTarget(lattice, point, colour, 1);
    if (state.tool !== "brush" && state.tool !== "eraser") return;
    const ring = new Path2D();
    const radius = (state.size / 2) * lattice.side * view.scale * view.ratio;
    ring.arc(...onScreen(point), radius, 0, 7);
    strokeTwice(above, ring, "rgba(20, 20, 30, 0.8)", 1, "rgba(255, 255, 255, 0.8)");
  }

  function drawDraft(lattice, draft, colour) {
    tint(above, lattice, marksOf(lattice, draft.cells), colour, 0.3);
    const path = new Path2D();
    for (const point of draft.outline) path.lineTo(...onScreen(point));
    path.closePath();
    above.setLineDash([5 * view.ratio, 4 * view.ratio]);
    strokeTwice(above, path, "rgba(20, 20, 30, 0.9)", 1);
    above.setLineDash([]);
  }

  /** Still masked tokens: a soft veil with slow diagonal stripes (still, if motion is unwanted). */
  function drawShimmer(step, now) {
    if (!OVERLAYS[state.overlay].veils && !(state.running && state.overlay === "none")) return;
    const path = new Path2D();
    forEachToken(step, (token, x0, y0, x1, y1) => {
      if (!step.masked[token] || !mayChange(step, token)) return;
      const [x, y] = [deviceX(x0), deviceY(y0)];
      path.rect(x, y, deviceX(x1) - x, deviceY(y1) - y);
    });
    const moves = state.running && !calm.matches;
    const tile = stripes();
    tile.setTransform(new DOMMatrix().translate(moves ? Math.floor(now / SHIMMER_MS) * view.ratio : 0, 0));
    above.fillStyle = tile;
    above.fill(path);
  }

  /** A tile of the veil; filling with it is much cheaper than drawing stripes into a clip. */
  function stripes() {
    const side = Math.round(14 * view.ratio);
    if (veil?.side === side) return veil.pattern;
    const tile = makeCanvas(side, side);
    const context = tile.getContext("2d");
    context.fillStyle = "rgba(24, 20, 40, 0.34)";
    context.fillRect(0, 0, side, side);
    context.strokeStyle = "rgba(255, 255, 255, 0.30)";
    context.lineWidth = side / 5;
    for (const x of [-side, 0, side]) {
      context.moveTo(x - 1, side + 1);
      context.lineTo(x + side + 1, -1);
    }
    context.stroke();
    veil = { side, pattern: above.createPattern(tile, "repeat") };
    return veil.pattern;
  }

  const restyle = () => {
    colours = null;
    invalidate();
  };
  hearWhile(root, window.matchMedia("(prefers-color-scheme: dark)"), "change", restyle);
  const dress = new MutationObserver(() => (root.isConnected ? restyle() : dress.disconnect()));
  dress.observe(document.body, { attributeFilter: ["class"] });
  return { invalidate };
}
