"""The page starts from one command, and tells nobody."""

import asyncio
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import gradio as gr
import pytest

from app.errors import UserError
from app.launch import (
    look_seldom,
    no_downloads,
    parser,
    require_host,
    serve,
    stay_private,
    wait_asleep,
)
from app.words import Sentence

ROOT = Path(__file__).resolve().parents[2]


def test_without_options_it_is_the_embedded_model_on_this_machine_only() -> None:
    chosen = parser({}).parse_args([])
    assert (chosen.model, chosen.host, chosen.port) == ("embedded", "127.0.0.1", None)
    assert (chosen.device, chosen.dtype) == ("auto", "auto")


def test_the_environment_gives_defaults_and_the_command_line_wins() -> None:
    environment = {"MASKGIT_STUDIO_PORT": "8000", "MASKGIT_STUDIO_MODEL": "mine"}
    chosen = parser(environment).parse_args(["--model", "other"])
    assert (chosen.model, chosen.port) == ("other", 8000)


def test_a_space_is_reachable_from_outside() -> None:
    assert parser({"SPACE_ID": "someone/studio"}).parse_args([]).host == "0.0.0.0"


@pytest.mark.parametrize(
    ("options", "environment", "refusal"),
    [
        ([], {}, ""),
        (["--host", "0.0.0.0"], {}, Sentence("said.no_downloads")),
        ([], {"SPACE_ID": "someone/studio"}, Sentence("said.no_downloads")),
        (["--host", "0.0.0.0", "--downloads", "allow"], {}, ""),
        (["--downloads", "forbid"], {}, Sentence("said.no_downloads")),
        ([], {"MASKGIT_STUDIO_DOWNLOADS": "forbid"}, Sentence("said.no_downloads")),
        (["--offline"], {}, Sentence("said.offline")),
        (["--downloads", "allow"], {"HF_HUB_OFFLINE": "1"}, Sentence("said.offline")),
        ([], {"MASKGIT_STUDIO_OFFLINE": "yes"}, Sentence("said.offline")),
        ([], {"HF_HUB_OFFLINE": "0"}, ""),
    ],
)
def test_downloads_are_for_the_machine_that_runs_it_unless_said_otherwise(
    options: list[str], environment: dict[str, str], refusal: str
) -> None:
    chosen = parser(environment).parse_args(options)
    assert no_downloads(chosen, environment) == refusal


@pytest.mark.parametrize("port", ["0", "99999", "-5", "first"])
def test_what_is_no_port_is_refused(port: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parser({}).parse_args([f"--port={port}"])
    assert f"'{port}' is no port" in capsys.readouterr().err


@pytest.mark.parametrize("host", ["300.1.1.1", "203.0.113.7", "a" * 300])
def test_what_is_no_address_of_this_computer_is_refused(host: str) -> None:
    with pytest.raises(UserError, match="is no address of this computer"):
        require_host(host)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "0.0.0.0", "[::1]"])
def test_addresses_of_this_computer_can_be_listened_on(host: str) -> None:
    require_host(host)


@pytest.mark.parametrize("name", ["DOWNLOADS", "LANGUAGE"])
def test_a_slip_in_the_environment_is_refused(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        parser({f"MASKGIT_STUDIO_{name}": "alow"}).parse_args([])
    assert "'alow' is none of" in capsys.readouterr().err


def test_tools_for_assistants_are_offered_only_where_they_are_asked_for() -> None:
    assert not parser({}).parse_args([]).mcp
    assert not parser({"MASKGIT_STUDIO_MCP": "0"}).parse_args([]).mcp
    assert parser({"MASKGIT_STUDIO_MCP": "1"}).parse_args([]).mcp
    assert parser({}).parse_args(["--mcp"]).mcp


def test_without_its_package_the_mcp_switch_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "mcp", None)
    with pytest.raises(UserError, match=r"pip install -r requirements-mcp\.txt"):
        serve(parser({}).parse_args(["--mcp"]))
    assert (ROOT / "requirements-mcp.txt").is_file()


def test_threads_wait_asleep_unless_somebody_says_otherwise(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("OMP_WAIT_POLICY", raising=False)
    wait_asleep()
    assert os.environ["OMP_WAIT_POLICY"] == "passive"
    monkeypatch.setenv("OMP_WAIT_POLICY", "active")
    wait_asleep()
    assert os.environ["OMP_WAIT_POLICY"] == "active"


def test_the_queue_looks_less_often_than_gradio_lets_it() -> None:
    async def queue() -> tuple[dict[str, Any], dict[str, Any]]:
        with gr.Blocks() as page:
            page.queue()
        before = dict(vars(page._queue))
        look_seldom(page)
        return before, vars(page._queue)

    before, after = asyncio.run(queue())
    changed = {name for name, value in after.items() if value is not before[name]}
    assert changed == {"sleep_when_free", "progress_update_sleep_when_free"}
    assert all(after[name] > before[name] for name in changed)


def test_the_launcher_is_read_before_torch_is() -> None:
    code = "import sys, app.launch; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0


@pytest.mark.parametrize("wrong", [["--port", "x"], ["--no-such-option"]])
def test_wrong_options_are_refused(wrong: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parser({}).parse_args(wrong)
    assert "error" in capsys.readouterr().err


def test_nothing_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRADIO_ANALYTICS_ENABLED", "True")
    stay_private()
    assert os.environ["GRADIO_ANALYTICS_ENABLED"] == "False"


def start(*options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "app.py", *options]
    return subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=600
    )


VISITORS = """
import gradio as gr
from app.launch import SESSIONS, main

def look(page):
    for visitor in range(SESSIONS + 2):
        page.state_holder[str(visitor)]
    assert list(page.state_holder.session_data) == [str(each) for each in range(2, SESSIONS + 2)]
    page.close()

gr.Blocks.block_thread = look
main([])
"""


def test_a_server_remembers_its_last_visitors_only() -> None:
    assert subprocess.run([sys.executable, "-c", VISITORS], cwd=ROOT, check=False).returncode == 0


THREADS = """
import ctypes, threading
from app.launch import share_memory

share_memory()
glibc = ctypes.CDLL(None)
all_there = threading.Barrier(8)

def work():
    all_there.wait()
    glibc.malloc(1000)
    all_there.wait()

threads = [threading.Thread(target=work) for _ in range(8)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
glibc.malloc_info(0, ctypes.c_void_p.in_dll(glibc, "stdout"))
glibc.fflush(None)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="glibc's own")
@pytest.mark.parametrize(("said", "most"), [({}, 2), ({"MALLOC_ARENA_MAX": "5"}, 5)])
def test_threads_share_memory_unless_somebody_says_otherwise(
    said: dict[str, str], most: int
) -> None:
    command = [sys.executable, "-c", THREADS]
    environment = {**os.environ, **said}
    done = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.count("<heap nr=") == most


@pytest.mark.slow
def test_a_model_that_is_not_there_is_a_sentence() -> None:
    done = start("--model", "no-such-model")
    assert done.returncode == 1
    assert done.stderr.startswith("MaskGIT Studio cannot start: ")
    assert "no-such-model" in done.stderr
    assert "Traceback" not in done.stderr


def test_app_py_is_a_launcher_that_explains_itself() -> None:
    done = start("--help")
    assert done.returncode == 0
    words = " ".join(done.stdout.split())  # however wide the terminal is
    assert "--model" in words
    assert "default: embedded" in words


def test_the_language_of_the_server_is_english_unless_one_that_is_there_is_asked_for() -> None:
    assert parser({}).parse_args([]).language == "en"
    assert parser({"MASKGIT_STUDIO_LANGUAGE": "de"}).parse_args([]).language == "de"
    assert parser({}).parse_args(["--language", "de"]).language == "de"
    for environment, arguments in (
        ({}, ["--language", "xx"]),
        ({"MASKGIT_STUDIO_LANGUAGE": "xx"}, []),
    ):
        with pytest.raises(SystemExit):
            parser(environment).parse_args(arguments)
