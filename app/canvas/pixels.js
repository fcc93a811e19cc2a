// Pictures as exact pixels: bytes in, canvas, bytes out, without a single value changing.
//
// Browsers like to help with colour profiles and premultiplied alpha, and both would change values
// by one or two. Everything here is opaque and asks for neither, so what the server sent is what
// the canvas holds and what a download contains. Transparency is a plane of its own, see
// transparency.js, and so is what a file says beside its pixels, see png.js.

function makeCanvas(width, height) {
  const canvas = document.createElement("canvas");
  canvas.width = width;
  canvas.height = height;
  return canvas;
}

function canvasOf(bitmap) {
  const canvas = makeCanvas(bitmap.width, bitmap.height);
  exactContext(canvas).drawImage(bitmap, 0, 0);
  return canvas;
}

/** A context whose pixels live in memory: reads are exact and do not wait for the GPU. */
function exactContext(canvas) {
  const context = canvas.getContext("2d", { alpha: false, willReadFrequently: true });
  context.imageSmoothingEnabled = false;
  return context;
}

function decodePixels(blob) {
  return createImageBitmap(blob, { colorSpaceConversion: "none", premultiplyAlpha: "none" });
}

/** The pixels of a picture: colours, and transparency where it has any. */
async function decodePicture(picture) {
  const [png, alpha] = await Promise.all([picture.png, picture.alpha]);
  const [colours, clear] = await Promise.all([decodePixels(png), alpha && decodePixels(alpha)]);
  const close = () => [colours, clear].forEach((bitmap) => bitmap?.close());
  return { colours, clear, close };
}

function bytesOfBase64(text) {
  const binary = atob(text);
  const bytes = new Uint8Array(binary.length); // `from`, with a callback, takes 15 times as long
  for (let i = 0; i < bytes.length; i++) bytes[i] = binary.charCodeAt(i);
  return bytes;
}

function base64OfBytes(bytes) {
  return btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""));
}

/** Reads a base64 data URL without a request; a page's security policy may forbid fetching it. */
function blobOfDataUrl(url) {
  const comma = url.indexOf(",");
  const type = /^data:([^;,]+)/.exec(url)?.[1] ?? "image/png";
  return new Blob([bytesOfBase64(url.slice(comma + 1))], { type });
}

function base64OfBlob(blob) {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(reader.result.slice(reader.result.indexOf(",") + 1));
    reader.onerror = () => reject(reader.error);
    reader.readAsDataURL(blob);
  });
}

function pngOfCanvas(canvas) {
  return new Promise((resolve, reject) => {
    const settle = (blob) => (blob ? resolve(blob) : reject(new Error(word("saving.no_png"))));
    canvas.toBlob(settle, "image/png");
  });
}

let pictureCounter = 0;

/** What the history keeps of a picture. `png` is a promise, as encoding a big one takes a while; an
 *  opened photo is kept as the file it came in, and `isFile`. `alpha` is one, too: of the
 *  transparency as a grey PNG, or of null. `chunks` is what a saved file says beside its pixels.
 *  `from` is the key of the picture it was made from, and `origin` where that one lies on it; `made`
 *  is what its recipe needs, {draft, seed}, or null. */
function makePicture({ id = null, width, height, png, alpha = null, chunks = "", ...about }) {
  const { from = null, origin = null, key = null, isFile = false, made = null } = about;
  const picture = { id, width, height, from, origin, made, chunks, isFile };
  picture.png = Promise.resolve(png);
  picture.alpha = Promise.resolve(alpha);
  picture.key = key ?? `${Date.now().toString(36)}-${(pictureCounter++).toString(36)}`;
  // Whoever needs the bytes awaits them and hears of a failure.
  for (const bytes of [picture.png, picture.alpha]) bytes.catch(() => {});
  return picture;
}
