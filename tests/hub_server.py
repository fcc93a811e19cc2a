"""A web server on this machine that plays both a plain file server and the Hugging Face hub.

Every path answers with its file unless something else was arranged for the next requests to it:

    server.arrange("/plain/transformer", cut(after=1000), refuse(404))

`published(server.url)` is a model whose transformer lies on the plain server and whose tokenizer
lies on the hub.
"""

import hashlib
import threading
from collections import defaultdict
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from maskgit.published import Published, RemoteFile
from tests.official_files import write_official_pair

TRANSFORMER, TOKENIZER = "/plain/transformer", "/owner/repository/resolve/main/tokenizer"
NUM_BYTES = {TRANSFORMER: 13_787, TOKENIZER: 1_484_817}

Answer = Callable[["Request", bytes], None]


class HubServer(ThreadingHTTPServer):
    """Serves a small official model.

    Attributes:
        files: Content by path.
        asked: The requests that came, as (method, path, value of Range).
        stalled: Set when an answer of `stall` has sent its part.
        release: Ends all stalled answers.
    """

    daemon_threads = True

    def __init__(self, folder: Path) -> None:
        super().__init__(("127.0.0.1", 0), Request)
        transformer, tokenizer = write_official_pair(folder)
        self.files = {TRANSFORMER: transformer.read_bytes(), TOKENIZER: tokenizer.read_bytes()}
        self.asked: list[tuple[str, str, str | None]] = []
        self.stalled, self.release = threading.Event(), threading.Event()
        self._arranged: dict[str, list[Answer]] = defaultdict(list)
        threading.Thread(target=self.serve_forever, args=(0.01,), daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def arrange(self, path: str, *answers: Answer) -> None:
        """Answer the next requests for the bytes of `path` so, one after the other."""
        self._arranged[path] += answers

    def next_answer(self, path: str) -> Answer:
        return self._arranged[path].pop(0) if self._arranged[path] else serve

    def ranges(self, path: str) -> list[str | None]:
        """The ranges that were asked of a file, None for the whole of it."""
        return [span for method, asked, span in self.asked if (method, asked) == ("GET", path)]

    def close(self) -> None:
        self.release.set()
        self.shutdown()
        self.server_close()

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing about clients that hang up."""


class Request(BaseHTTPRequestHandler):
    """One request."""

    server: HubServer  # pyright: ignore[reportIncompatibleVariableOverride]
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:  # the base class calls it so
        self.server.asked.append(("GET", self.path, self.headers["Range"]))
        data = self.server.files.get(self.path)
        answer = refuse(404) if data is None else self.server.next_answer(self.path)
        answer(self, data or b"")

    def do_HEAD(self) -> None:  # as the hub's client asks
        self.server.asked.append(("HEAD", self.path, None))
        data = self.server.files.get(self.path)
        if data is None:
            self.answer(404, {"X-Error-Code": "EntryNotFound", "Content-Length": "0"})
            return
        digest = hashlib.sha256(data).hexdigest()
        headers = {"X-Repo-Commit": "c" * 40, "X-Linked-Etag": f'"{digest}"'}
        self.answer(200, {**headers, "ETag": f'"{digest}"', "Content-Length": str(len(data))})

    def answer(self, status: int, headers: dict[str, str], body: bytes = b"") -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)
        self.wfile.flush()

    def hang_up(self) -> None:
        self.close_connection = True

    def log_message(self, format: str, *args: object) -> None:
        """Stay silent."""


def serve(request: Request, data: bytes) -> None:
    """Send the file, or the part of it that was asked for."""
    _send(request, data)


def serve_instead(other: bytes) -> Answer:
    """Send other bytes."""
    return lambda request, _: serve(request, other)


def cut(after: int) -> Answer:
    """Hang up after so many bytes."""

    def answer(request: Request, data: bytes) -> None:
        _send(request, data, after)
        request.hang_up()

    return answer


def stall(after: int) -> Answer:
    """Send so many bytes, then nothing until the server's `release`, then hang up."""

    def answer(request: Request, data: bytes) -> None:
        _send(request, data, after)
        request.server.stalled.set()
        request.server.release.wait()
        request.hang_up()

    return answer


def refuse(status: int) -> Answer:
    """Answer with an error."""

    def answer(request: Request, _: bytes) -> None:
        request.answer(status, {"Content-Length": "0"})

    return answer


def page(request: Request, _: bytes) -> None:
    """Answer with a login page."""
    body = b"<!doctype html><title>Welcome to the hotel</title>" * 400
    request.answer(200, {"Content-Type": "text/html", "Content-Length": str(len(body))}, body)


def _send(request: Request, data: bytes, after: int | None = None) -> None:
    mark = f'"{hashlib.sha256(data).hexdigest()}"'
    span, start = request.headers["Range"], 0
    headers = {"ETag": mark, "Content-Type": "application/octet-stream"}
    if span and request.headers["If-Range"] in (None, mark):
        start = int(span.removeprefix("bytes=").removesuffix("-"))
        if start >= len(data):
            headers |= {"Content-Range": f"bytes */{len(data)}", "Content-Length": "0"}
            request.answer(416, headers)
            return
        headers["Content-Range"] = f"bytes {start}-{len(data) - 1}/{len(data)}"
    headers["Content-Length"] = str(len(data) - start)
    end = None if after is None else start + after
    request.answer(206 if start else 200, headers, data[start:end])


def published(url: str, model_id: str = "tiny") -> Published:
    """A model that this server publishes."""
    return Published(
        id=model_id,
        title="Tiny",
        good_for="Tests.",
        licence="none",
        quality="none",
        image_size=6,
        source=url,
        transformer=(RemoteFile(url + TRANSFORMER, NUM_BYTES[TRANSFORMER]),),
        tokenizer=(RemoteFile("hf://owner/repository/tokenizer", NUM_BYTES[TOKENIZER]),),
        classes="5 numbers",
    )
