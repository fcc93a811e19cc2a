// The lattice: which cells a picture has, which of them a tool touches, and how they travel.
//
// A cell is min(width, height) / grid pixels wide. Cells are numbered row by row; a mask is a
// Uint8Array with 1 for a painted cell. Points are {x, y} in picture pixels. Everything here is
// plain arithmetic without a document, so that it can be read (and tested) alone. The server has
// the same lattice: cell edges are whole pixels, halves are rounded up on both sides.

function makeLattice(width, height, grid) {
  const side = Math.min(width, height) / grid;
  const cols = Math.ceil(width / side - 1e-6); // the tolerance keeps 16.000000001 cells 16
  const rows = Math.ceil(height / side - 1e-6);
  const edges = (count, end) =>
    Array.from({ length: count + 1 }, (_, i) => Math.min(end, Math.floor(i * side + 0.5)));
  const xs = edges(cols, width);
  const ys = edges(rows, height);
  return { width, height, grid, side, cols, rows, size: rows * cols, xs, ys };
}

function countCells(cells) {
  let count = 0;
  for (const cell of cells) count += cell;
  return count;
}

/** Hex of the bits, row by row, most significant bit first: the order of numpy.packbits. */
function packCells(cells) {
  let hex = "";
  for (let start = 0; start < cells.length; start += 8) {
    let byte = 0;
    for (let bit = 0; bit < 8; bit++) byte = byte * 2 + (cells[start + bit] ? 1 : 0);
    hex += byte.toString(16).padStart(2, "0");
  }
  return hex;
}

function unpackCells(hex, size) {
  const cells = new Uint8Array(size);
  for (let i = 0; i < size; i++) {
    const digit = parseInt(hex[i >> 2] ?? "0", 16) || 0;
    cells[i] = (digit >> (3 - (i & 3))) & 1;
  }
  return cells;
}

/** The square that the model will see, [left, top, side], or null where no single one shows it all.
 *
 * The same choice as app/document.py makes: painted cells in its middle, inside the picture.
 */
function squareSeen({ width, height, grid, side, cols }, cells) {
  const places = [[], []]; // painted rows and columns
  cells.forEach((cell, index) => {
    if (!cell) return;
    places[0].push(Math.floor(index / cols));
    places[1].push(index % cols);
  });
  if (!places[0].length) return null;
  const lengths = [height / side, width / side];
  const [top, left] = places.map((painted, axis) => {
    const [first, last] = [Math.min, Math.max].map((most) => painted.reduce((a, b) => most(a, b)));
    if (last - first >= grid) return null;
    const centred = Math.floor((first + last + 1 - grid) / 2);
    const inside = Math.max(0, Math.min(centred, Math.floor(lengths[axis] + 1e-6) - grid));
    return Math.floor(Math.max(inside, last + 1 - grid) * side + 0.5);
  });
  return top === null || left === null ? null : [left, top, Math.min(width, height)];
}

/** Painted cells and all that touch one, at a side or a corner. */
function grownCells({ cols, rows }, cells) {
  const grown = cells.slice();
  for (let row = 0; row < rows; row++) {
    for (let col = 0; col < cols; col++) {
      if (!cells[row * cols + col]) continue;
      for (let y = Math.max(0, row - 1); y <= Math.min(rows - 1, row + 1); y++) {
        grown.fill(1, y * cols + Math.max(0, col - 1), y * cols + Math.min(cols, col + 2));
      }
    }
  }
  return grown;
}

/** The cell under a point, or -1 outside the picture. */
function cellAt(lattice, point) {
  const { xs, ys, cols, rows, side } = lattice;
  if (!(point.x >= 0 && point.x < lattice.width)) return -1;
  if (!(point.y >= 0 && point.y < lattice.height)) return -1;
  const seek = (edges, count, value) => {
    let i = Math.min(count - 1, Math.floor(value / side));
    while (edges[i] > value) i--; // edges are whole pixels, cells are not: correct by one
    while (edges[i + 1] <= value) i++;
    return i;
  };
  return seek(ys, rows, point.y) * cols + seek(xs, cols, point.x);
}

function cellCentre(lattice, index) {
  const row = Math.floor(index / lattice.cols);
  const col = index % lattice.cols;
  return {
    x: (lattice.xs[col] + lattice.xs[col + 1]) / 2,
    y: (lattice.ys[row] + lattice.ys[row + 1]) / 2,
  };
}

/** Cells under a round brush of `size` cells drawn from one point to another. */
function brushCells(lattice, from, to, size) {
  const { side, cols, rows } = lattice;
  const radius = size / 2;
  const [ax, ay, bx, by] = [from.x / side, from.y / side, to.x / side, to.y / side];
  const [dx, dy] = [bx - ax, by - ay];
  const length2 = dx * dx + dy * dy;
  const found = new Set();
  const clamp = (value, end) => Math.max(0, Math.min(end, Math.floor(value)));
  const lastCol = clamp(Math.max(ax, bx) + radius, cols - 1);
  const lastRow = clamp(Math.max(ay, by) + radius, rows - 1);
  for (let row = clamp(Math.min(ay, by) - radius, rows - 1); row <= lastRow; row++) {
    for (let col = clamp(Math.min(ax, bx) - radius, cols - 1); col <= lastCol; col++) {
      const [cx, cy] = [col + 0.5 - ax, row + 0.5 - ay];
      const along = length2 ? Math.max(0, Math.min(1, (cx * dx + cy * dy) / length2)) : 0;
      if (Math.hypot(cx - along * dx, cy - along * dy) <= radius) found.add(row * cols + col);
    }
  }
  // A thin brush can pass between centres: the cells right under the path always count.
  const samples = Math.ceil(Math.max(Math.abs(dx), Math.abs(dy)) * 4);
  for (let i = 0; i <= samples; i++) {
    const t = samples ? i / samples : 0;
    const under = cellAt(lattice, { x: (ax + t * dx) * side, y: (ay + t * dy) * side });
    if (under >= 0) found.add(under);
  }
  return found;
}

/** Every cell that the rectangle between two corners touches. */
function rectangleCells(lattice, from, to) {
  const inside = (value, end) => Math.max(0, Math.min(end - 1e-3, value));
  const corner = (pick) =>
    cellAt(lattice, {
      x: inside(pick(from.x, to.x), lattice.width),
      y: inside(pick(from.y, to.y), lattice.height),
    });
  const beside =
    Math.max(from.x, to.x) < 0 || Math.min(from.x, to.x) >= lattice.width ||
    Math.max(from.y, to.y) < 0 || Math.min(from.y, to.y) >= lattice.height;
  const found = new Set();
  if (beside) return found;
  const [first, last] = [corner(Math.min), corner(Math.max)];
  const { cols } = lattice;
  for (let row = Math.floor(first / cols); row <= Math.floor(last / cols); row++) {
    for (let col = first % cols; col <= last % cols; col++) found.add(row * cols + col);
  }
  return found;
}

/** Cells of which a closed outline covers about half or more (4 of 9 sample points). */
function lassoCells(lattice, outline) {
  const { xs, ys, cols, rows } = lattice;
  const found = new Set();
  const inside = (x, y) => {
    let odd = false;
    for (let i = 0, j = outline.length - 1; i < outline.length; j = i++) {
      const [a, b] = [outline[i], outline[j]];
      if (a.y > y !== b.y > y && x < ((b.x - a.x) * (y - a.y)) / (b.y - a.y) + a.x) odd = !odd;
    }
    return odd;
  };
  const low = (key) => outline.reduce((value, point) => Math.min(value, point[key]), Infinity);
  const high = (key) => outline.reduce((value, point) => Math.max(value, point[key]), -Infinity);
  const [left, right, top, bottom] = [low("x"), high("x"), low("y"), high("y")];
  for (let row = 0; row < rows; row++) {
    if (ys[row + 1] < top || ys[row] > bottom) continue;
    for (let col = 0; col < cols; col++) {
      if (xs[col + 1] < left || xs[col] > right) continue;
      let hits = 0;
      for (let i = 0; i < 9; i++) {
        const x = xs[col] + ((xs[col + 1] - xs[col]) * (1 + 2 * (i % 3))) / 6;
        const y = ys[row] + ((ys[row + 1] - ys[row]) * (1 + 2 * Math.floor(i / 3))) / 6;
        hits += inside(x, y) ? 1 : 0;
      }
      if (hits >= 4) found.add(row * cols + col);
    }
  }
  return found;
}

/** The area around a cell that is painted (or not) like it, joined along cell sides. */
function areaCells(lattice, cells, start) {
  const { cols, rows } = lattice;
  const found = new Set([start]);
  for (const index of found) { // a Set yields what is added while it is walked
    const col = index % cols;
    const row = Math.floor(index / cols);
    if (col > 0 && cells[index - 1] === cells[start]) found.add(index - 1);
    if (col < cols - 1 && cells[index + 1] === cells[start]) found.add(index + 1);
    if (row > 0 && cells[index - cols] === cells[start]) found.add(index - cols);
    if (row < rows - 1 && cells[index + cols] === cells[start]) found.add(index + cols);
  }
  return found;
}

/** Carries a mask to another lattice of the same picture: every cell it touches is painted. */
function carryCells(cells, from, to) {
  const ratio = to.grid / from.grid; // cells of one lattice in a cell of the other
  const span = (index, count) => {
    const first = Math.floor(index * ratio + 1e-6);
    const end = Math.ceil((index + 1) * ratio - 1e-6);
    return [Math.min(first, count - 1), Math.min(end, count)];
  };
  const carried = new Uint8Array(to.size);
  cells.forEach((cell, index) => {
    if (!cell) return;
    const [top, bottom] = span(Math.floor(index / from.cols), to.rows);
    const [left, right] = span(index % from.cols, to.cols);
    for (let row = top; row < bottom; row++) {
      carried.fill(1, row * to.cols + left, row * to.cols + right);
    }
  });
  return carried;
}
