"""Command line and environment, to a loaded model, to a running server.

Every option may also come from the environment as `MASKGIT_STUDIO_` and its name in capitals, for
instance `MASKGIT_STUDIO_PORT=8000`; the command line wins.
"""

from __future__ import annotations

import argparse
import ctypes
import importlib
import importlib.util
import os
import socket
import sys
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from app.errors import UserError
from app.stubs import leave_out, write_no_stubs
from app.words import FIRST, LANGUAGES, Sentence

if TYPE_CHECKING:
    from gradio import Blocks

    from app.studio import ModelStore

ENVIRONMENT = "MASKGIT_STUDIO_"
MAX_WAITING = 32  # runs in the queue; beyond that people are asked to come back
NO_MCP = "--mcp needs the package mcp, which is not installed: pip install -r requirements-mcp.txt"
M_ARENA_MAX = -8  # of malloc.h
ARENAS = 2
SESSIONS = 256  # visits whose last run is remembered; Gradio keeps 230 kB for each
LOOK_EVERY_S = 0.01  # for runs that wait
MAX_PORT = 65_535
MAX_UPLOAD = "192mb"  # one message, above what a picture may have as base64


def parser(environment: Mapping[str, str]) -> argparse.ArgumentParser:
    """Describe the options; defaults come from the environment."""

    def default(name: str, otherwise: str) -> str:
        return environment.get(ENVIRONMENT + name.upper(), otherwise)

    # A Space is reached through a proxy, so the server there must listen beyond its own machine.
    host = "0.0.0.0" if "SPACE_ID" in environment else "127.0.0.1"
    options = argparse.ArgumentParser(
        prog="app.py", description="Start MaskGIT Studio, the editor, in the browser."
    )
    options.add_argument(
        "--model",
        default=default("model", "embedded"),
        help="model id, or path of a model folder (default: %(default)s)",
    )
    options.add_argument(
        "--device",
        default=default("device", "auto"),
        help="auto, cpu, cuda or cuda:N (default: %(default)s)",
    )
    options.add_argument(
        "--dtype",
        default=default("dtype", "auto"),
        help="auto, float32, bfloat16 or int8 (default: %(default)s)",
    )
    options.add_argument(
        "--host",
        default=default("host", host),
        help="address to listen on; 0.0.0.0 opens it to the network (default: %(default)s)",
    )
    options.add_argument(
        "--port",
        type=port_number,
        default=environment.get(ENVIRONMENT + "PORT"),
        help="port to listen on (default: 7860, or the next that is free)",
    )
    options.add_argument(
        "--downloads",
        type=one_of("auto", "allow", "forbid"),
        metavar="{auto,allow,forbid}",
        default=default("downloads", "auto"),
        help="whether published models may be downloaded from the page; auto: where only this "
        "computer can open it (default: %(default)s)",
    )
    options.add_argument(
        "--offline",
        action="store_true",
        default=is_set(environment, ENVIRONMENT + "OFFLINE"),
        help="use only what is on this computer; HF_HUB_OFFLINE=1 asks for it, too",
    )
    options.add_argument(
        "--language",
        type=one_of(*LANGUAGES),
        metavar=f"{{{','.join(LANGUAGES)}}}",
        default=default("language", FIRST),
        help="of the page where the browser asks for none of these (default: %(default)s)",
    )
    options.add_argument(
        "--mcp",
        action="store_true",
        default=is_set(environment, ENVIRONMENT + "MCP"),
        help="offer the named endpoints as tools for assistants, too, by MCP; see docs/api.md",
    )
    options.add_argument("--open", action="store_true", help="open the page in the default browser")
    return options


def main(arguments: Sequence[str] | None = None) -> None:
    """Load the model and serve the page until interrupted; trouble ends it with a sentence."""
    chosen = parser(os.environ).parse_args(arguments)
    stay_private()
    wait_asleep()
    share_memory()
    if chosen.offline:
        os.environ["HF_HUB_OFFLINE"] = "1"  # for everything that would look at the hub
    if importlib.util.find_spec("spaces"):  # lends GPUs; must be there before CUDA is looked at
        importlib.import_module("spaces")
    try:
        serve(chosen)
    except UserError as error:
        sys.exit(f"MaskGIT Studio cannot start: {error}")


def serve(chosen: argparse.Namespace) -> None:
    """Load the model, start the server and wait.

    Raises:
        UserError: If the model cannot be loaded, the address or port cannot be used, or a package
            that an option needs is missing.
    """
    require_host(chosen.host)
    if chosen.mcp and importlib.util.find_spec("mcp") is None:
        raise UserError(NO_MCP)
    say(f"Loading the model {chosen.model} ...")
    with ThreadPoolExecutor(1) as beside:
        loading = beside.submit(load_models, chosen)
        write_no_stubs()
        if not chosen.mcp:
            leave_out("mcp")  # more than half a second, where it is installed
        from app.handlers import Handlers
        from app.interface import build_interface
        from app.leaving import hear_first
        from app.menu import ModelMenu
        from app.panels.language import language_choice
        from app.studio import Studio
        from app.theme import CSS, theme
        from app.tools import answer_in_json

        models = loading.result()
    page = build_interface(Handlers(Studio(models)), ModelMenu(models), chosen.language)
    hear_first()
    page.queue(max_size=MAX_WAITING)
    look_seldom(page)
    try:
        _, url, _ = page.launch(
            server_name=chosen.host,
            server_port=chosen.port,
            inbrowser=chosen.open,
            share=False,
            quiet=True,
            prevent_thread_lock=True,
            max_file_size=MAX_UPLOAD,
            state_session_capacity=SESSIONS,
            footer_links=[],
            run_history=False,
            enable_monitoring=False,
            pwa=False,
            ssr_mode=False,
            mcp_server=chosen.mcp,
            theme=theme(),
            css=CSS,
            head=language_choice(chosen.language),
        )
    except OSError as error:
        where = f"{chosen.host}, port {chosen.port}" if chosen.port else chosen.host
        raise UserError(f"{where} is taken or not allowed; try another --port.") from error
    if page.mcp_error:  # Gradio goes on without
        raise UserError(page.mcp_error)
    if page.mcp_server_obj:
        answer_in_json(page.mcp_server_obj)
        say(f"Tools for programs that speak MCP: {url}gradio_api/mcp/")
    say(f"MaskGIT Studio is ready: {url}  (stop it with Ctrl+C)")
    page.block_thread()


def look_seldom(page: Blocks) -> None:
    """Let the queue look for runs less often, and for progress bars, of which there are none.

    Gradio looks every millisecond, which keeps a twentieth of a core busy for as long as the server
    runs.
    """
    page._queue.sleep_when_free = LOOK_EVERY_S
    page._queue.progress_update_sleep_when_free = 1.0


def port_number(text: str) -> int:
    """Take the number of a port that a server can listen on."""
    if text.isdecimal() and 1 <= int(text) <= MAX_PORT:
        return int(text)
    raise argparse.ArgumentTypeError(f"{text!r} is no port, 1 to {MAX_PORT}")


def require_host(host: str) -> None:
    """Refuse what is no address of this computer; Gradio would try all ports with it.

    Raises:
        UserError: If it is none.
    """
    try:
        name = host.removeprefix("[").removesuffix("]")  # as IPv6 is written in an address
        kind, *_, address = socket.getaddrinfo(name, 0, type=socket.SOCK_STREAM)[0]
        with socket.socket(kind, socket.SOCK_STREAM) as listener:
            listener.bind(address)
    except (OSError, UnicodeError) as error:
        raise UserError(f"{host} is no address of this computer ({error}); see --host.") from error


def one_of(*choices: str) -> Callable[[str], str]:
    """Take one of some words; unlike argparse's choices, this looks at the environment's, too."""

    def checked(text: str) -> str:
        if text in choices:
            return text
        raise argparse.ArgumentTypeError(f"{text!r} is none of {', '.join(choices)}")

    return checked


def load_models(chosen: argparse.Namespace) -> ModelStore:
    """Load the model, and the engine with it, while Gradio is being imported elsewhere.

    Raises:
        UserError: If the model cannot be loaded.
    """
    from app.studio import ModelStore

    refusal = no_downloads(chosen, os.environ)
    return ModelStore.load(chosen.model, chosen.device, chosen.dtype, refusal)


def no_downloads(chosen: argparse.Namespace, environment: Mapping[str, str]) -> str:
    """Say why models may not be downloaded from the page; nothing where they may."""
    if chosen.offline or is_set(environment, "HF_HUB_OFFLINE"):
        return Sentence("said.offline")
    is_private = chosen.host in ("127.0.0.1", "localhost", "::1")
    is_allowed = is_private if chosen.downloads == "auto" else chosen.downloads == "allow"
    return "" if is_allowed else Sentence("said.no_downloads")


def is_set(environment: Mapping[str, str], name: str) -> bool:
    """Whether a variable says yes, in the words the model hub's own client knows."""
    return environment.get(name, "").lower() in {"1", "on", "true", "yes"}


def stay_private() -> None:
    """Switch off what Gradio and the model hub would report; before either is imported."""
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")


def wait_asleep() -> None:
    """Let threads of the model wait for each other without keeping a core busy.

    Must come before torch is imported. Where other work shares the cores, the browser among it, a
    thread that spins takes the core from the one that it waits for.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")


def share_memory() -> None:
    """Let threads take memory from two pools, where the C library is glibc.

    It would give every thread one of its own and keep there what the largest of its answers once
    needed: with eight people at work the server grew by a megabyte for every other edit.
    """
    if "MALLOC_ARENA_MAX" in os.environ or not sys.platform.startswith("linux"):
        return
    set_option = getattr(ctypes.CDLL(None), "mallopt", None)  # musl has none
    if set_option is not None:
        set_option(M_ARENA_MAX, ARENAS)


def say(sentence: str) -> None:
    """Tell the person at the terminal."""
    sys.stdout.write(sentence + "\n")
    sys.stdout.flush()
