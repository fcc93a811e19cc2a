"""The official decode loop, replayed with its recorded noise: the same ids at every step."""

import json
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pytest
import torch
from jaxtyping import Float, Int
from torch import Tensor

from maskgit.constraints import Constraints
from maskgit.conversion import read_msgpack, transformer_state
from maskgit.conversion.official import flatten, transformer_config
from maskgit.decoding import DecodeOptions, DecodeState, start, step
from maskgit.models import BidirectionalTransformer, TokenPredictor
from maskgit.types import Labels, Logits, Tokens
from tests.shared import SHARED, needs_shared

pytestmark = needs_shared

OFFICIAL = SHARED / "golden/official"
TRACES = OFFICIAL / "decode_traces.json"
CASES = list(json.loads(TRACES.read_text())) if TRACES.is_file() else []
K = 64


@dataclass
class Recording:
    """One recorded decode; the class token, always first and known, is left out.

    It stands in for the noise (`maskgit.noise.Noise`): a row's seed is its number.
    """

    arrays: dict[str, Tensor]
    schedule: str
    num_iter: int
    start_iter: int
    choice_temperature: float

    def gumbel_codes(
        self,
        seeds: Int[Tensor, " B"],
        steps: Int[Tensor, " B"],
        cells: Int[Tensor, "B M"],
        num_codes: int,
    ) -> Float[Tensor, "B M K"]:
        assert num_codes == K
        rows, passes = seeds[:, None], steps[:, None] - self.start_iter
        return self.arrays["gumbel_sample"][passes, rows, cells]

    def gumbel_cells(
        self, seeds: Int[Tensor, " B"], steps: Int[Tensor, " B"], cells: Int[Tensor, "B M"]
    ) -> Float[Tensor, "B M"]:
        return self.arrays["gumbel_choice"][steps[:, None] - self.start_iter, seeds[:, None], cells]

    def start(self, labels: Labels) -> DecodeState:
        ids = self.arrays["cur_ids"][0]
        options = [
            DecodeOptions(
                steps=self.num_iter,
                start_step=self.start_iter,
                schedule=self.schedule,
                choice_temperature=self.choice_temperature,
                seed=row,
            )
            for row in range(len(ids))
        ]
        side = round(ids.shape[1] ** 0.5)
        return start(Constraints(ids, ids == K, labels, (side, side)), options, mask_id=K)


@dataclass
class RecordedLogits:
    """A predictor that knows the answers of one pass; a row's label is its number."""

    recorded: Logits
    expected_tokens: Tokens
    mask_id: int = K
    num_classes: int = 10
    null_label: int | None = None

    def logits(self, tokens: Tokens, labels: Labels) -> Logits:
        assert torch.equal(tokens, self.expected_tokens[labels])
        return self.recorded[labels]


def load(name: str) -> Recording:
    if name == "edit_e2e":
        case = {"schedule": "cosine", "num_iter": 12, "start_iter": 2, "choice_temperature": 4.5}
        file, prefix = "edit_e2e_tiny.npz", "trace/"
    else:
        case = json.loads(TRACES.read_text())[name]
        file, prefix = case["file"], f"{name}/"
    arrays = {}
    with np.load(OFFICIAL / file) as recorded:
        keys = [key.removeprefix(prefix) for key in recorded.files if key.startswith(prefix)]
        for key in keys:
            array = torch.from_numpy(recorded[prefix + key])
            if key == "cur_ids":
                arrays["labels"] = array[0, :, 0].long() - K
            if key.endswith("_ids"):
                array = array.long().masked_fill(array == -1, K)
            if key.endswith("_ids") or key in {"masking", "selected_probs", "gumbel_choice"}:
                array = array[..., 1:]
            elif key in {"logits", "gumbel_sample"}:
                array = array[..., 1:, :]
            arrays[key] = array
    settings = ("schedule", "num_iter", "start_iter", "choice_temperature")
    return Recording(arrays, *(case[setting] for setting in settings))


def replay(recording: Recording, state: DecodeState, predictors: Iterator[TokenPredictor]) -> None:
    """Step through a recording and compare everything at every pass."""
    arrays = recording.arrays
    last = len(arrays["step"]) - 1
    for index, predictor in enumerate(predictors):
        assert torch.equal(state.tokens, arrays["cur_ids"][index])
        masked = state.mask
        state = step(predictor, state, noise=recording)

        assert torch.equal(state.drawn, arrays["sampled_ids"][index])
        probability = arrays["selected_probs"][index][masked]
        torch.testing.assert_close(state.confidence[masked].exp(), probability, rtol=0, atol=1e-5)
        if index < last:
            assert torch.equal(state.tokens, arrays["next_ids"][index])
            assert torch.equal(state.mask, arrays["masking"][index])
            open_rows = arrays["unknown_at_start"] > 0
            counts = torch.tensor(state.num_masked)
            assert torch.equal(counts[open_rows], arrays["mask_len"][index][open_rows].long())
            assert not counts[~open_rows].any()
    # The official loop masks one token again in the end; here a finished grid is finished.
    assert state.finished
    assert torch.equal(state.tokens, state.drawn)
    assert torch.equal(state.tokens, arrays["final_seqs"][:, -1, 1:].long())


@pytest.mark.parametrize("name", CASES)
def test_recorded_logits_and_noise_give_the_recorded_ids(name: str) -> None:
    recording = load(name)
    passes = zip(recording.arrays["logits"], recording.arrays["cur_ids"], strict=True)
    rows = torch.arange(len(recording.arrays["labels"]))
    replay(recording, recording.start(rows), (RecordedLogits(*one) for one in passes))


@pytest.fixture(scope="module")
def network() -> BidirectionalTransformer:
    params = read_msgpack(OFFICIAL / "transformer_tiny.msgpack")
    network = BidirectionalTransformer(transformer_config(flatten(params), codebook_size=K))
    network.load_state_dict(transformer_state(params))
    return network.eval().requires_grad_(False)


@pytest.mark.parametrize("name", [*CASES, "edit_e2e"])
def test_the_official_network_and_recorded_noise_give_the_recorded_ids(
    name: str, network: BidirectionalTransformer
) -> None:
    recording = load(name)
    state = recording.start(recording.arrays["labels"])
    replay(recording, state, (network for _ in recording.arrays["step"]))


def test_every_recorded_pattern_is_there() -> None:
    assert len(CASES) == 28
    assert {name.split("-")[0] for name in CASES} == {"full", "inpaint", "outpaint", "edge"}
