// The paper: the stack of canvases that share the picture's own pixels and are moved by the view.
//
//   picture   what is seen of the document, whose exact pixels are on a canvas beside the page
//   clear     a checkerboard where the document is transparent
//   preview   the model's view of a step     ghost    a variation that is pointed at
//   before    the picture before, for comparing
//
// During a run that makes a picture of another size the paper already has that size: the present
// picture lies at its place on it (outpaint) or is out of sight (generate).

const MAX_TEXTURE = 8192; // pixels a side that a graphics card takes in one piece

function createPaper(root, view) {
  const element = root.querySelector(".mgs-paper");
  const canvas = makeCanvas(1, 1); // the document, pixel-exact; the only one that is ever saved
  const context = exactContext(canvas);
  const sheet = root.querySelector(".mgs-picture");
  const sheetContext = sheet.getContext("bitmaprenderer", { alpha: false });
  canvas.className = sheet.className;
  let shown = sheet;
  const board = root.querySelector(".mgs-clear");
  let staged = null;
  let alpha = null; // a canvas: how opaque each pixel is; null where all are

  const size = () => staged ?? { width: canvas.width, height: canvas.height };
  const fitView = () => view().setContent(size().width, size().height);

  /** Brings the document's pixels to the page, as a bitmap that nothing draws on: a canvas of the
   *  document's size is copied for every frame of the page where there is no graphics card, 20 ms
   *  each for 24 megapixels. */
  function show() {
    const { width, height } = canvas;
    const isLarge = Math.max(width, height) > MAX_TEXTURE;
    if (shown !== (isLarge ? canvas : sheet)) {
      shown.replaceWith(isLarge ? canvas : sheet);
      shown = isLarge ? canvas : sheet;
    }
    if (isLarge) return;
    Object.assign(sheet, { width, height }); // a bitmap does not bring its size along
    const copy = new OffscreenCanvas(width, height);
    copy.getContext("2d", { alpha: false }).drawImage(canvas, 0, 0);
    sheetContext.transferFromImageBitmap(copy.transferToImageBitmap());
  }

  function showBoard() {
    board.hidden = !alpha;
    if (!alpha) return Object.assign(board, { width: 1, height: 1 });
    drawBoard(board, alpha);
    board.style.width = `${canvas.width}px`;
    board.style.height = `${canvas.height}px`;
  }

  return {
    element, canvas, size,
    alpha: () => alpha,
    /** Puts a whole picture on the paper, on a larger sheet if a size and its place are given. */
    replace(colours, clear = null, [width, height] = [colours.width, colours.height], at = [0, 0]) {
      if (canvas.width !== width) canvas.width = width;
      if (canvas.height !== height) canvas.height = height;
      context.imageSmoothingEnabled = false; // setting a size forgets it
      context.drawImage(colours, ...at);
      alpha = clear && makeCanvas(width, height);
      if (alpha) exactContext(alpha).drawImage(clear, ...at);
      show();
      showBoard();
      this.stageSize(null);
    },
    /** Lays a patch on the picture; where the patch has pixels, the picture is opaque then. */
    draw(patch, left, top) {
      context.drawImage(patch, left, top);
      show();
      if (!alpha) return;
      const white = makeCanvas(patch.width, patch.height);
      const shape = white.getContext("2d");
      shape.drawImage(patch, 0, 0);
      shape.globalCompositeOperation = "source-in";
      shape.fillStyle = "#fff";
      shape.fillRect(0, 0, patch.width, patch.height);
      exactContext(alpha).drawImage(white, left, top);
      showBoard();
    },
    /** A part of the picture, at most `longest` pixels long, to look at. */
    copy({ left, top, width, height }, longest) {
      const scale = Math.min(1, longest / Math.max(width, height));
      const size = [width, height].map((length) => Math.max(1, Math.round(length * scale)));
      const crop = makeCanvas(...size);
      crop.getContext("2d").drawImage(canvas, left, top, width, height, 0, 0, ...size);
      return crop;
    },
    /** The picture's bytes: colours, and its transparency or null. */
    planes: () => ({ png: pngOfCanvas(canvas), alpha: alpha && pngOfCanvas(alpha) }),
    /** The picture on the paper as a file, with what it says beside its pixels. */
    async file({ png, chunks, isFile }) {
      if (alpha) return withChunks(await pngOfPlanes(canvas, alpha), chunks);
      return withChunks(await (isFile ? pngOfCanvas(canvas) : png), chunks);
    },
    stageSize(next, origin = null) {
      staged = next && { width: next[0], height: next[1] };
      for (const { style } of [sheet, canvas, board]) {
        style.left = `${origin?.[0] ?? 0}px`;
        style.top = `${origin?.[1] ?? 0}px`;
        style.visibility = staged && !origin ? "hidden" : "";
      }
      element.classList.toggle("mgs-staged", Boolean(staged));
      fitView();
    },
    pixel: (x, y) => [...context.getImageData(x, y, 1, 1).data.slice(0, 3)],
  };
}
