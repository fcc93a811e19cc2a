"""A hub on this machine that publishes a small model of each family, and the editor that knows it.

The files are laid out as the published ones, with other sizes and numbers: recordings of the
original code. `published` makes the registry; as a program, this starts the editor with it instead
of the real one:

    python -m tests.browser.little_hub URL --port 7860
"""

import io
import sys
from pathlib import Path

import torch

from app import launch
from maskgit import transfer
from maskgit.published import DEFAULTS, MODELS, Published, RemoteFile
from tests.hub_server import HubServer
from tests.shared import SHARED

GOLDEN = SHARED / "golden"
CODES = "quantize.embedding.weight"
NUM_BYTES = {  # by path on the server
    "/plain/maskgit_transformer": 445_000,
    "/plain/maskgit_tokenizer": 3_180_000,
    "/owner/models/resolve/main/halton.pth": 787_000,
    "/owner/models/resolve/main/llamagen.pt": 5_570_000,
    "/owner/models/resolve/main/muse.pth": 648_000,
    "/owner/models/resolve/main/vqgan.bin": 3_920_000,
}

AGAIN = "_again"  # the same bytes at another place
OFFICIAL, HALTON, MUSE = zip(*[iter(NUM_BYTES)] * 2, strict=True)
FRESH = OFFICIAL[0] + AGAIN, OFFICIAL[1] + AGAIN


class LittleHub(HubServer):
    """Serves the files of `published`."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        contents = (
            (GOLDEN / "official" / "transformer_tiny.msgpack").read_bytes(),
            (GOLDEN / "official" / "tokenizer_tiny.msgpack").read_bytes(),
            (GOLDEN / "halton" / "tiny_even.pth").read_bytes(),
            with_fewer_codes(GOLDEN / "llamagen_vq" / "tiny.pt", 64),
            (GOLDEN / "muse_uvit" / "tiny.pth").read_bytes(),
            with_fewer_codes(GOLDEN / "maskgit_vqgan_pt" / "tiny.bin", 40),
        )
        self.files = dict(zip(NUM_BYTES, contents, strict=True))
        self.files |= {f"{path}{AGAIN}": self.files[path] for path in OFFICIAL}


def with_fewer_codes(path: Path, count: int) -> bytes:
    """Cut a tokenizer's codebook down to what the recorded transformer knows."""
    content = torch.load(path, weights_only=True)
    weights = content.get("model", content)
    weights[CODES] = weights[CODES][:count].clone()
    file = io.BytesIO()
    torch.save(content, file)
    return file.getvalue()


def published(url: str) -> dict[str, Published]:
    """List what the hub at this address publishes."""

    def remote(path: str) -> RemoteFile:
        is_plain = path.startswith("/plain")
        place = url + path if is_plain else "hf:/" + path.replace("/resolve/main", "")
        return RemoteFile(place, NUM_BYTES[path.removesuffix(AGAIN)])

    def model(model_id: str, size: int, files: tuple[str, str], family: str) -> Published:
        return Published(
            id=model_id,
            title=model_id.capitalize(),
            good_for=f"Good for tests of {model_id}.",
            licence="none",
            quality="FID 99",
            image_size=size,
            source=url,
            transformer=(remote(files[0]),),
            tokenizer=(remote(files[1]),),
            decode=DEFAULTS[family],
            classes="a few classes",
        )

    models = (
        model("official", 64, OFFICIAL, "bert"),
        model("halton", 128, HALTON, "adaln"),
        model("uvit", 96, MUSE, "uvit"),
        model("fresh", 64, FRESH, "bert"),  # for tests that need one that is not here
    )
    return {each.id: each for each in models}


def main() -> None:
    """Start the editor."""
    url, *options = sys.argv[1:]
    MODELS.clear()
    MODELS.update(published(url))
    transfer.PAUSES_S = (0.0,)
    transfer.TIMEOUT_S = 3600.0  # a hub that holds its answer back is to be waited for
    launch.main(options)


if __name__ == "__main__":
    main()
