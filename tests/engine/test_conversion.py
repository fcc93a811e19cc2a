"""Official checkpoints are read without flax, wholly and safely."""

import contextlib
import json
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from maskgit import conversion
from maskgit.checkpoints import CheckpointError
from maskgit.conversion import read_msgpack, tokenizer_state, transformer_state
from maskgit.conversion.official import (
    convert,
    flatten,
    tokenizer_config,
    tokenizer_table,
    transformer_config,
    transformer_table,
)
from maskgit.models import VQGAN, BidirectionalTransformer
from maskgit.sizes import TokenizerConfig, TransformerConfig
from tests.official_files import extension, pack, tiny_trees
from tests.shared import SHARED, needs_shared

OFFICIAL = SHARED / "golden" / "official"


def leaf(raw: bytes) -> bytes:
    """A whole file with one leaf, given as bytes already packed."""
    return b"\x81" + pack("x") + raw


def official_leaves(name: str) -> dict[str, np.ndarray]:
    """The shapes of a published checkpoint; the arrays take no memory."""
    tree = json.loads((SHARED / "reference" / f"official_params_{name}.json").read_text())
    return {
        path.removeprefix("params/"): np.broadcast_to(np.float32(0.5), entry["shape"])
        for path, entry in tree["params"].items()
    }


def test_nested_arrays_of_every_kind_are_read() -> None:
    arrays = {
        name: np.arange(6).reshape(2, 3).astype(name)
        for name in ("float32", "float16", "float64", "int8", "int32", "int64", "uint8", "bool")
    }
    tree = read_msgpack(pack({"params": {"a": arrays, "scalar": np.array(2.5)}}))
    assert tree["params"]["scalar"] == 2.5
    for name, array in arrays.items():
        assert np.array_equal(tree["params"]["a"][name], array)
        assert tree["params"]["a"][name].dtype == array.dtype


def test_bfloat16_becomes_float32() -> None:
    values = torch.tensor([1.5, -2.0, 3e38]).bfloat16()
    raw = values.view(torch.int16).numpy().tobytes()
    read = read_msgpack(leaf(extension([[3], "bfloat16", raw])))["x"]
    assert np.array_equal(read, values.float().numpy())


@pytest.mark.parametrize(
    ("raw", "value"),
    [
        (b"\x07", 7),
        (b"\xff", -1),
        (b"\xc0", None),
        (b"\xc3", True),
        (b"\xcb" + struct.pack(">d", 0.25), 0.25),
        (b"\xd1" + struct.pack(">h", -300), -300),
        (b"\x92\x01\x02", [1, 2]),
        (b"\xa2hi", "hi"),
        (b"\x80", {}),
    ],
)
def test_plain_values_are_read(raw: bytes, value: object) -> None:
    assert read_msgpack(leaf(raw)) == {"x": value}


def test_arrays_are_views_of_the_file(tmp_path: Path) -> None:
    file = tmp_path / "weights"
    file.write_bytes(pack({"x": np.ones(5, np.float32)}))
    array = read_msgpack(file)["x"]
    assert not array.flags.owndata
    assert not array.flags.writeable


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "cut short"),
        (b"\x93\x01\x02\x03", "expected a map"),
        (pack({"x": np.ones(5)})[:-1], "cut short"),
        (pack({"x": 1}) + b"\x00", "1 bytes follow"),
        (b"\xdf\xff\xff\xff\xff", "cut short"),
        (leaf(b"\xc6\xff\xff\xff\xff"), "cut short"),
        (leaf(b"\xc1"), "starts no msgpack value"),
        (leaf(b"\x91" * 5000), "nested deeper"),
        (leaf(b"\xa1\xff"), "utf-8"),
        (b"\x82\xa1x\x01\xa1x\x01", "one key twice"),
        (b"\x81\x01\x01", "not text"),
        (leaf(extension([[2], "float32", b"1234"])), "has 4 bytes"),
        (leaf(extension([[0, 4], "float32", b""])), "damaged shape"),
        (leaf(extension([[1], "object", b"12345678"])), "dtype 'object' is not one of"),
        (leaf(extension([[1], ["float32"], b"1234"])), "is not one of"),
        (leaf(extension([[1], "float32"])), r"not \[shape, dtype, bytes\]"),
        (leaf(extension([[1], "float32", b"1234"], kind=9)), "extension type 9"),
    ],
)
def test_damaged_files_are_refused(tmp_path: Path, data: bytes, message: str) -> None:
    with pytest.raises(CheckpointError, match=message):
        read_msgpack(data)
    file = tmp_path / "weights"
    file.write_bytes(data)
    with pytest.raises(CheckpointError, match="weights: "):
        read_msgpack(file)


@given(st.data())
def test_no_damage_gets_past_the_reader_as_another_error(data: st.DataObject) -> None:
    good = pack({"a": {"b": np.ones((2, 3), np.float32)}, "c": [1, "text", b"raw"]})
    raw = bytearray(good)
    for _ in range(data.draw(st.integers(1, 4))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    with contextlib.suppress(CheckpointError):
        assert isinstance(read_msgpack(bytes(raw[: data.draw(st.integers(1, len(raw)))])), dict)


def test_a_pickle_is_refused_not_run(tmp_path: Path) -> None:
    file = tmp_path / "weights.pt"
    torch.save({"params": torch.zeros(1)}, file)
    with pytest.raises(CheckpointError, match="not a readable flax msgpack file"):
        read_msgpack(file)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="nothing: expected a msgpack file"):
        read_msgpack(tmp_path / "nothing")


@needs_shared
@pytest.mark.parametrize("size", ["256", "512"])
def test_the_published_tokenizer_is_consumed_to_the_last_leaf(size: str) -> None:
    leaves = official_leaves(f"tokenizer_{size}")
    config = tokenizer_config(leaves)
    assert config == TokenizerConfig()
    with torch.device("meta"):
        ours = VQGAN(config).state_dict()
    made = {name: tensor.shape for name, tensor in convert(leaves, tokenizer_table(config))}
    assert made == {name: tensor.shape for name, tensor in ours.items()}


@needs_shared
@pytest.mark.parametrize(("size", "num_tokens"), [("256", 256), ("512", 1024)])
def test_the_published_transformer_is_consumed_to_the_last_leaf(size: str, num_tokens: int) -> None:
    leaves = official_leaves(f"transformer_{size}")
    config = transformer_config(leaves, codebook_size=1024)
    assert config == TransformerConfig(num_tokens=num_tokens)
    with torch.device("meta"):
        ours = BidirectionalTransformer(config).state_dict()
    made = {name: tensor.shape for name, tensor in convert(leaves, transformer_table(config))}
    assert made == {name: tensor.shape for name, tensor in ours.items()}


@needs_shared
def test_a_pair_of_files_becomes_two_networks() -> None:
    config, tokenizer, transformer = conversion.convert(
        OFFICIAL / "transformer_tiny.msgpack", OFFICIAL / "tokenizer_tiny.msgpack", "tiny"
    )
    assert (config.name, config.image_size, config.grid_size) == ("tiny", 64, 4)
    assert (config.transformer.num_classes, config.transformer.null_label) == (10, None)
    assert not transformer.training
    assert not any(p.requires_grad for p in (*tokenizer.parameters(), *transformer.parameters()))
    tokens = tokenizer.encode(torch.rand(1, 3, 64, 64))
    assert transformer.logits(tokens.flatten(1), torch.tensor([9])).shape == (1, 16, 64)


def test_query_key_and_value_are_joined_in_this_order() -> None:
    _, tree = tiny_trees()
    attention = tree["params"]["TransformerLayer_1"]["Attention_0"]["self_attention"]
    state = transformer_state(tree)
    x = np.arange(12, dtype=np.float32)
    joined = state["layers.1.attention.query_key_value.weight"].numpy() @ x
    for i, part in enumerate(("query", "key", "value")):
        by_head = np.einsum("i,ihd->hd", x, attention[part]["kernel"])
        assert np.allclose(joined[12 * i : 12 * (i + 1)], by_head.reshape(-1), rtol=1e-4)


def test_the_tree_may_come_without_its_top_level() -> None:
    tree, _ = tiny_trees()
    assert tokenizer_state(tree).keys() == tokenizer_state(tree["params"]).keys()


def remove(tree: dict[str, Any]) -> None:
    del tree["encoder"]["ResBlock_1"]["Conv_0"]["kernel"]


def misshape(tree: dict[str, Any]) -> None:
    tree["decoder"]["Conv_0"]["bias"] = np.zeros(7, np.float32)


def spoil(tree: dict[str, Any]) -> None:
    tree["quantizer"]["codebook"][0, 0] = np.nan


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (remove, "missing encoder/ResBlock_1/Conv_0/kernel"),
        (misshape, r"decoder/Conv_0/bias expected \(64,\), found \(7,\)"),
        (spoil, "quantizer/codebook: expected finite numbers"),
        (lambda t: t.update(extra=np.zeros(1)), r"left over extra \(1,\)"),
        (lambda t: t.update(extra=None), "extra: expected an array, found NoneType"),
        (lambda t: t["quantizer"].update(codebook=np.zeros((8, 4), int)), "expected floats"),
        (lambda t: t.pop("decoder"), "not an official tokenizer"),
        (lambda t: t["encoder"].pop("Conv_0"), "missing encoder/Conv_0/kernel"),
    ],
)
def test_a_tree_that_does_not_fit_is_refused_by_name(
    damage: Callable[[dict[str, Any]], None], message: str
) -> None:
    tree, _ = tiny_trees()
    damage(tree["params"])
    with pytest.raises(CheckpointError, match=message):
        tokenizer_state(tree)


def test_exchanged_files_are_told_apart(tmp_path: Path) -> None:
    tokenizer, transformer = tiny_trees()
    (tmp_path / "a").write_bytes(pack(tokenizer))
    (tmp_path / "b").write_bytes(pack(transformer))
    with pytest.raises(CheckpointError, match=r"b: not an official tokenizer.*found Embed_0"):
        conversion.convert(tmp_path / "a", tmp_path / "b")
    with pytest.raises(CheckpointError, match=r"a: not an official transformer"):
        conversion.convert(tmp_path / "a", tmp_path / "a")


def test_every_array_of_a_written_pair_arrives(tmp_path: Path) -> None:
    tokenizer, transformer = tiny_trees()
    (tmp_path / "a").write_bytes(pack(tokenizer))
    (tmp_path / "b").write_bytes(pack(transformer))
    config, first, second = conversion.convert(tmp_path / "b", tmp_path / "a")
    assert config.grid_size == 3
    count = sum(p.numel() for p in (*first.parameters(), *second.parameters()))
    assert count == sum(a.size for tree in (tokenizer, transformer) for a in flatten(tree).values())
