"""Load Gradio inside a running event loop.

Outside of one it makes event loops of its own, at import and for every page, and never closes
them; Python warns about each, and here warnings are errors.
"""

import asyncio
import importlib


async def _load_gradio() -> None:
    importlib.import_module("gradio")


asyncio.run(_load_gradio())
