// Bytes of files: checksums, and notes in PNG files. No document in here, so that it can be read
// (and tested) alone.

const CRC_TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let rest = byte;
  for (let bit = 0; bit < 8; bit++) rest = rest & 1 ? (rest >>> 1) ^ 0xedb88320 : rest >>> 1;
  return rest;
});

/** The checksum of PNG and ZIP. */
function crc32(bytes) {
  let crc = 0xffffffff;
  for (const byte of bytes) crc = CRC_TABLE[(crc ^ byte) & 255] ^ (crc >>> 8);
  return (crc ^ 0xffffffff) >>> 0;
}

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
  const content = new TextEncoder().encode(`iTXt${key}\0\0\0\0\0${text}`);
  const chunk = new Uint8Array(content.length + 8);
  const view = new DataView(chunk.buffer);
  view.setUint32(0, content.length - 4); // the kind does not count
  chunk.set(content, 4);
  view.setUint32(content.length + 4, crc32(content));
  const parts = [png.slice(0, png.size - PNG_END), chunk, png.slice(png.size - PNG_END)];
  return new Blob(parts, { type: "image/png" });
}
