// Light on one control of the page, and the card beside it; neither blocks anything.
//
// The ring is a frame whose shadow dims the rest. It lets every press through, and as soon as
// somebody works on the page the dimming goes, so that they see what they do.

const GAP = 14;
const EDGE = 12;
const phone = window.matchMedia("(max-width: 640px)");
const calm = window.matchMedia("(prefers-reduced-motion: reduce)");

function createSpotlight(ring, card, page) {
  let anchor = null;
  let find = () => null;
  let watcher = null;

  const clamp = (value, low, high) => Math.max(low, Math.min(high, value));

  /** Looks for the anchor again: another control may be there by now. */
  function follow() {
    const found = find();
    if (found && found !== anchor) turnTo(found);
    place();
  }

  function place() {
    if (!watcher) return;
    page.room(phone.matches ? card.offsetHeight : 0);
    ring.hidden = !isSeen(anchor);
    const box = ring.hidden ? null : anchor.getBoundingClientRect();
    if (box) {
      const [left, top] = [box.left - 5, box.top - 5];
      Object.assign(ring.style, {
        left: `${left}px`,
        top: `${top}px`,
        width: `${box.width + 10}px`,
        height: `${box.height + 10}px`,
      });
    }
    if (phone.matches) Object.assign(card.style, { left: "", top: "" });
    else Object.assign(card.style, beside(box));
  }

  /** The side of the anchor with room for the card; a corner where no side has any. */
  function beside(box) {
    const { offsetWidth: width, offsetHeight: height } = card;
    const [right, bottom] = [innerWidth - EDGE - width, innerHeight - EDGE - height];
    const corner = { left: right, top: bottom };
    const centre = box && { x: (box.left + box.right - width) / 2, y: (box.top + box.bottom - height) / 2 };
    const places = box ? [
      { left: box.left - GAP - width, top: clamp(centre.y, EDGE, bottom) },
      { left: box.right + GAP, top: clamp(centre.y, EDGE, bottom) },
      { left: clamp(centre.x, EDGE, right), top: box.bottom + GAP },
      { left: clamp(centre.x, EDGE, right), top: box.top - GAP - height },
    ] : [];
    const fits = ({ left, top }) => left >= EDGE && left <= right && top >= EDGE && top <= bottom;
    const { left, top } = places.find(fits) ?? corner;
    return { left: `${Math.round(left)}px`, top: `${Math.round(top)}px` };
  }

  function turnTo(next) {
    if (anchor) watcher.unobserve(anchor);
    anchor = next;
    ring.classList.remove("mgt-soft");
    if (!anchor) return;
    watcher.observe(anchor);
    const free = innerHeight - (phone.matches ? card.offsetHeight : 0);
    const block = anchor.offsetHeight > free ? "start" : "center";
    page.room(phone.matches ? card.offsetHeight : 0); // before scrolling: there must be room
    anchor.scrollIntoView({ block, behavior: calm.matches ? "auto" : "smooth" });
  }

  const soften = (event) => {
    if (!card.contains(event.target)) ring.classList.add("mgt-soft");
  };

  function start() {
    watcher = new ResizeObserver(follow); // also hears when a hidden part of the page appears
    for (const node of [document.body, card]) watcher.observe(node);
    addEventListener("scroll", place, { capture: true, passive: true });
    addEventListener("resize", place);
    addEventListener("pointerdown", soften, { capture: true });
  }

  function end() {
    watcher?.disconnect();
    watcher = anchor = null;
    removeEventListener("scroll", place, { capture: true });
    removeEventListener("resize", place);
    removeEventListener("pointerdown", soften, { capture: true });
  }

  /** Lights the control that `seek` finds, from now on. */
  function show(seek) {
    find = seek;
    turnTo(seek());
    place();
  }

  return { start, end, show, place, anchor: () => anchor };
}
