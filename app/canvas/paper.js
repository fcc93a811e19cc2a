// The paper: the stack of canvases that share the picture's own pixels and are moved by the view.
//
//   picture   the document, pixel-exact; the only one that is ever saved
//   preview   the model's view of a step     ghost    a variation that is pointed at
//   before    the picture before, for comparing
//
// During a run that makes a picture of another size the paper already has that size: the present
// picture lies at its place on it (outpaint) or is out of sight (generate).

function createPaper(root, view) {
  const element = root.querySelector(".mgs-paper");
  const canvas = root.querySelector(".mgs-picture");
  const context = exactContext(canvas);
  let staged = null;

  const size = () => staged ?? { width: canvas.width, height: canvas.height };
  const fitView = () => view().setContent(size().width, size().height);

  return {
    element, canvas, size,
    /** Puts a whole picture on the paper. */
    replace(bitmap) {
      if (canvas.width !== bitmap.width) canvas.width = bitmap.width;
      if (canvas.height !== bitmap.height) canvas.height = bitmap.height;
      context.imageSmoothingEnabled = false; // setting a size forgets it
      context.drawImage(bitmap, 0, 0);
      this.stageSize(null);
    },
    draw: (source, left, top) => context.drawImage(source, left, top),
    copy({ left, top, width, height }) {
      const crop = makeCanvas(width, height);
      exactContext(crop).drawImage(canvas, left, top, width, height, 0, 0, width, height);
      return crop;
    },
    stageSize(next, origin = null) {
      staged = next && { width: next[0], height: next[1] };
      canvas.style.left = `${origin?.[0] ?? 0}px`;
      canvas.style.top = `${origin?.[1] ?? 0}px`;
      canvas.style.visibility = staged && !origin ? "hidden" : "";
      element.classList.toggle("mgs-staged", Boolean(staged));
      fitView();
    },
    pixel: (x, y) => [...context.getImageData(x, y, 1, 1).data.slice(0, 3)],
  };
}
