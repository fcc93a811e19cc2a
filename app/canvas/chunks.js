// Notes in PNG files, and what else a file says beside its pixels. No document in here, so that it
// can be read (and tested) alone; chunks themselves are made in png.js.

const PNG_SIGNATURE = [137, 80, 78, 71, 13, 10, 26, 10];
const PNG_END = 12; // bytes of the chunk at the end

/** Width and height that a PNG file claims, or null where it is none. */
function sizeOfPng(bytes) {
  if (bytes.length < 24 || PNG_SIGNATURE.some((byte, i) => bytes[i] !== byte)) return null;
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  return { width: view.getUint32(16), height: view.getUint32(20) };
}

/** A PNG file with a note before its end: an iTXt chunk, not compressed, of no language. */
function withNote(png, key, text) {
  const chunk = pngChunk("iTXt", new TextEncoder().encode(`${key}\0\0\0\0\0${text}`));
  const parts = [png.slice(0, png.size - PNG_END), ...chunk, png.slice(png.size - PNG_END)];
  return new Blob(parts, { type: "image/png" });
}

/** Of chunks (base64), those that say what the colours mean: no EXIF, no place, no date. */
function aboutColours(chunks) {
  const bytes = bytesOfBase64(chunks);
  const view = new DataView(bytes.buffer);
  const kept = [];
  for (let at = 0; at + 12 <= bytes.length; ) {
    const end = at + 12 + view.getUint32(at);
    const kind = String.fromCharCode(...bytes.subarray(at + 4, at + 8));
    if (PNG_OWN.includes(kind)) kept.push(Array.from(bytes.subarray(at, end)));
    at = end;
  }
  return base64OfBytes(kept.flat());
}
