"""`app.py --mcp`: the named endpoints, and nothing else, as tools; seen by a real MCP client."""

import asyncio
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
from gradio_client import Client
from mcp import ClientSession
from mcp.client.streamable_http import streamable_http_client

from tests.browser.editor import CLASSES, SOME_CLASS, serve
from tests.browser.test_api import examples, run

pytestmark = [pytest.mark.slow, pytest.mark.browser]
LABEL = CLASSES[SOME_CLASS]
WISH = {"label": LABEL, "settings": {"seed": 3, "steps": 2}}


@pytest.fixture(scope="module")
def with_tools() -> Iterator[str]:
    with serve(start=("app.py", "--mcp")) as where:
        yield where


def talk(address: str, *calls: tuple[str, Any]) -> tuple[dict[str, Any], list[Any]]:
    """Give the schemas of the tools by name, and the answers of some calls."""

    async def session() -> tuple[dict[str, Any], list[Any]]:
        async with (
            streamable_http_client(f"{address}gradio_api/mcp/") as (read, write, *_),
            ClientSession(read, write) as client,
        ):
            await client.initialize()
            tools = (await client.list_tools()).tools
            answers = [await client.call_tool(name, arguments) for name, arguments in calls]
            return {tool.name: tool for tool in tools}, answers

    with ThreadPoolExecutor(1) as apart:  # Playwright has a loop of its own in this thread
        return apart.submit(asyncio.run, session()).result()


def test_every_public_endpoint_is_a_tool_and_nothing_private_is(with_tools: str) -> None:
    tools, _ = talk(with_tools)
    client = Client(with_tools, verbose=False)
    named = client.view_api(return_format="dict", print_info=False)["named_endpoints"]
    assert set(tools) == {name.removeprefix("/") for name in named}
    assert {"generate", "edit", "outpaint", "start", "step", "finish", "models"} <= set(tools)
    for tool in tools.values():
        assert tool.description
        assert list(tool.inputSchema["properties"]) == ["request"]


def test_a_tool_answers_as_the_endpoint_of_its_name_does(with_tools: str) -> None:
    _, (made, refused) = talk(
        with_tools,
        ("generate", {"request": WISH}),
        ("edit", {"request": {"label": LABEL, "picture": "no such picture"}}),
    )
    client = Client(with_tools, verbose=False)
    text, picture = made.content
    (said,) = json.loads(text.text)["pictures"]
    (same,) = client.predict(WISH, api_name="/generate")["pictures"]
    assert said["seed"] == same["seed"]
    assert said["png"] == "image 1"
    assert f"data:{picture.mimeType};base64,{picture.data}" == same["png"]
    answer = json.loads(refused.content[0].text)
    assert not answer["ok"]
    assert answer["error"]["message"].endswith(".")


def test_the_example_for_assistants_runs(with_tools: str, tmp_path: Path) -> None:
    _, as_tools, *_ = examples("api.md")
    assert "128 pixels wide, seed 3" in run(as_tools, tmp_path, with_tools)


def test_without_the_switch_there_are_no_tools(address: str) -> None:
    request = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
    headers = {"Accept": "application/json, text/event-stream"}
    answer = httpx.post(f"{address}gradio_api/mcp/", json=request, headers=headers)
    assert answer.status_code in (404, 405)
