// The two layers above the picture, drawn at the display's resolution.
//
//   lower   tint and outline of the cells that will change, grid lines, overlays (maps.js)
//   upper   what moves: brush preview, the shape being drawn, keyboard cursor, shimmer of a run
//
// `invalidate(layer)` asks for a redraw; one animation frame later only the dirty layers are drawn.
// Nothing runs while nothing changes, except the shimmer of still masked tokens during a run.

function createLayers(root, lower, upper, view, state) {
  const [below, above] = [lower.getContext("2d"), upper.getContext("2d")];
  const calm = window.matchMedia("(prefers-reduced-motion: reduce)");
  const dirty = { lower: true, upper: true };
  let scheduled = 0;
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
    if (state.running && state.step && !calm.matches) invalidate("upper");
  }

  function readColours() {
    const style = getComputedStyle(root);
    const read = (name) => style.getPropertyValue(name).trim();
    return { mask: read("--mgs-mask"), erase: read("--mgs-erase") };
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

  /** The border of a set of cells as one path. */
  function outlineOf(lattice, has) {
    const path = new Path2D();
    const { cols, rows } = lattice;
    for (let index = 0; index < lattice.size; index++) {
      if (!has(index)) continue;
      const [x, y, width, height] = cellBox(lattice, index);
      const [row, col] = [Math.floor(index / cols), index % cols];
      const side = (open, x0, y0, x1, y1) => {
        if (!open) return;
        path.moveTo(x0, y0);
        path.lineTo(x1, y1);
      };
      side(row === 0 || !has(index - cols), x, y, x + width, y);
      side(row === rows - 1 || !has(index + cols), x, y + height, x + width, y + height);
      side(col === 0 || !has(index - 1), x, y, x, y + height);
      side(col === cols - 1 || !has(index + 1), x + width, y, x + width, y + height);
    }
    return path;
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
    if (state.extend) drawExtension(lattice, state.extend);
  }

  function drawMask(lattice) {
    const { cells, sketched } = state;
    below.fillStyle = colours.mask;
    below.globalAlpha = 0.42;
    for (let index = 0; index < lattice.size; index++) {
      if (cells[index] && !sketched?.[index]) below.fillRect(...cellBox(lattice, index));
    }
    below.globalAlpha = 1;
    strokeTwice(below, outlineOf(lattice, (index) => cells[index]), colours.mask, 1.5);
    drawSquareSeen(lattice, cells);
  }

  /** What the model will see of a picture that is longer than its square. */
  function drawSquareSeen(lattice, cells) {
    const square = lattice.width === lattice.height ? null : squareSeen(lattice, cells);
    if (!square) return;
    const [left, top, side] = square;
    const [x, y] = [deviceX(left), deviceY(top)];
    const path = new Path2D();
    path.rect(x, y, deviceX(left + side) - x, deviceY(top + side) - y);
    below.setLineDash([6 * view.ratio, 6 * view.ratio]);
    strokeTwice(below, path, "rgba(20, 20, 30, 0.75)", 1, "rgba(255, 255, 255, 0.55)");
    below.setLineDash([]);
  }

  function drawGrid(lattice) {
    if (lattice.side * view.scale < 5) return; // finer than this it would be fog
    const [left, right] = [deviceX(0), deviceX(lattice.width)];
    const [top, bottom] = [deviceY(0), deviceY(lattice.height)];
    // A dark and a light line side by side are visible on every picture and loud on none.
    for (const [shift, colour] of [[0, "rgba(0, 0, 0, 0.17)"], [1, "rgba(255, 255, 255, 0.19)"]]) {
      below.fillStyle = colour;
      for (const x of lattice.xs.slice(1, -1)) {
        below.fillRect(deviceX(x) + shift, top, 1, bottom - top);
      }
      for (const y of lattice.ys.slice(1, -1)) {
        below.fillRect(left, deviceY(y) + shift, right - left, 1);
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
    if (state.step || state.running || state.tool === "inspect") return;
    const isErasing = state.draft ? state.draft.value === 0 : state.tool === "eraser";
    const colour = isErasing ? colours.erase : colours.mask;
    if (state.draft) drawDraft(lattice, state.draft, colour);
    else if (state.keyCursor >= 0) {
      drawTarget(lattice, cellCentre(lattice, state.keyCursor), colour, 2.5);
    } else if (state.hover) {
      drawHover(lattice, state.hover, colour);
    }
  }

  /** The cells that would be touched at a point. */
  function drawTarget(lattice, point, colour, width) {
    const cells = state.target(point);
    above.fillStyle = "rgba(255, 255, 255, 0.22)";
    for (const index of cells) above.fillRect(...cellBox(lattice, index));
    const outline = outlineOf(lattice, (index) => cells.has(index));
    strokeTwice(above, outline, colour, width, "rgba(255, 255, 255, 0.95)");
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
    above.fillStyle = colour;
    above.globalAlpha = 0.3;
    for (const index of draft.cells) above.fillRect(...cellBox(lattice, index));
    above.globalAlpha = 1;
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
    tile.setTransform(new DOMMatrix().translate(moves ? (now / 60) * view.ratio : 0, 0));
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
  window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", restyle);
  new MutationObserver(restyle).observe(document.body, { attributeFilter: ["class"] });
  return { invalidate };
}
