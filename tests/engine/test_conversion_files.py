"""Files of weights from anywhere are read as they are laid out, or refused with a sentence."""

import contextlib
import json
import pickle
import struct
import zipfile
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.torch import save_file
from torch import Tensor

from maskgit import conversion
from maskgit.checkpoints import CheckpointError, load_model
from maskgit.classes import Classes
from maskgit.conversion import readers
from maskgit.conversion.files import file_kind, read_state
from tests.official_files import write_official_pair
from tests.shared import SHARED, needs_shared

GOLDEN = SHARED / "golden"


def weights() -> "OrderedDict[str, Tensor]":
    return OrderedDict(a=torch.arange(6.0).view(2, 3), b=torch.ones(4))


def saved(path: Path, content: Any) -> Path:
    torch.save(content, path)
    return path


@pytest.mark.parametrize(
    "wrap",
    [
        lambda w: w,
        lambda w: {"state_dict": w},
        lambda w: {"model": w, "optimizer": {"state": {0: torch.ones(9)}}, "steps": 3},
        lambda w: {"model_state_dict": w, "optimizer_state_dict": None, "iter": 7},
        lambda w: {"model": {"state_dict": w}},
        lambda w: {"model": {"other": torch.ones(1)}, "ema": w},
        lambda w: OrderedDict((f"module.{k}", v) for k, v in w.items()),
        lambda w: {"model": {f"_orig_mod.module.{k}": v for k, v in w.items()}},
        lambda w: {k: torch.nn.Parameter(v) for k, v in w.items()},
    ],
)
def test_weights_are_taken_out_of_their_wrapping(
    tmp_path: Path, wrap: Callable[[Any], Any]
) -> None:
    state = read_state(saved(tmp_path / "any-name", wrap(weights())))
    assert state.keys() == {"a", "b"}
    assert torch.equal(state["a"], weights()["a"])
    assert not state["a"].requires_grad


def test_safetensors_are_known_by_their_content(tmp_path: Path) -> None:
    save_file(dict(weights()), tmp_path / "weights.bin")
    assert file_kind(tmp_path / "weights.bin") == "safetensors"
    assert torch.equal(read_state(tmp_path / "weights.bin")["b"], torch.ones(4))


@needs_shared
@pytest.mark.parametrize(
    ("file", "count"),
    [
        ("halton/tiny_even.pth", 43),
        ("halton/tiny_even.safetensors", 43),
        ("halton/tiny_uneven.pth", 32),
        ("llamagen_vq/tiny.pt", 340),
        ("maskgit_torch_port/tiny_transformer.ckpt", 45),
        ("maskgit_vqgan_pt/tiny.bin", 166),
        ("muse_uvit/tiny.pth", 71),
    ],
)
def test_the_published_layouts_are_read(file: str, count: int) -> None:
    assert len(read_state(GOLDEN / file)) == count


class MakesFolder:
    """Unpickling it makes a folder, as it might do anything."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return exec, (f"import os; os.mkdir({str(self.folder)!r})",)


@pytest.mark.parametrize("place", ["inside", "beside"])
def test_a_pickle_that_runs_code_is_refused_and_not_run(tmp_path: Path, place: str) -> None:
    made = tmp_path / "made"
    evil = MakesFolder(made)
    content = {**weights(), "c": evil} if place == "inside" else {"model": weights(), "x": evil}
    with pytest.raises(
        CheckpointError, match=r"w: expected weights only, found Python code .*exec"
    ):
        read_state(saved(tmp_path / "w", content))
    assert not made.exists()


def test_a_bare_pickle_is_not_even_opened(tmp_path: Path) -> None:
    made = tmp_path / "made"
    (tmp_path / "w").write_bytes(pickle.dumps(MakesFolder(made)))
    with pytest.raises(
        CheckpointError, match=r"found a pickle; .* saved anew with a current torch"
    ):
        read_state(tmp_path / "w")
    assert not made.exists()


def rewritten(path: Path, change: Callable[[str, bytes], bytes], method: int = 0) -> Path:
    """The same zip archive with other entries."""
    with zipfile.ZipFile(path) as archive:
        entries = [(name, archive.read(name)) for name in archive.namelist()]
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, data in entries:
            archive.writestr(name, change(name, data))
    return path


def claim_8_gigabytes(name: str, data: bytes) -> bytes:
    """Say that the 70,001 numbers are 2,147,483,647, in shape and storage."""
    small, large = (b"J" + struct.pack("<i", n) for n in (70_001, 2**31 - 1))
    assert not name.endswith("data.pkl") or data.count(small) >= 2
    return data.replace(small, large) if name.endswith("data.pkl") else data


def test_gigabytes_that_are_not_there_are_refused(tmp_path: Path) -> None:
    file = saved(tmp_path / "w", {"a": torch.ones(70_001)})
    with pytest.raises(CheckpointError, match="w: "):
        read_state(rewritten(file, claim_8_gigabytes))


def test_one_number_repeated_ten_billion_times_is_refused(tmp_path: Path) -> None:
    file = saved(tmp_path / "w", {"a": torch.ones(1).expand(10**10)})
    with pytest.raises(CheckpointError, match="a: expected the 40000000000 bytes of shape"):
        read_state(file)


def test_one_tensor_under_a_thousand_names_is_refused(tmp_path: Path) -> None:
    tensor = torch.ones(10_000)
    file = saved(tmp_path / "w", {f"a{i}": tensor for i in range(1000)})
    with pytest.raises(CheckpointError, match="bytes of weights, found 40000000"):
        read_state(file)


def test_a_compressed_archive_is_refused(tmp_path: Path) -> None:
    file = saved(tmp_path / "w", {"a": torch.zeros(10**6)})
    rewritten(file, lambda _, data: data, zipfile.ZIP_DEFLATED)
    with pytest.raises(CheckpointError, match="found a compressed archive"):
        read_state(file)


def test_an_archive_of_something_else_is_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "w", "w") as archive:
        archive.writestr("readme.txt", "hello")
    with pytest.raises(CheckpointError, match="found an archive with 0 of them"):
        read_state(tmp_path / "w")


def lying_safetensors(path: Path, header: object, size: int | None = None) -> Path:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", size or len(text)) + text + bytes(64))
    return path


def entry(shape: list[int], offsets: list[int], dtype: str = "F32") -> dict[str, object]:
    return {"a": {"dtype": dtype, "shape": shape, "data_offsets": offsets}}


@pytest.mark.parametrize(
    ("header", "size"),
    [
        (entry([16], [0, 64]), 10**10),
        (entry([16], [0, 64]), 2**63),
        (entry([2_500_000_000], [0, 10_000_000_000]), None),
        (entry([2_500_000_000], [0, 64]), None),
        (entry([2**62, 4], [0, 64]), None),
        (entry([-16], [0, 64]), None),
        (entry([16], [64, 0]), None),
        (entry([8], [32, 64]), None),
        (entry([16], [0, 64], "F99"), None),
        (b"{" * 1000, None),
        (b"{}", None),
    ],
)
def test_a_safetensors_header_that_lies_is_refused(
    tmp_path: Path, header: object, size: int | None
) -> None:
    with pytest.raises(CheckpointError, match="w: expected"):
        read_state(lying_safetensors(tmp_path / "w", header, size))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ([torch.ones(1)], "expected named tensors, found list"),
        (torch.ones(1), "expected named tensors, found Tensor"),
        ({}, "expected weights, found none"),
        ({"a": 3}, "found int as 'a'"),
        ({3: torch.ones(1)}, "found Tensor as '3'"),
        ({"a": torch.tensor([1.0, torch.nan])}, "a: expected finite numbers, found NaN"),
        ({"a": torch.tensor([-torch.inf])}, "a: expected finite numbers"),
        ({"a": torch.ones(2, dtype=torch.complex64)}, "a: expected a number type .*complex64"),
        ({"a": torch.ones(2, 2).to_sparse()}, "a: expected a dense tensor"),
        ({"a": torch.empty(2, device="meta")}, "a: expected a dense tensor"),
        ({"a": torch.ones(1), "module.a": torch.ones(1)}, "a is there twice"),
    ],
)
def test_what_is_no_weights_is_refused(tmp_path: Path, content: object, message: str) -> None:
    with pytest.raises(CheckpointError, match=f"w: .*{message}"):
        read_state(saved(tmp_path / "w", content))


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "an empty file"),
        (b"\n<!DOCTYPE html><title>Log in</title>", "a web page: .* login or error page"),
        (b"version https://git-lfs.github.com/spec/v1\n", "a Git LFS pointer"),
        (b"\x1f\x8b\x08", "a packed archive: unpack it first"),
        (b"hello there", "a file that starts with b'hello th'"),
        (b"PK\x03\x04" + bytes(100), "a damaged archive; it may be cut short"),
    ],
)
def test_what_is_no_file_of_weights_is_named(tmp_path: Path, data: bytes, message: str) -> None:
    (tmp_path / "w").write_bytes(data)
    with pytest.raises(CheckpointError, match=f"w: expected .*found {message}"):
        read_state(tmp_path / "w")


def test_files_that_are_not_there_or_of_the_other_kind_are_named(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="w: expected weights, found No such file"):
        read_state(tmp_path / "w")
    with pytest.raises(CheckpointError, match="expected weights, found Is a directory"):
        read_state(tmp_path)
    transformer, _ = write_official_pair(tmp_path)
    with pytest.raises(
        CheckpointError, match="expected a torch or safetensors file, found msgpack"
    ):
        read_state(transformer)


@given(st.data())
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_damage_gets_past_as_another_error(tmp_path: Path, data: st.DataObject) -> None:
    file = tmp_path / "w"
    if data.draw(st.booleans()):
        save_file(dict(weights()), file)
    else:
        torch.save({"model": weights()}, file)
    raw = bytearray(file.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    file.write_bytes(raw[: data.draw(st.integers(1, len(raw)))])
    with contextlib.suppress(CheckpointError):
        assert all(tensor.isfinite().all() for tensor in read_state(file).values())


def test_files_of_no_known_format_name_what_they_hold(tmp_path: Path) -> None:
    transformer, _ = write_official_pair(tmp_path)
    file = saved(tmp_path / "w", weights())
    known = "LlamaGen.*MaskGIT's VQGAN"
    with pytest.raises(CheckpointError, match=rf"w: .*known format \({known}.*such as a, b"):
        conversion.convert(transformer, file)


@needs_shared
def test_exchanged_files_are_told_apart() -> None:
    halton, llamagen = GOLDEN / "halton" / "tiny_even.pth", GOLDEN / "llamagen_vq" / "tiny.pt"
    with pytest.raises(CheckpointError, match=r"tiny_even.pth: expected a tokenizer.*Halton"):
        conversion.convert(llamagen, halton)
    with pytest.raises(CheckpointError, match=r"tiny.pt: expected a transformer.*exchanged"):
        conversion.convert(llamagen, llamagen)


@needs_shared
def test_wrong_shapes_and_dtypes_are_named(tmp_path: Path) -> None:
    state = read_state(GOLDEN / "llamagen_vq" / "tiny.pt")
    name = "decoder.conv_out.bias"
    transformer, _ = write_official_pair(tmp_path)
    for wrong, message in (
        (torch.ones(4), r"decoder.conv_out.bias expected \(3,\), found \(4,\)"),
        (torch.ones(3, dtype=torch.int32), "decoder.conv_out.bias: expected floats, found"),
    ):
        file = saved(tmp_path / "w", {"model": {**state, name: wrong}})
        with pytest.raises(CheckpointError, match=f"w: .*{message}"):
            conversion.convert(transformer, file)


def test_a_converted_folder_has_the_precision_asked_for(tmp_path: Path) -> None:
    model = conversion.convert(*write_official_pair(tmp_path), "pair")
    folders = [
        conversion.write_model(tmp_path / name, model, "# Pair\n", dtype=dtype)
        for name, dtype in (("full", None), ("half", torch.bfloat16))
    ]
    full, half = ((folder / "model.safetensors").stat().st_size for folder in folders)
    assert half < 0.6 * full
    loaded = [load_model(folder) for folder in folders]
    assert torch.equal(loaded[0].tokenizer.codebook, model.tokenizer.codebook)
    assert torch.equal(loaded[1].tokenizer.codebook, model.tokenizer.codebook.bfloat16().float())
    assert [entry.name for entry in loaded[0].classes][:2] == ["class 0", "class 1"]
    assert (folders[0] / "CARD.md").read_text() == "# Pair\n"
    assert folders[0].stat().st_mode & 0o055  # not private, as temporary folders are


def test_a_folder_appears_whole_or_not_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = conversion.convert(*write_official_pair(tmp_path / "files"))
    with pytest.raises(ValueError, match="expected 5 classes"):
        conversion.write_model(tmp_path / "out", model, "", Classes.imagenet())

    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(readers, "save_model", fail)
    with pytest.raises(OSError, match="No space left"):
        conversion.write_model(tmp_path / "out", model, "")
    assert [path.name for path in tmp_path.iterdir()] == ["files"]
    (tmp_path / "out").mkdir()
    with pytest.raises(CheckpointError, match="out exists already: name a new folder"):
        conversion.write_model(tmp_path / "out", model, "")
