"""Scripts of the buttons that begin and stop runs, so that no press is lost.

Gradio ignores a button while the run it began is not over, which is what a second press deserves.
But a stopped run is over only when the server has answered: who pressed Stop and then Fill at once
was not heard, and nothing said so. Therefore a press waits until what is being stopped is over.

    run            before a run: waits if it must, then says so and lets Stop be pressed; an
                   impatient second press waits until the first one's run has begun
    RUN_IS_OVER    after a run, also one that was stopped
    run_failed     after one that the server could not even begin, as where too many wait
    STOP           before the server hears of Stop
    STOP_IS_OVER   when the page shows what the server answered
"""

from __future__ import annotations

import json

AS_IT_IS = '{ __type__: "update" }'
PATIENCE_MS = 5000  # for a server that does not answer Stop; without that, for nothing to stop

STOP = f"""() => {{
  const heard = (name) => new Promise((done) => addEventListener(name, done, {{ once: true }}));
  const over = Promise.all([heard("studio-run-over"), heard("studio-stop-over")]);
  const patience = new Promise((done) => setTimeout(done, {PATIENCE_MS}));
  const stopping = Promise.race([over, patience]).then(() => {{
    if (window.studioIsStopping === stopping) window.studioIsStopping = null;
  }});
  window.studioIsStopping = stopping;
  window.studioWasStopped = true;
}}"""
RUN_IS_OVER = '() => { dispatchEvent(new Event("studio-run-over")); }'
STOP_IS_OVER = '() => { dispatchEvent(new Event("studio-stop-over")); }'


def run_failed(failed: str) -> str:
    """Write what happens where no run came of a press; `failed` is what is said."""
    return f"""() => {{
  dispatchEvent(new Event("studio-run-over"));
  if (window.studioWasStopped) return [{AS_IT_IS}, {AS_IT_IS}]; // which Gradio takes for a failure
  return [{json.dumps(failed)}, {{ __type__: "update", interactive: false }}];
}}"""


def run(waiting: str) -> str:
    """Write what happens before a run; `waiting` is what is said meanwhile."""
    return f"""async () => {{
  const stopping = window.studioIsStopping;
  const isFirst = !stopping?.hasPress;
  if (stopping) stopping.hasPress = true;
  await stopping;
  window.studioWasStopped = false;
  if (isFirst) return [{json.dumps(waiting)}, {{ __type__: "update", interactive: true }}];
  const begun = new Promise((done) => addEventListener("studio-run-begun", done, {{ once: true }}));
  await Promise.race([begun, new Promise((done) => setTimeout(done, {PATIENCE_MS}))]);
  // Gradio knows of the run that the first press began, and ignores this one.
}}"""
