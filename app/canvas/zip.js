// ZIP archives, as far as a project needs them: written without compression, for pictures are
// compressed already, and read with or without. No document in here, so that it can be read (and
// tested) alone.
//
// What is read comes from anybody. Names, counts and declared sizes are checked before a byte is
// unpacked, and unpacking stops at the declared size, which must be met exactly; so does the
// checksum. Everything wrong is an Error with a sentence for people.

const ZIP = { local: 0x04034b50, central: 0x02014b50, end: 0x06054b50, endBytes: 22 };
const STORED = 0;
const DEFLATED = 8;
const MAX_COMMENT = 0xffff;

/** Packs [{name, blob}] with ASCII names into one blob. */
async function writeZip(members) {
  const parts = [];
  const directory = [];
  let offset = 0;
  for (const { name, blob } of members) {
    const bytes = new Uint8Array(await blob.arrayBuffer());
    const about = { name: new TextEncoder().encode(name), size: bytes.length, crc: crcOf([bytes]) };
    const head = zipHeader(ZIP.local, 30, about);
    directory.push(zipHeader(ZIP.central, 46, about, offset));
    parts.push(head, blob);
    offset += head.length + bytes.length;
  }
  const length = directory.reduce((sum, { length }) => sum + length, 0);
  const end = new DataView(new ArrayBuffer(ZIP.endBytes));
  end.setUint32(0, ZIP.end, true);
  end.setUint16(8, members.length, true);
  end.setUint16(10, members.length, true);
  end.setUint32(12, length, true);
  end.setUint32(16, offset, true);
  return new Blob([...parts, ...directory, end.buffer], { type: "application/zip" });
}

/** The header of a member, in its place or in the directory: there it has 16 bytes more. */
function zipHeader(signature, length, { name, size, crc }, offset = 0) {
  const bytes = new Uint8Array(length + name.length);
  const view = new DataView(bytes.buffer);
  const isCentral = signature === ZIP.central;
  const at = isCentral ? 2 : 0; // the directory also says which version wrote it
  view.setUint32(0, signature, true);
  if (isCentral) view.setUint16(4, 20, true);
  view.setUint16(4 + at, 20, true);
  view.setUint16(12 + at, 0x21, true); // the first day that can be written
  view.setUint32(14 + at, crc, true);
  view.setUint32(18 + at, size, true);
  view.setUint32(22 + at, size, true);
  view.setUint16(26 + at, name.length, true);
  if (isCentral) view.setUint32(42, offset, true);
  bytes.set(name, length);
  return bytes;
}

/**
 * Unpacks an archive into a map of name -> Uint8Array.
 *
 * `limits` has `file` and `members`, the most bytes and files there may be, and `bytesOf(name)`,
 * the most bytes of a member; null: no such name is allowed. Folders are passed over.
 */
async function readZip(file, limits) {
  const most = megabytes(limits.file);
  if (file.size > limits.file) throw new Error(word("zip.too_large", { most }));
  const found = await readDirectory(file, limits);
  const packed = found.reduce((sum, member) => sum + member.packed, 0);
  const whole = found.reduce((sum, member) => sum + member.size, 0);
  if (packed > file.size) throw new Error(word("zip.damaged")); // members that lie over each other
  if (whole > limits.file) throw new Error(word("zip.unpacked", { most }));
  const members = new Map();
  for (const member of found) members.set(member.name, await readMember(file, member));
  return members;
}

const megabytes = (bytes) => word("zip.megabytes", { size: Math.round(bytes / 2 ** 20) });

async function viewOf(file, start, end) {
  if (start < 0 || end > file.size || end < start) throw new Error(word("zip.damaged"));
  return new DataView(await file.slice(start, end).arrayBuffer());
}

/** Where the directory is said to be: the record at the very end, before a comment. */
async function findEnd(file) {
  const start = Math.max(0, file.size - ZIP.endBytes - MAX_COMMENT);
  const tail = await viewOf(file, start, file.size);
  for (let at = tail.byteLength - ZIP.endBytes; at >= 0; at--) {
    if (tail.getUint32(at, true) !== ZIP.end) continue;
    const [count, bytes, offset] =
      [tail.getUint16(at + 10, true), tail.getUint32(at + 12, true), tail.getUint32(at + 16, true)];
    return { count, bytes, offset };
  }
  throw new Error(word("zip.none"));
}

/** What some systems put into every archive that they make. */
const ADDED_BY_SYSTEMS = /^__MACOSX\/|(^|\/)(\.DS_Store|Thumbs\.db|desktop\.ini)$/;

async function readDirectory(file, limits) {
  const { count, bytes, offset } = await findEnd(file);
  if (count > limits.members) {
    throw new Error(word("zip.too_many", { count }));
  }
  const view = await viewOf(file, offset, offset + bytes);
  const members = [];
  const names = new Set();
  let at = 0;
  for (let i = 0; i < count; i++) {
    if (at + 46 > bytes || view.getUint32(at, true) !== ZIP.central) throw new Error(word("zip.damaged"));
    const [length, extra, comment] = [28, 30, 32].map((field) => view.getUint16(at + field, true));
    if (at + 46 + length > bytes) throw new Error(word("zip.damaged"));
    const name = new TextDecoder().decode(new Uint8Array(view.buffer, at + 46, length));
    const member = {
      name,
      isLocked: view.getUint16(at + 8, true) & 1,
      method: view.getUint16(at + 10, true),
      crc: view.getUint32(at + 16, true),
      packed: view.getUint32(at + 20, true),
      size: view.getUint32(at + 24, true),
      offset: view.getUint32(at + 42, true),
    };
    at += 46 + length + extra + comment;
    if (ADDED_BY_SYSTEMS.test(name)) continue;
    if (name.endsWith("/") && !member.size && limits.bytesOf(name) !== null) continue;
    if (names.has(name)) throw new Error(word("zip.twice", { name: name.slice(0, 80) }));
    names.add(name);
    requireAllowed(member, limits);
    members.push(member);
  }
  return members;
}

function requireAllowed({ name, isLocked, method, packed, size }, limits) {
  const most = limits.bytesOf(name);
  if (most === null) throw new Error(word("zip.unknown", { name: name.slice(0, 80) }));
  if (isLocked) throw new Error(word("zip.locked"));
  if (method !== STORED && method !== DEFLATED) {
    throw new Error(word("zip.method"));
  }
  if (size > most) throw new Error(word("zip.member_large", { name, most: megabytes(most) }));
  if (method === STORED && packed !== size) throw new Error(word("zip.damaged"));
}

async function readMember(file, { name, method, packed, size, crc, offset }) {
  const head = await viewOf(file, offset, offset + 30);
  if (head.getUint32(0, true) !== ZIP.local) throw new Error(word("zip.damaged"));
  const start = offset + 30 + head.getUint16(26, true) + head.getUint16(28, true);
  const { buffer } = await viewOf(file, start, start + packed);
  const bytes = method === STORED ? new Uint8Array(buffer) : await inflated(buffer, size);
  if (bytes.length !== size || crcOf([bytes]) !== crc) throw new Error(word("zip.member_damaged", { name }));
  return bytes;
}

/** Unpacks into exactly `size` bytes; what goes on beyond is not unpacked, and is an error. */
async function inflated(packed, size) {
  const bytes = new Uint8Array(size);
  let length = 0;
  const unpacked = new DecompressionStream("deflate-raw");
  const reader = new Blob([packed]).stream().pipeThrough(unpacked).getReader();
  for (;;) {
    const { done, value } = await reader.read().catch(() => ({ done: true, value: null }));
    if (done) return bytes.subarray(0, length);
    if (length + value.length > size) {
      reader.cancel().catch(() => {});
      throw new Error(word("zip.swollen"));
    }
    bytes.set(value, length);
    length += value.length;
  }
}
