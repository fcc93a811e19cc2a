"""Device, precision and the cached verdict on bfloat16."""

import json
import time
from pathlib import Path

import pytest
import torch

import maskgit
from maskgit import CheckpointError, runtime
from maskgit.runtime import choose_device, choose_dtype, regret
from tests.models import write_small_model

CPU = torch.device("cpu")


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[Path]:
    """Make bfloat16 a success without measuring; gives the folders that would be measured."""
    folders: list[Path] = []

    def is_faithful(device: torch.device, folder: Path) -> bool:
        assert device == CPU
        folders.append(folder)
        return True

    monkeypatch.setenv("MASKGIT_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(runtime, "bf16_is_fast", lambda _: True)
    monkeypatch.setattr(runtime, "bf16_is_faithful", is_faithful)
    return folders


def test_auto_takes_a_device_that_is_there() -> None:
    assert choose_device("auto").type == ("cuda" if torch.cuda.is_available() else "cpu")
    assert choose_device("cpu") == choose_device(CPU) == choose_device("cpu:1") == CPU


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("device", ["tpu", "cuda:99", "", "meta", "mps:7", None, 99])
def test_a_device_that_is_not_there_is_refused_in_one_line(device: str) -> None:
    with pytest.raises(ValueError, match="use auto, cpu or cuda") as caught:
        choose_device(device)
    assert "\n" not in str(caught.value)


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("dtype", ["float16", torch.float16, "bf16", None, 16])
def test_a_precision_that_is_not_known_is_refused_with_those_that_are(
    model_folder: Path, dtype: str
) -> None:
    with pytest.raises(ValueError, match="auto, float32, bfloat16 or int8, got"):
        choose_dtype(dtype, CPU, model_folder)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.int8])
def test_a_precision_that_is_asked_for_is_taken(model_folder: Path, dtype: torch.dtype) -> None:
    name = str(dtype).removeprefix("torch.")
    assert choose_dtype(name, CPU, model_folder) == dtype
    engine = maskgit.load(model_folder, "cpu", dtype)
    assert engine.dtype == dtype
    assert engine.generate("rose").traces[0][-1].finished


def test_the_verdict_is_measured_once(
    model_folder: Path, measured: list[Path], tmp_path: Path
) -> None:
    for _ in range(3):
        assert choose_dtype("auto", CPU, model_folder) == torch.bfloat16
    assert measured == [model_folder]
    assert [file.name for file in (tmp_path / "cache").iterdir()] == ["bfloat16.json"]
    assert maskgit.load(model_folder, "cpu").dtype == torch.bfloat16


@pytest.mark.parametrize("damage", ["", "{", "[1]", '{"KEY": "yes"}', '{"KEY": null}', "\xff"])
def test_a_damaged_verdict_is_measured_again(
    model_folder: Path, measured: list[Path], tmp_path: Path, damage: str
) -> None:
    choose_dtype("auto", CPU, model_folder)
    file = tmp_path / "cache" / "bfloat16.json"
    (key,) = json.loads(file.read_text())
    file.write_bytes(damage.replace("KEY", key).encode("latin-1"))
    assert choose_dtype("auto", CPU, model_folder) == torch.bfloat16
    assert len(measured) == 2
    assert json.loads(file.read_text()) == {key: True}


def test_other_weights_are_measured_on_their_own(tmp_path: Path, measured: list[Path]) -> None:
    folders = [write_small_model(tmp_path / name) for name in ("one", "two")]
    for folder in folders:
        choose_dtype("auto", CPU, folder)
    (folders[0] / "model.safetensors").touch()
    choose_dtype("auto", CPU, folders[0])
    assert measured == [*folders, folders[0]]


def test_a_cache_that_cannot_be_written_only_costs_time(
    model_folder: Path, measured: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("MASKGIT_CACHE", str(tmp_path / "file" / "below"))
    for _ in range(2):
        assert choose_dtype("auto", CPU, model_folder) == torch.bfloat16
    assert len(measured) == 2


def test_float32_stays_where_bfloat16_gains_nothing(
    model_folder: Path, measured: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runtime, "bf16_is_fast", lambda _: False)
    assert choose_dtype("auto", CPU, model_folder) == torch.float32
    assert measured == []


def test_bfloat16_is_compared_with_float32_on_the_model_itself(
    model_folder: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    assert runtime.bf16_is_faithful(CPU, model_folder)
    monkeypatch.setattr(runtime, "MAX_REGRET", -1.0)
    assert not runtime.bf16_is_faithful(CPU, model_folder)
    assert "runs in float32" in caplog.text


@pytest.mark.parametrize(
    ("slow", "is_fast", "products"),
    [(torch.bfloat16, False, 2 * 3), (torch.float32, True, 2 * (3 + 7 * 8))],
)
def test_a_processor_without_units_for_bfloat16_is_seen_at_a_glance(
    slow: torch.dtype, is_fast: bool, products: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []

    def multiply(a: torch.Tensor, _: torch.Tensor, out: torch.Tensor) -> torch.Tensor:
        seen.append(a.dtype)
        if a.dtype is slow:
            time.sleep(0.005)
        return out

    monkeypatch.setattr(torch, "mm", multiply)
    assert runtime.bf16_is_fast.__wrapped__(CPU) == is_fast
    assert len(seen) == products


def test_this_machine_is_either_fast_at_bfloat16_or_not() -> None:
    assert runtime.bf16_is_fast(CPU) in {True, False}


@pytest.mark.parametrize("is_fast", [True, False])
def test_a_folder_that_is_no_model_is_refused_whatever_the_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_fast: bool
) -> None:
    monkeypatch.setenv("MASKGIT_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(runtime, "bf16_is_fast", lambda _: is_fast)
    with pytest.raises(CheckpointError, match=r"config\.json"):
        maskgit.load(tmp_path)


def test_the_cache_has_a_place_even_without_a_home(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("MASKGIT_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    assert runtime.cache_folder() == Path.home() / ".cache" / "maskgit"
    monkeypatch.setattr(Path, "expanduser", _no_home)
    assert runtime.cache_folder().name == "maskgit"
    monkeypatch.undo()
    monkeypatch.setenv("XDG_CACHE_HOME", "/somewhere")
    monkeypatch.delenv("MASKGIT_CACHE", raising=False)
    assert runtime.cache_folder() == Path("/somewhere/maskgit")


def _no_home(_: Path) -> Path:
    raise RuntimeError("Could not determine home directory.")


def test_regret_is_0_where_the_top_codes_agree_and_grows_with_what_is_lost() -> None:
    reference = torch.tensor([[[0.0, 1.0, 3.0], [5.0, 1.0, 0.0]]])
    assert regret(reference, 100 * reference) == 0
    second_best = torch.tensor([[[0.0, 1.0, 0.5], [5.0, 1.0, 0.0]]])  # picks 1, which lacks 2
    expected = 2 / float(reference[0, 0].std()) / 2
    assert regret(reference, second_best) == pytest.approx(expected)
    worst = torch.tensor([[[1.0, 0.0, 0.0], [0.0, 0.0, 1.0]]])
    assert regret(reference, worst) > expected


def test_regret_of_a_model_without_preference_is_0() -> None:
    flat = torch.zeros(1, 2, 3)
    assert regret(flat, torch.rand(1, 2, 3)) == 0


def test_pictures_are_encoded_and_decoded_one_by_one_on_a_cpu(engine: maskgit.MaskGIT) -> None:
    images = torch.rand(3, 3, 32, 32)
    tokens = runtime.encode_each(engine.tokenizer, images)
    drawn = runtime.decode_each(engine.tokenizer, tokens)
    for i in range(3):
        assert torch.equal(tokens[i : i + 1], engine.tokenizer.encode(images[i : i + 1]))
        assert torch.equal(drawn[i : i + 1], engine.tokenizer.decode(tokens[i : i + 1]))
