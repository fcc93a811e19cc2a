// Opening pictures: a file, something dropped or pasted, an example, a blank sheet.
//
// The server reads the file (it knows more formats, and what a saved file has to say) and answers
// with the picture as it will be edited; ordinary photos, which can be large, the page draws from the
// file itself. Only when that is decoded does it replace the present picture.

const MAX_FILE_MB = 128; // what the server takes (app/uploads.py); it checks again
const MAX_FILE_BYTES = MAX_FILE_MB * 2 ** 20;

function createOpening(root, state, { server, paper, doc, say, fail, remake, openProject }) {
  const chooser = root.querySelector("input[type=file]");
  const introduced = new WeakSet();
  let depth = 0; // dragenter and dragleave come for every child

  async function ask(name, question) {
    const answer = await server[name](question).catch(() => null);
    if (answer?.ok) return answer;
    throw new Error(answer?.error?.message ?? word("opening.lost"));
  }

  async function openFile(file) {
    if (!file || isBusy()) return;
    const name = file.name || word("opening.pasted");
    if (isProject(file)) return attempt(word("opening.working", { name }), () => openProject(file));
    if (file.type && !isImage(file)) return fail(word("opening.no_picture", { name }));
    if (file.size > MAX_FILE_BYTES) return fail(word("opening.too_large", { name, most: MAX_FILE_MB }));
    await attempt(word("opening.working", { name }), async () => {
      const data = await base64OfBlob(file);
      const question = { name: file.name || "", data };
      const answer = await ask("open_picture", { ...question, has_file: true });
      // A copy: the file itself may be changed or gone when undo needs it.
      const own = answer.png ? null : new Blob([await file.arrayBuffer()], { type: file.type });
      const planes = own && (await planesOf(answer, own).catch(() => null));
      if (planes || answer.png) return adopt(answer, own, planes);
      return adopt(await ask("open_picture", question)); // this browser reads it otherwise
    });
  }

  const openExample = (name) =>
    isBusy() ? undefined
    : attempt(word("opening.example"), async () => adopt(await ask("open_example", { name })));

  async function attempt(words, work) {
    say(words, "busy");
    try {
      say((await work()) ?? "");
    } catch (error) {
      fail(error.message); // picture and mask are as they were
    }
  }

  /** Takes what the server opened; gives what there is to say about it. */
  async function adopt(answer, own = null, planes = null) {
    const { id, width, height, chunks, note } = answer;
    const png = own ?? blobOfDataUrl(answer.png);
    const alpha = answer.alpha ? blobOfDataUrl(answer.alpha) : null;
    const { colours, clear, close } = planes ?? (await planesOf(answer, png, alpha));
    const isLate = state.running;
    if (!isLate) paper.replace(colours, clear);
    close();
    if (isLate) return "";
    const picture = makePicture({ id, width, height, png, alpha, chunks, isFile: Boolean(own) });
    doc.add(picture, null, true, "open", false);
    return answer.recipe ? remake(answer.recipe) : note;
  }

  async function planesOf({ width, height }, png, alpha = null) {
    const planes = await decodePicture({ png, alpha });
    const { colours } = planes;
    if (colours.width === width && colours.height === height) return planes;
    planes.close();
    throw new Error(word("opening.not_drawn"));
  }

  /** Start from nothing: a white sheet, all of it to be painted by the model. */
  function blank(width, height) {
    if (isBusy()) return;
    const sheet = makeCanvas(width, height);
    const context = exactContext(sheet);
    context.fillStyle = "#fff";
    context.fillRect(0, 0, width, height);
    const picture = makePicture({ width, height, png: pngOfCanvas(sheet) });
    paper.replace(sheet);
    const { size } = makeLattice(width, height, state.grid());
    doc.add(picture, { cells: new Uint8Array(size).fill(1) }, true, "open", false);
    say("");
  }

  /** Gives the server a picture that it does not know (any more). */
  async function upload(picture) {
    const data = await base64OfBlob(await fileFor(picture));
    const { id } = await ask("open_picture", { name: "picture.png", data });
    picture.id = id;
    if (picture === state.picture) doc.publish(null);
  }

  /** A file that the server can read: what the model sees need not be exact, but it must fit. */
  async function fileFor(picture) {
    const png = await picture.png;
    if (png.size <= MAX_FILE_BYTES && !(await picture.alpha)) return png;
    const { colours, clear, close } = await decodePicture(picture);
    const [sheet, plane] = [colours, clear].map((bitmap) => bitmap && canvasOf(bitmap));
    close();
    if (plane) return pngOfPlanes(sheet, plane);
    return new Promise((resolve) => sheet.toBlob(resolve, "image/jpeg", 0.95));
  }

  /** A sheet made here has no id yet: get one quietly, so that parts of it can be kept. */
  function introduce(picture) {
    if (!picture || picture.id || introduced.has(picture)) return;
    introduced.add(picture);
    upload(picture).catch(() => {}); // a run that needs it will ask again
  }

  function isBusy() {
    if (state.running) fail(word("busy"));
    return state.running;
  }

  const isImage = (file) => file.type.startsWith("image/");
  const pictureIn = (transfer) => {
    const files = [...(transfer?.files ?? [])];
    return files.find(isImage) ?? files[0];
  };

  chooser.addEventListener("change", () => {
    openFile(chooser.files[0]);
    chooser.value = ""; // choosing the same file again is a change again
  });
  const hasFiles = (event) => event.dataTransfer?.types.includes("Files");
  const drag = (handler) => (event) => {
    if (!hasFiles(event)) return;
    event.preventDefault();
    handler(event);
    root.classList.toggle("mgs-dropping", depth > 0);
  };
  root.addEventListener("dragenter", drag(() => depth++));
  root.addEventListener("dragleave", drag(() => depth--));
  root.addEventListener("dragover", drag((event) => (event.dataTransfer.dropEffect = "copy")));
  root.addEventListener("drop", drag((event) => {
    depth = 0;
    openFile(pictureIn(event.dataTransfer));
  }));
  hearWhile(root, document, "paste", (event) => {
    const file = pictureIn(event.clipboardData);
    const typing = event.target instanceof Element && event.target.closest("input, textarea");
    if (!file || typing) return;
    event.preventDefault();
    openFile(file);
  });

  const load = (picture) =>
    isBusy() ? undefined : attempt(word("opening.picture"), () => adopt(picture));

  return { choose: () => chooser.click(), openExample, load, blank, upload, introduce };
}
