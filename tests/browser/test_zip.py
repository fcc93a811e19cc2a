"""Archives of projects: Python reads what is written, what Python packs is read, lies are not."""

import base64
import io
import struct
import zipfile
import zlib
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from app.words import LANGUAGES

pytestmark = pytest.mark.browser

CANVAS = Path(__file__).resolve().parents[2] / "app" / "canvas"
FILES = [(CANVAS / name).read_text() for name in ("png.js", "zip.js")]
SCRIPTS = "\n".join([LANGUAGES["en"].script("canvas"), *FILES])
LIMITS = """{
  file: 2 ** 20, members: 4,
  bytesOf: (name) => ({ "a.txt": 1000, "b/": 0, "b/c.txt": 200_000 })[name] ?? null,
}"""


@pytest.fixture(scope="module")
def page(browser: Browser) -> Any:
    page = browser.new_page()
    yield page
    page.close()


def read(page: Page, data: bytes) -> dict[str, bytes] | str:
    """Let the page unpack; gives the members, or what it says."""
    found = page.evaluate(
        f"""async (text) => {{
            {SCRIPTS}
            const file = new Blob([Uint8Array.from(atob(text), (c) => c.charCodeAt(0))]);
            try {{
                const found = await readZip(file, {LIMITS});
                return [...found].map(([name, bytes]) => [name, [...bytes]]);
            }} catch (error) {{
                return error.message;
            }}
        }}""",
        base64.b64encode(data).decode(),
    )
    return found if isinstance(found, str) else {name: bytes(member) for name, member in found}


def packed(members: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return file.getvalue()


MEMBERS = {"a.txt": b"some words " * 50, "b/c.txt": bytes(range(256)) * 20}


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_what_others_pack_is_read(page: Page, method: int) -> None:
    assert read(page, packed({"b/": b"", **MEMBERS}, method)) == MEMBERS


def test_what_systems_add_is_passed_over(page: Page) -> None:
    added = {"__MACOSX/._a.txt": b"x", "b/.DS_Store": b"x"}
    assert read(page, packed({**MEMBERS, **added})) == MEMBERS


def test_what_is_written_others_read(page: Page) -> None:
    text = page.evaluate(
        f"""async () => {{
            {SCRIPTS}
            const blob = await writeZip([
                {{ name: "document.json", blob: new Blob(["{{}}"]) }},
                {{ name: "pictures/0.png", blob: new Blob(["\\u2603".repeat(99)]) }},
            ]);
            return btoa(String.fromCharCode(...new Uint8Array(await blob.arrayBuffer())));
        }}"""
    )
    with zipfile.ZipFile(io.BytesIO(base64.b64decode(text))) as archive:
        assert archive.testzip() is None
        assert archive.namelist() == ["document.json", "pictures/0.png"]
        assert archive.read("pictures/0.png").decode() == "\u2603" * 99


def lying(members: dict[str, bytes], name: str, claimed: int) -> bytes:
    """Pack, and claim another unpacked size for a member."""
    data = bytearray(packed(members))
    at = data.index(b"PK\x01\x02")
    while data[at + 46 : at + 46 + len(name)] != name.encode():
        at = data.index(b"PK\x01\x02", at + 1)
    struct.pack_into("<I", data, at + 24, claimed)
    return bytes(data)


def with_method(method: int) -> bytes:
    data = bytearray(packed(MEMBERS))
    struct.pack_into("<H", data, data.index(b"PK\x01\x02") + 10, method)
    return bytes(data)


def locked() -> bytes:
    data = bytearray(packed(MEMBERS))
    data[data.index(b"PK\x01\x02") + 8] |= 1
    return bytes(data)


def over_each_other() -> bytes:
    """Let two members claim the same compressed bytes, as bombs do."""
    data = bytearray(packed({"a.txt": b"x", "b/c.txt": bytes(190_000)}))
    first = data.index(b"PK\x01\x02")
    struct.pack_into("<I", data, first + 20, len(data))
    return bytes(data)


def changed(data: bytes, at: int) -> bytes:
    return data[:at] + bytes([data[at] ^ 255]) + data[at + 1 :]


def twice() -> bytes:
    return packed({"a.txt": b"1", "a.tx_": b"2"}).replace(b"a.tx_", b"a.txt")


def far_away() -> bytes:
    data = bytearray(packed(MEMBERS))
    struct.pack_into("<I", data, len(data) - 6, 2**31)
    return bytes(data)


STORED = packed(MEMBERS, zipfile.ZIP_STORED)
LIES = {
    "no archive": (b"PK, but no archive", "not a ZIP"),
    "nothing": (b"", "not a ZIP"),
    "cut short": (packed(MEMBERS)[:-40], "not a ZIP|damaged"),
    "another name": (packed({"c.txt": b"1"}), "which no project has"),
    "a path upwards": (packed({"../a.txt": b"1"}), "which no project has"),
    "a path from the root": (packed({"/etc/passwd": b"1"}), "which no project has"),
    "a folder upwards": (packed({"../": b""}), "which no project has"),
    "a backslash": (packed({"b\\c.txt": b"1"}), "which no project has"),
    "too many": (packed({f"{i}": b"" for i in range(9)}), "There are 9 files"),
    "the same twice": (twice(), "twice"),
    "too large a member": (packed({"a.txt": bytes(2000)}), "larger than"),
    "larger than it says": (
        lying({"b/c.txt": bytes(10**6)}, "b/c.txt", 100_000),
        "more than it says",
    ),
    "smaller than it says": (lying(MEMBERS, "b/c.txt", 190_000), "damaged"),
    "another checksum": (changed(STORED, STORED.index(b"some words") + 3), "damaged"),
    "damaged compression": (changed(packed(MEMBERS), 45), "damaged|more than"),
    "an unknown method": (with_method(14), "not known here"),
    "a password": (locked(), "password"),
    "members over each other": (over_each_other(), "damaged"),
    "a directory elsewhere": (far_away(), "damaged"),
    "too large a file": (packed({"a.txt": b"1"}) + bytes(2**20), "larger than 1 MB"),
}


@pytest.mark.parametrize("lie", LIES)
def test_lies_get_a_sentence(page: Page, lie: str) -> None:
    data, sentence = LIES[lie]
    said = read(page, data)
    assert isinstance(said, str), said.keys()
    assert any(part in said for part in sentence.split("|")), said
    assert said.endswith(".")


def test_the_checksum_is_that_of_zlib(page: Page) -> None:
    found = page.evaluate(
        f"() => {{ {SCRIPTS}; return crcOf([new TextEncoder().encode('tulip')]); }}"
    )
    assert found == zlib.crc32(b"tulip")
