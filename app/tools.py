"""Answers of the named endpoints as a client of the Model Context Protocol can use them.

Gradio makes a tool of every public endpoint, but writes its answer as Python would, and a picture
as a long text. Here an answer is JSON, and its pictures are pictures, which an assistant sees.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gradio.mcp import GradioMCPServer
    from mcp.types import ImageContent, TextContent

PICTURE = re.compile(r"data:(image/\w+);base64,(.+)")


def answer_in_json(server: GradioMCPServer) -> None:
    """Let the tools of a server answer with `contents`."""

    def all_contents(data: list[Any], root_url: str) -> list[TextContent | ImageContent]:
        del root_url  # of files, which no answer has
        return [content for answer in data for content in contents(answer)]

    server.postprocess_output_data = all_contents


def contents(answer: object) -> list[TextContent | ImageContent]:
    """Write an answer as JSON; its pictures follow, and are called "image 1", ... in the text."""
    from mcp.types import ImageContent, TextContent

    images: list[ImageContent] = []

    def without_pictures(value: object) -> object:
        if isinstance(value, dict):
            return {name: without_pictures(each) for name, each in value.items()}
        if isinstance(value, list):
            return [without_pictures(each) for each in value]
        if isinstance(value, str) and (found := PICTURE.fullmatch(value)):
            images.append(ImageContent(type="image", mimeType=found[1], data=found[2]))
            return f"image {len(images)}"
        return value

    text = json.dumps(without_pictures(answer), ensure_ascii=False)
    return [TextContent(type="text", text=text), *images]
