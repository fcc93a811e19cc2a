// What the tour does to the page around it, and how it puts everything back.
//
// It only presses what a person could press (folded panels), scrolls, and makes room at the bottom
// of a phone. Picture, mask and settings are never touched.

const SOON_MS = 1500; // a panel that was unfolded shows its controls by then

const isSeen = (node) => Boolean(node?.getClientRects().length) && node.offsetWidth > 0;

function createPage() {
  const unfolded = new Set(); // buttons of panels that were folded before
  let before = [0, 0]; // where the page was scrolled to

  const open = () => {
    before = [window.scrollX, window.scrollY];
  };

  const findAnchor = ({ anchor }) =>
    anchor.map((selector) => document.querySelector(selector)).find(isSeen);

  /** Whether the panel of a button is unfolded; not every kind of panel says so itself. */
  const isOpen = (button) =>
    button.ariaExpanded ? button.ariaExpanded === "true" : isSeen(button.nextElementSibling);

  /** Unfolds what hides the anchor of a stop; answers with the anchor, or null if it has none. */
  async function reveal(stop) {
    const button = stop.unfold && document.querySelector(stop.unfold);
    if (button && !isOpen(button)) {
      button.click();
      unfolded.add(button);
    }
    for (const end = performance.now() + SOON_MS; ; ) {
      const found = findAnchor(stop);
      if (found || performance.now() > end) return found ?? null;
      await new Promise(requestAnimationFrame);
    }
  }

  /** Room under the page, so that its last control can be scrolled above the sheet of a phone. */
  function room(height_px) {
    document.body.style.paddingBottom = height_px ? `${height_px}px` : "";
    document.documentElement.style.scrollPaddingBottom = height_px ? `${height_px}px` : "";
  }

  /** Folds up what was folded; who works on the page by now is not scrolled away from there. */
  function putBack(mayScroll) {
    for (const button of unfolded) if (isOpen(button)) button.click();
    unfolded.clear();
    room(0);
    if (!mayScroll) return;
    window.scrollTo(...before);
    requestAnimationFrame(() => window.scrollTo(...before)); // a smooth scroll goes on until then
  }

  return { open, findAnchor, reveal, room, putBack };
}
