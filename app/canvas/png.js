// PNG files, byte by byte: what a canvas cannot write.
//
// A canvas forgets profile, EXIF and DPI, and with transparency it would round the colours and lose
// those under wholly transparent parts. So chunks are put in here, and pictures with transparent
// parts are written row by row.

const PNG_HEAD = 8 + 25; // signature and header
const PNG_BAND = 4 * 2 ** 20; // bytes of rows to be packed at once, so that the page stays awake
const PNG_OWN = ["iCCP", "sRGB", "gAMA", "cHRM", "cICP"]; // what a browser may say about colours

const CRC_TABLE = Uint32Array.from({ length: 256 }, (_, value) => {
  for (let bit = 0; bit < 8; bit++) value = value & 1 ? 0xedb88320 ^ (value >>> 1) : value >>> 1;
  return value;
});

function crcOf(parts) {
  let crc = -1;
  for (const part of parts) {
    for (const byte of part) crc = CRC_TABLE[(crc ^ byte) & 255] ^ (crc >>> 8);
  }
  return ~crc >>> 0;
}

function pngChunk(kind, content) {
  const name = new TextEncoder().encode(kind);
  const [length, sum] = [new DataView(new ArrayBuffer(4)), new DataView(new ArrayBuffer(4))];
  length.setUint32(0, content.length);
  sum.setUint32(0, crcOf([name, content]));
  return [length, name, content, sum];
}

/** Puts chunks (base64) behind the header of a PNG; they replace what it says about its colours. */
async function withChunks(blob, chunks) {
  if (!chunks) return blob;
  const start = await blob.slice(0, 2 ** 16).arrayBuffer();
  const [view, kept] = [new DataView(start), []];
  let at = PNG_HEAD;
  while (at + 8 <= start.byteLength) {
    const kind = String.fromCharCode(...new Uint8Array(start, at + 4, 4));
    if (kind === "IDAT") break;
    const end = at + 12 + view.getUint32(at);
    if (!PNG_OWN.includes(kind)) kept.push(blob.slice(at, end));
    at = end;
  }
  const parts = [blob.slice(0, PNG_HEAD), bytesOfBase64(chunks), ...kept, blob.slice(at)];
  return new Blob(parts, { type: "image/png" });
}

/** Writes colours and transparency, each the pixels of a canvas, as one PNG. */
async function pngOfPlanes(colours, alpha) {
  const { width, height } = colours;
  const header = new DataView(new ArrayBuffer(13));
  header.setUint32(0, width);
  header.setUint32(4, height);
  header.setUint16(8, 0x0806); // 8 bits, RGBA
  const packer = new CompressionStream("deflate");
  const packed = collect(packer.readable);
  const writer = packer.writable.getWriter();
  const rows = Math.max(1, Math.floor(PNG_BAND / (4 * width)));
  for (let top = 0; top < height; top += rows) {
    await writer.write(bandOf(colours, alpha, top, Math.min(rows, height - top)));
  }
  await writer.close();
  const data = (await packed).flatMap((part) => pngChunk("IDAT", part));
  const signature = Uint8Array.of(137, 80, 78, 71, 13, 10, 26, 10);
  const first = pngChunk("IHDR", new Uint8Array(header.buffer));
  const parts = [signature, ...first, ...data, ...pngChunk("IEND", new Uint8Array(0))];
  return new Blob(parts, { type: "image/png" });
}

async function collect(stream) {
  const parts = [];
  for (const reader = stream.getReader(); ; ) {
    const { done, value } = await reader.read();
    if (done) return parts;
    parts.push(value);
  }
}

/** Rows as PNG packs them best: each pixel less the one to its left. */
function bandOf(colours, alpha, top, rows) {
  const { width } = colours;
  const read = (canvas) => exactContext(canvas).getImageData(0, top, width, rows).data;
  const [pixels, clear] = [read(colours), read(alpha)];
  for (let i = 3; i < pixels.length; i += 4) pixels[i] = clear[i - 3];
  const [step, out] = [4 * width, new Uint8Array(rows * (4 * width + 1))];
  for (let row = 0, to = 0; row < rows; row++) {
    const start = row * step;
    out[to++] = 1; // "Sub"
    for (let i = 0; i < step; i++) {
      out[to++] = pixels[start + i] - (i < 4 ? 0 : pixels[start + i - 4]);
    }
  }
  return out;
}
