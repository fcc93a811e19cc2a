"""Sizes are validated, networks have the shapes their protocols promise."""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch

from maskgit.config import ModelConfig
from maskgit.models import VQGAN, BidirectionalTransformer, Tokenizer, TokenPredictor
from maskgit.models.empty import without_weights
from maskgit.sizes import TokenizerConfig, TransformerConfig

TOKENIZER = TokenizerConfig(
    filters=32,
    channel_multipliers=(1, 2),
    num_res_blocks=1,
    codebook_size=16,
    embedding_dim=8,
)
TRANSFORMER = TransformerConfig(
    num_layers=2,
    hidden_size=32,
    num_heads=4,
    mlp_size=64,
    num_tokens=16,
    codebook_size=16,
    num_classes=5,
    has_null_label=True,
)
CONFIG = ModelConfig("tiny", 8, TOKENIZER, TRANSFORMER)


def tiny_tokenizer() -> VQGAN:
    return VQGAN(TOKENIZER).eval().requires_grad_(False)


def tiny_transformer() -> BidirectionalTransformer:
    return BidirectionalTransformer(TRANSFORMER).eval().requires_grad_(False)


def test_defaults_are_the_official_sizes() -> None:
    assert TokenizerConfig().stride == 16
    assert TransformerConfig().vocabulary_size == 2025
    config = ModelConfig("official", 256)
    assert config.grid_size == 16
    with without_weights():
        tokenizer, transformer = (
            VQGAN(config.tokenizer),
            BidirectionalTransformer(config.transformer),
        )
    assert sum(p.numel() for p in tokenizer.parameters()) == 54_515_587
    assert sum(p.numel() for p in transformer.parameters()) == 172_457_193


def test_vocabulary_holds_codes_classes_null_and_mask() -> None:
    assert TRANSFORMER.vocabulary_size == 16 + 5 + 1 + 1
    assert TRANSFORMER.mask_id == 16
    assert TRANSFORMER.null_label == 5
    assert TransformerConfig().null_label is None


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: TokenizerConfig(filters=48), "multiple of norm_groups 32"),
        (lambda: TokenizerConfig(filters=-32), "filters must be a positive whole number, got -32"),
        (lambda: TokenizerConfig(channel_multipliers=()), "channel_multipliers"),
        (lambda: TokenizerConfig(channel_multipliers=(1, 0)), "channel_multipliers"),
        (lambda: TokenizerConfig(decoder_multipliers=(2, 2)), "must be 5 positive numbers or none"),
        (
            lambda: replace(TOKENIZER, decoder_multipliers=(2, 2, 4)),
            "decoder_multipliers must be 2",
        ),
        (lambda: replace(TOKENIZER, decoder_multipliers=(0, 2)), "decoder_multipliers must be 2"),
        (lambda: TransformerConfig(hidden_size=100), "not a multiple of num_heads 16"),
        (lambda: TransformerConfig(num_layers=0), "num_layers"),
        (lambda: TransformerConfig(dropout=1.0), "dropout must be in"),
        (lambda: ModelConfig("x", 250), "multiple of the tokenizer's stride 16"),
        (lambda: ModelConfig("x", 512), "1024 tokens, the transformer expects 256"),
        (lambda: ModelConfig("x", 8, TOKENIZER), "16 codes, transformer 1024"),
    ],
)
def test_impossible_sizes_are_refused(build: Callable[[], Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        build()


def test_a_whole_number_may_stand_for_a_real_one_in_json() -> None:
    text = CONFIG.to_json().replace('"temperature": 1.0', '"temperature": 2')
    assert ModelConfig.from_json(text).decode.temperature == 2.0


def test_config_survives_json() -> None:
    assert ModelConfig.from_json(CONFIG.to_json()) == CONFIG


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"colour": 1}, "ModelConfig has no field"),
        ({"image_size": "8"}, "image_size must be int, got '8'"),
        ({"image_size": 8.0}, "image_size must be int, got 8.0"),
        ({"name": 3}, "name must be str"),
        ({"tokenizer": 3}, "must be a JSON object, got 3"),
        ({"tokenizer": {"architecture": "bert"}}, "architecture must be one of .*, got 'bert'"),
        ({"transformer": {"architecture": []}}, "architecture must be one of"),
        ({"tokenizer": {"depth": 3}}, "TokenizerConfig has no field"),
        (
            {"tokenizer": {"architecture": "llamagen_vq", "NORM_GROUPS": 8}},
            "LlamaGenConfig has no field",
        ),
        ({"transformer": {"architecture": "uvit", "has_null_label": False}}, "has no field"),
        ({"tokenizer": {"filters": "32"}}, "filters"),
        ({"tokenizer": {"channel_multipliers": [1.5]}}, "channel_multipliers"),
        ({"tokenizer": {"channel_multipliers": 3}}, "channel_multipliers must be tuple"),
        ({"transformer": {"dropout": "no"}}, "dropout must be float"),
        ({"transformer": {"has_null_label": 2}}, "has_null_label must be bool"),
        ({"decode": {"steps": "many"}}, "steps must be int"),
        ({"decode": {"steps": True}}, "steps must be int"),
        ({"decode": {"temperature": float("nan")}}, "temperature must be float, got nan"),
    ],
)
def test_a_wrong_json_config_is_refused(change: dict[str, Any], message: str) -> None:
    text = json.dumps({**json.loads(CONFIG.to_json()), **change})
    with pytest.raises(ValueError, match=message):
        ModelConfig.from_json(text)


@pytest.mark.parametrize("text", ["", "{", "[]", "3", '{"name": "x"}'])
def test_text_that_is_no_config_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"Expecting|expected a JSON object|ModelConfig"):
        ModelConfig.from_json(text)


def test_networks_fulfil_the_protocols() -> None:
    tokenizer: Tokenizer = tiny_tokenizer()
    predictor: TokenPredictor = tiny_transformer()
    assert (tokenizer.stride, tokenizer.codebook_size) == (2, 16)
    assert (predictor.mask_id, predictor.num_classes, predictor.null_label) == (16, 5, 5)


def test_pictures_of_any_multiple_of_the_stride_become_grids_and_back() -> None:
    tokenizer = tiny_tokenizer()
    tokens = tokenizer.encode(torch.rand(3, 3, 8, 14))
    assert tokens.shape == (3, 4, 7)
    assert ((tokens >= 0) & (tokens < 16)).all()
    pictures = tokenizer.decode(tokens)
    assert (pictures.shape, pictures.dtype) == ((3, 3, 8, 14), torch.float32)


def test_a_decoder_may_be_wider_than_its_encoder() -> None:
    plain, same, wider = (
        VQGAN(replace(TOKENIZER, decoder_multipliers=multipliers))
        for multipliers in ((), (1, 2), (2, 4))
    )
    shapes = [
        {name: tensor.shape for name, tensor in network.state_dict().items()}
        for network in (plain, same, wider)
    ]
    assert shapes[0] == shapes[1]
    changed = {name for name, shape in shapes[2].items() if shape != shapes[0][name]}
    assert changed
    assert all(name.startswith("decoder.") for name in changed)
    assert (plain.decoder.head.in_channels, wider.decoder.head.in_channels) == (32, 64)
    pictures = wider.decode(torch.zeros(1, 4, 7, dtype=torch.long))
    assert pictures.shape == (1, 3, 8, 14)


def test_a_picture_that_is_no_multiple_of_the_stride_is_refused() -> None:
    with pytest.raises(ValueError, match="8x7 px; both sides must be multiples of 2"):
        tiny_tokenizer().encode(torch.rand(1, 3, 8, 7))


def test_equal_codes_give_the_first() -> None:
    tokenizer = tiny_tokenizer()
    tokenizer.codebook[3:6] = tokenizer.codebook[3]
    features = tokenizer.lookup(torch.full((1, 2, 2), 5))
    assert (tokenizer.nearest_codes(features) == 3).all()


def test_every_code_is_nearest_to_itself() -> None:
    tokenizer = tiny_tokenizer()
    grid = torch.arange(16).view(1, 4, 4)
    assert torch.equal(tokenizer.nearest_codes(tokenizer.lookup(grid)), grid)


def test_logits_have_one_column_per_code_and_none_for_classes_or_mask() -> None:
    tokens = torch.full((2, 16), TRANSFORMER.mask_id)
    logits = tiny_transformer().logits(tokens, torch.tensor([0, 5]))
    assert (logits.shape, logits.dtype) == ((2, 16, 16), torch.float32)
    assert not torch.equal(logits[0], logits[1])  # a class and no class


def test_a_grid_of_another_size_is_refused() -> None:
    with pytest.raises(ValueError, match="grid has 9 tokens, the model expects 16"):
        tiny_transformer().logits(torch.zeros(1, 9, dtype=torch.long), torch.zeros(1).long())


def test_the_mask_is_the_last_row_and_the_classes_follow_the_codes() -> None:
    tokens = torch.tensor([[0, 16, *range(14)]])
    ids = tiny_transformer().vocabulary_ids(tokens, torch.tensor([5]))
    assert ids[0, :3].tolist() == [16 + 5, 0, 22]


def test_initial_weights_are_small_and_cut_off_at_two_sigma() -> None:
    network = tiny_transformer()
    weight = network.layers[0].get_submodule("mlp_in").get_parameter("weight")
    assert weight.abs().max() <= 0.04
    assert 0.015 < weight.std() < 0.02
    assert network.head.bias.abs().max() == 0


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_width_networks_still_give_float32(dtype: torch.dtype) -> None:
    tokenizer, transformer = tiny_tokenizer().to(dtype), tiny_transformer().to(dtype)
    tokens = tokenizer.encode(torch.rand(1, 3, 8, 8))
    assert tokenizer.decode(tokens).dtype == torch.float32
    logits = transformer.logits(tokens.flatten(1), torch.zeros(1, dtype=torch.long))
    assert logits.dtype == torch.float32


def test_dropout_acts_in_training_only() -> None:
    network = tiny_transformer()
    inputs = torch.full((1, 16), TRANSFORMER.mask_id), torch.zeros(1, dtype=torch.long)
    assert torch.equal(network.logits(*inputs), network.logits(*inputs))
    network.train()
    assert not torch.equal(network.logits(*inputs), network.logits(*inputs))


def test_networks_without_weights_have_shapes_only() -> None:
    with without_weights():
        empty = VQGAN(TOKENIZER), BidirectionalTransformer(TRANSFORMER)
    for network, whole in zip(empty, (tiny_tokenizer(), tiny_transformer()), strict=True):
        assert all(p.is_meta and p.requires_grad for p in network.parameters())
        shapes = {name: tensor.shape for name, tensor in network.state_dict().items()}
        assert shapes == {name: tensor.shape for name, tensor in whole.state_dict().items()}
        network.load_state_dict(whole.state_dict(), assign=True)
    assert not empty[0].codebook.is_meta
    assert torch.zeros(2).add_(1).sum() == 2  # in-place operations work again
