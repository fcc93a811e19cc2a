// The lattice: which cells a picture has, which of them a tool touches, and how they travel.
//
// A cell is min(width, height) / grid pixels wide. Cells are numbered row by row; a mask is a
// Uint8Array in which a painted cell is not 0 but the number of its class (classes.js). Points are
// {x, y} in picture pixels. Everything here is plain arithmetic without a document, so that it can
// be read (and tested) alone. The server has the same lattice: cell edges are whole pixels, halves
// are rounded up on both sides. There may be half a million cells, and a tool has a few
// milliseconds: what it touches comes as an array.

function makeLattice(width, height, grid) {
  const side = Math.min(width, height) / grid;
  const cols = Math.ceil(width / side - 1e-6); // the tolerance keeps 16.000000001 cells 16
  const rows = Math.ceil(height / side - 1e-6);
  const edges = (count, end) =>
    Array.from({ length: count + 1 }, (_, i) => Math.min(end, Math.floor(i * side + 0.5)));
  const xs = edges(cols, width);
  const ys = edges(rows, height);
  const whole = { span: grid, fine: 1, at: null, coverage: 0 }; // the window, see lens.js
  return { width, height, grid, side, cols, rows, size: rows * cols, xs, ys, ...whole };
}

function countCells(cells) {
  let count = 0;
  for (let index = 0; index < cells.length; index++) if (cells[index]) count++;
  return count;
}

const HEX_OF_BYTE = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, "0"));

/** Hex of the bits, row by row, most significant bit first: the order of numpy.packbits. */
function packCells(cells) {
  const bytes = [];
  for (let start = 0; start < cells.length; start += 8) {
    let byte = 0;
    for (let bit = 0; bit < 8; bit++) byte = byte * 2 + (cells[start + bit] ? 1 : 0);
    bytes.push(HEX_OF_BYTE[byte]);
  }
  return bytes.join("");
}

function unpackCells(hex, size) {
  const cells = new Uint8Array(size);
  for (let start = 0; start < size; start += 4) {
    const digit = parseInt(hex[start >> 2] ?? "0", 16) || 0;
    for (let bit = 0; bit < 4 && start + bit < size; bit++) cells[start + bit] = (digit >> (3 - bit)) & 1;
  }
  return cells;
}

/** First and last painted row and column, or null. */
function paintedBox({ cols, rows }, cells) {
  let [top, bottom, left, right] = [rows, -1, cols, -1];
  for (let row = 0, index = 0; row < rows; row++) {
    for (let col = 0; col < cols; col++, index++) {
      if (!cells[index]) continue;
      if (row < top) top = row;
      bottom = row;
      if (col < left) left = col;
      if (col > right) right = col;
    }
  }
  return bottom < 0 ? null : { top, bottom, left, right };
}

/** Row and column of the window's first cell, or null where what is painted does not fit into it.
 *
 * The same choice as app/document.py makes: where somebody has put it, or with the painted cells in
 * its middle, inside the picture, at whole tokens. Where nothing is painted it is in the middle of
 * the picture.
 */
function windowCell(lattice, cells) {
  if (lattice.at) return lattice.at;
  const { width, height, side, span, fine } = lattice;
  const box = paintedBox(lattice, cells);
  const lines = [[height, box?.top, box?.bottom], [width, box?.left, box?.right]];
  const at = lines.map(([length, first, last]) => {
    const room = Math.floor(length / side + 1e-6) - span;
    if (!box) return Math.floor(room / 2);
    if (last - first >= span) return null;
    const centred = Math.floor((first + last + 1 - span) / 2);
    const begin = Math.max(Math.max(0, Math.min(centred, room)), last + 1 - span);
    const snapped = begin - (begin % fine);
    return last < snapped + span ? snapped : begin;
  });
  return at.includes(null) ? null : at;
}

/** The window that begins at a cell, in pixels: [left, top, side]. */
function squareAt({ side, span }, [row, col]) {
  return [Math.floor(col * side + 0.5), Math.floor(row * side + 0.5), Math.ceil(span * side - 1e-6)];
}

/** The square that the model will see, [left, top, side]; null where nothing says which, or none
 * shows all that is painted. */
function squareSeen(lattice, cells) {
  const at = windowCell(lattice, cells);
  return at && (lattice.at || countCells(cells)) ? squareAt(lattice, at) : null;
}

/** What will change, 1 for each cell: painted, in the window, in a token that opens. As there. */
function changingCells(lattice, cells) {
  const { cols, rows, span, fine, coverage } = lattice;
  const changing = new Uint8Array(lattice.size);
  const at = windowCell(lattice, cells);
  if (!at) return changing.map((_, index) => (cells[index] ? 1 : 0));
  const [top, left] = at;
  for (let y = top; y < Math.min(rows, top + span); y += fine) {
    for (let x = left; x < Math.min(cols, left + span); x += fine) {
      const [bottom, right] = [Math.min(rows, y + fine), Math.min(cols, x + fine)];
      let painted = 0;
      for (let row = y; row < bottom; row++) {
        for (let col = x; col < right; col++) if (cells[row * cols + col]) painted++;
      }
      if (painted <= coverage * (bottom - y) * (right - x)) continue;
      for (let row = y; row < bottom; row++) {
        for (let col = x; col < right; col++) {
          if (cells[row * cols + col]) changing[row * cols + col] = 1;
        }
      }
    }
  }
  return changing;
}

/** Painted cells and all that touch one, at a side or a corner; these are of its class. */
function grownCells({ cols, rows }, cells) {
  const grown = new Uint8Array(cells.length);
  for (let row = 0; row < rows; row++) {
    for (let col = 0; col < cols; col++) {
      if (!cells[row * cols + col]) continue;
      for (let y = Math.max(0, row - 1); y <= Math.min(rows - 1, row + 1); y++) {
        const [from, end] = [y * cols + Math.max(0, col - 1), y * cols + Math.min(cols, col + 2)];
        grown.fill(cells[row * cols + col], from, end);
      }
    }
  }
  cells.forEach((cell, index) => { // a side counts more than a corner
    if (!cell) return;
    if (index >= cols) grown[index - cols] = cell;
    if (index < cols * (rows - 1)) grown[index + cols] = cell;
    if (index % cols) grown[index - 1] = cell;
    if ((index + 1) % cols) grown[index + 1] = cell;
  });
  return grown.map((cell, index) => cells[index] || cell);
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

/** Cells under a round brush of `size` cells drawn from one point to another; some come twice. */
function brushCells(lattice, from, to, size) {
  const { side, cols, rows } = lattice;
  const radius = size / 2;
  const [ax, ay, bx, by] = [from.x / side, from.y / side, to.x / side, to.y / side];
  const [dx, dy] = [bx - ax, by - ay];
  const length = Math.hypot(dx, dy);
  const [nx, ny] = length ? [(-dy / length) * radius, (dx / length) * radius] : [0, 0];
  const band = [[ax + nx, ay + ny], [bx + nx, by + ny], [bx - nx, by - ny], [ax - nx, ay - ny]];
  const found = [];
  const first = Math.max(0, Math.floor(Math.min(ay, by) - radius));
  const last = Math.min(rows - 1, Math.floor(Math.max(ay, by) + radius));
  for (let row = first; row <= last; row++) {
    // What the brush covers of a line through the middle of the row is one stretch.
    const y = row + 0.5;
    let [left, right] = [Infinity, -Infinity];
    const cover = (x, reach) => {
      left = Math.min(left, x - reach);
      right = Math.max(right, x + reach);
    };
    for (const [x0, y0] of [[ax, ay], [bx, by]]) {
      const reach = radius ** 2 - (y - y0) ** 2;
      if (reach >= -1e-9) cover(x0, Math.sqrt(Math.max(0, reach)));
    }
    band.forEach(([x0, y0], i) => {
      const [x1, y1] = band[(i + 1) % 4];
      if (y0 > y !== y1 > y) cover(x0 + ((y - y0) * (x1 - x0)) / (y1 - y0), 0);
    });
    const end = Math.min(cols - 1, Math.floor(right - 0.5 + 1e-9));
    for (let col = Math.max(0, Math.ceil(left - 0.5 - 1e-9)); col <= end; col++) {
      found.push(row * cols + col);
    }
  }
  // A thin brush can pass between centres: the cells right under the path always count.
  const samples = Math.ceil(Math.max(Math.abs(dx), Math.abs(dy)) * 4);
  for (let i = 0; i <= samples; i++) {
    const t = samples ? i / samples : 0;
    const under = cellAt(lattice, { x: (ax + t * dx) * side, y: (ay + t * dy) * side });
    if (under >= 0) found.push(under);
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
  const found = [];
  if (beside) return found;
  const [first, last] = [corner(Math.min), corner(Math.max)];
  const { cols } = lattice;
  for (let row = Math.floor(first / cols); row <= Math.floor(last / cols); row++) {
    for (let col = first % cols; col <= last % cols; col++) found.push(row * cols + col);
  }
  return found;
}

const MANY_CELLS = 1 << 16; // from here on one sample point a cell has to do

/** Cells of which a closed outline covers about half or more (4 of 9 sample points). */
function lassoCells(lattice, outline) {
  const { xs, ys, cols, rows, size } = lattice;
  const sixths = size > MANY_CELLS ? [3] : [1, 3, 5];
  const enough = (4 * sixths.length ** 2) / 9;
  const low = (key) => outline.reduce((value, point) => Math.min(value, point[key]), Infinity);
  const high = (key) => outline.reduce((value, point) => Math.max(value, point[key]), -Infinity);
  const [left, right, top, bottom] = [low("x"), high("x"), low("y"), high("y")];
  const found = [];
  const hits = new Uint8Array(cols);
  for (let row = 0; row < rows; row++) {
    if (ys[row + 1] < top || ys[row] > bottom) continue;
    hits.fill(0);
    for (const part of sixths) {
      const borders = crossings(outline, ys[row] + ((ys[row + 1] - ys[row]) * part) / 6);
      let passed = 0;
      for (let col = 0; col < cols; col++) {
        if (xs[col + 1] < left || xs[col] > right) continue;
        for (const step of sixths) {
          const x = xs[col] + ((xs[col + 1] - xs[col]) * step) / 6;
          while (passed < borders.length && borders[passed] <= x) passed++;
          hits[col] += passed % 2;
        }
      }
    }
    for (let col = 0; col < cols; col++) if (hits[col] >= enough) found.push(row * cols + col);
  }
  return found;
}

/** Where a line at some height crosses a closed outline, from left to right. */
function crossings(outline, y) {
  const found = [];
  for (let i = 0, j = outline.length - 1; i < outline.length; j = i++) {
    const [a, b] = [outline[i], outline[j]];
    if (a.y > y !== b.y > y) found.push(((b.x - a.x) * (y - a.y)) / (b.y - a.y) + a.x);
  }
  return found.sort((one, other) => one - other);
}

/** The area around a cell that is painted (or not) like it, joined along cell sides. */
function areaCells(lattice, cells, start) {
  const { cols, rows } = lattice;
  const found = [start];
  const isFound = new Uint8Array(lattice.size);
  isFound[start] = 1;
  const take = (index) => {
    if (isFound[index] || cells[index] !== cells[start]) return;
    isFound[index] = 1;
    found.push(index);
  };
  for (let i = 0; i < found.length; i++) {
    const index = found[i];
    const col = index % cols;
    if (col > 0) take(index - 1);
    if (col < cols - 1) take(index + 1);
    if (index >= cols) take(index - cols);
    if (index < (rows - 1) * cols) take(index + cols);
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
      carried.fill(cell, row * to.cols + left, row * to.cols + right);
    }
  });
  return carried;
}
