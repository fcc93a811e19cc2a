"""The models that others have published and that this project can download and convert.

Sizes, licences and figures are as published; figures of one model are of its authors' own
measurement and are not comparable to a digit across models. Nothing here touches the network.

Read in this order:
    HubError      what is raised when a model cannot be had
    RemoteFile    one file, wherever it lies
    Published     one model
    MODELS        all of them
"""

from dataclasses import dataclass, field, replace

from maskgit.config import DecodeDefaults


class HubError(RuntimeError):
    """A model could not be had; says what happened and what to do, for people."""


class StoppedError(HubError):
    """Whoever asked for the model changed their mind."""


@dataclass(frozen=True)
class RemoteFile:
    """A file that can be downloaded.

    Attributes:
        place: `https://...`, or `hf://owner/repository/path` for a file on the Hugging Face hub.
        num_bytes: Its size; as published or computed from the weights, so not to the byte.
        sha256: Its checksum in hexadecimal where it is known. Where it is not, the first download
            records it.
    """

    place: str
    num_bytes: int
    sha256: str | None = None

    @property
    def name(self) -> str:
        """The file's name, without where it lies."""
        return self.place.rsplit("/", 1)[-1]

    @property
    def on_hub(self) -> tuple[str, str] | None:
        """Repository and path on the Hugging Face hub, or None where it lies elsewhere."""
        if not self.place.startswith("hf://"):
            return None
        owner, repository, path = self.place.removeprefix("hf://").split("/", 2)
        return f"{owner}/{repository}", path

    @property
    def url(self) -> str:
        """What a browser can open."""
        if self.on_hub is None:
            return self.place
        repository, path = self.on_hub
        return f"https://huggingface.co/{repository}/resolve/main/{path}"


Mirrors = tuple[RemoteFile, ...]  # the same weights in several places, the best first


@dataclass(frozen=True)
class Published:
    """A published model.

    Attributes:
        id: What to call it: `maskgit.load(id)`.
        title: What to show.
        good_for: One sentence that helps to choose.
        licence: Of the weights, as its authors state it.
        quality: The published figure, with what it was measured at.
        image_size: Side of the model's square in pixels.
        source: Where its authors describe it.
        transformer: Where its transformer lies.
        tokenizer: Where its tokenizer lies.
        decode: What it decodes best with.
        classes: What its labels are.
    """

    id: str
    title: str
    good_for: str
    licence: str
    quality: str
    image_size: int
    source: str
    transformer: Mirrors
    tokenizer: Mirrors
    decode: DecodeDefaults = field(default_factory=DecodeDefaults)
    classes: str = "1000 ImageNet classes"

    @property
    def files(self) -> Mirrors:
        """Every file that may be fetched for it."""
        return self.transformer + self.tokenizer

    @property
    def num_bytes(self) -> int:
        """Size of the download, about."""
        return self.transformer[0].num_bytes + self.tokenizer[0].num_bytes


DEFAULTS: dict[str, DecodeDefaults] = {
    "bert": DecodeDefaults(steps=12, schedule="cosine", choice_temperature=4.5),
    "adaln": DecodeDefaults(
        steps=16,
        schedule="arccos",
        temperature=0.9,  # theirs multiplies, by 1 to 1.2
        choice_temperature=0.0,  # the order is fixed, so nothing is chosen
        guidance_scale=2.0,  # theirs is w in (1 + w) c - w u, which is 1 + w here
        reveal="halton",
    ),
    # Theirs is c + s (c - u) with s rising from 0 to 3, which is u + (1 + s) (c - u).
    "uvit": DecodeDefaults(
        steps=12,
        temperature=4.5,
        temperature_schedule="fade",
        choice_temperature=4.5,
        guidance_scale=4.0,
        guidance_schedule="ramp",
        reveal="logit",
    ),
}
"""What each architecture decodes best with, as its authors say, in our formulas' terms."""

_BUCKET = "https://storage.googleapis.com/maskgit-public/checkpoints"
_PORT = "https://github.com/hmorimitsu/maskgit-torch/releases/download/weights"
_VQGAN_BYTES = 218_100_000

_LLAMAGEN_VQ = (
    RemoteFile("hf://FoundationVision/LlamaGen/vq_ds16_c2i.pt", 287_800_000),
    RemoteFile("hf://FoundationVision/vq-ds16-c2i/model.safetensors", 287_800_000),
)
_MAGE_VQ = (RemoteFile("hf://zideliu/vqgan/vqgan_jax_strongaug.ckpt", _VQGAN_BYTES),)


def _official(size: int, num_bytes: int, steps: int, quality: str, good_for: str) -> Published:
    # The third place has the tokenizer of 256 only, in another layout.
    hub = RemoteFile("hf://fun-research/TiTok/maskgit-vqgan-imagenet-f16-256.bin", _VQGAN_BYTES)
    return Published(
        id=f"maskgit-imagenet-{size}",
        title=f"MaskGIT {size} (official)",
        good_for=good_for,
        licence="Apache-2.0",
        quality=quality,
        image_size=size,
        source="github.com/google-research/maskgit",
        transformer=(
            RemoteFile(f"{_BUCKET}/maskgit_imagenet{size}_checkpoint", num_bytes),
            RemoteFile(f"{_PORT}/maskgit_imagenet{size}.ckpt", num_bytes),
        ),
        tokenizer=(
            RemoteFile(f"{_BUCKET}/tokenizer_imagenet{size}_checkpoint", _VQGAN_BYTES),
            RemoteFile(f"{_PORT}/tokenizer_imagenet{size}.ckpt", _VQGAN_BYTES),
            *((hub,) if size == 256 else ()),
        ),
        decode=replace(DEFAULTS["bert"], steps=steps),
    )


def _halton(
    size: int,
    variant: str,
    num_bytes: int,
    fid: str,
    guidance: float,
    good_for: str,
    sha256: str | None = None,
) -> Published:
    """One of the six; `guidance` is the authors' w for the figure, in our terms 1 + w."""
    file = f"hf://llvictorll/Halton-MaskGIT/ImageNet_{size}_{variant}.pth"
    return Published(
        id=f"halton-imagenet-{size}-{variant}",
        title=f"Halton-MaskGIT {size} {variant}",
        good_for=good_for,
        licence="MIT",
        quality=f"FID {fid} at {size} px, 32 passes with guidance",
        image_size=size,
        source="github.com/valeoai/Halton-MaskGIT",
        transformer=(RemoteFile(file, num_bytes, sha256),),
        tokenizer=_LLAMAGEN_VQ,
        decode=replace(DEFAULTS["adaln"], guidance_scale=guidance),
    )


_ALL = (
    _official(
        256,
        689_900_000,
        10,
        "FID 6.06 at 256 px, 10 passes",
        "The paper's model; fast, no guidance.",
    ),
    _official(
        512,
        692_200_000,
        12,
        "FID 7.32 at 512 px, 12 passes",
        "The paper's model at twice the size.",
    ),
    _halton(256, "tiny", 276_000_000, "10.2", 2.5, "The smallest; quick on any computer."),
    _halton(
        256,
        "small",
        832_000_000,
        "6.40",
        2.0,
        "A good middle for a computer without a GPU.",
        "760b9937d16157e7e518fbf405efe281552933242b552d5e8262cb10507fb0e2",
    ),
    _halton(256, "base", 1_710_000_000, "4.17", 1.7, "Better pictures at 256 px."),
    _halton(
        384,
        "small",
        834_000_000,
        "6.11",
        2.0,
        "Larger pictures from a small model.",
        "76bad1f175083210e27f794674b27efd54266b5b90471a383322c8840749ae5d",
    ),
    _halton(
        384,
        "base",
        1_710_000_000,
        "4.15",
        1.7,
        "Larger and better pictures.",
        "3e707c8fcf75ddf73d812de04d2561d3ff69f52f21c08e079e0fa4d0b596fcd6",
    ),
    _halton(384, "large", 1_920_000_000, "2.59", 1.5, "The best pictures here; wants a GPU."),
    Published(
        id="muse-uvit-imagenet-256",
        title="MUSE U-ViT 256",
        good_for="The best pictures for its size and time at 256 px.",
        licence="code MIT; the weights' page states none",
        quality="FID 3.84 at 256 px, 12 passes with guidance",
        image_size=256,
        source="github.com/baaivision/MUSE-Pytorch",
        transformer=(
            RemoteFile(
                "hf://nzl-thu/MUSE/assets/ckpts/imagenet256-450000.ckpt/nnet_ema.pth", 406_200_000
            ),
        ),
        tokenizer=_MAGE_VQ,
        decode=DEFAULTS["uvit"],
    ),
)

MODELS: dict[str, Published] = {model.id: model for model in _ALL}
"""Every published model by its id, in the order to show them."""
