// Transparent parts: shown on a checkerboard, painted at a press.
//
// The picture's canvas holds colours alone. How transparent they are is a plane of its own, a grey
// canvas (255 = opaque), since a canvas with transparency rounds colours and loses hidden ones.

const BOARD = [255, 205]; // grey values of its squares
const BOARD_PX = 2048; // longest side at which it is drawn
const BOARD_LEAST_PX = 512; // a small icon's squares are smaller than its pixels
const BOARD_SQUARES = 40; // along the longest side

/** The checkerboard as it shines through a picture, to be laid over the picture's colours. */
function drawBoard(canvas, alpha) {
  const longest = Math.max(alpha.width, alpha.height);
  const scale = longest < BOARD_LEAST_PX
    ? Math.ceil(BOARD_LEAST_PX / longest)
    : Math.min(1, BOARD_PX / longest);
  canvas.width = Math.max(1, Math.round(alpha.width * scale));
  canvas.height = Math.max(1, Math.round(alpha.height * scale));
  const sheet = makeCanvas(canvas.width, canvas.height);
  const context = exactContext(sheet);
  context.imageSmoothingEnabled = scale < 1;
  context.drawImage(alpha, 0, 0, sheet.width, sheet.height);
  const board = context.getImageData(0, 0, sheet.width, sheet.height);
  const side = Math.max(1, Math.round((longest * scale) / BOARD_SQUARES));
  for (let y = 0, i = 0; y < sheet.height; y++) {
    for (let x = 0; x < sheet.width; x++, i += 4) {
      board.data[i + 3] = 255 - board.data[i];
      const isOdd = (Math.floor(x / side) + Math.floor(y / side)) % 2;
      board.data.fill(BOARD[isOdd], i, i + 3);
    }
  }
  canvas.getContext("2d").putImageData(board, 0, 0);
}

/** Draws the checkerboard onto a picture that is only looked at. */
function layBoard(canvas, clear) {
  const board = makeCanvas(1, 1);
  drawBoard(board, clear);
  canvas.getContext("2d").drawImage(board, 0, 0, canvas.width, canvas.height);
}

/** The cells in which at least one pixel is not opaque. */
function transparentCells({ cols, rows, xs, ys }, alpha) {
  const context = exactContext(alpha);
  const cells = new Uint8Array(cols * rows);
  for (let row = 0; row < rows; row++) {
    const height = ys[row + 1] - ys[row];
    if (!height) continue; // a tiny picture has fewer pixels than cells
    const { data } = context.getImageData(0, ys[row], alpha.width, height);
    for (let col = 0; col < cols; col++) {
      cells[row * cols + col] = Number(hasTransparent(data, alpha.width, xs[col], xs[col + 1]));
    }
  }
  return cells;
}

function hasTransparent(data, width, left, right) {
  for (let start = 0; start < data.length; start += 4 * width) {
    for (let i = start + 4 * left; i < start + 4 * right; i += 4) if (data[i] < 255) return true;
  }
  return false;
}
