// What is heard beyond the component: Gradio may mount it again, and the old one must be let go.

/** Listens as long as the component is in the page; `options` as of `addEventListener`. */
function hearWhile(root, target, type, listener, options = {}) {
  const life = new AbortController();
  const heard = (event) => (root.isConnected ? listener(event) : life.abort());
  target.addEventListener(type, heard, { ...options, signal: life.signal });
}
