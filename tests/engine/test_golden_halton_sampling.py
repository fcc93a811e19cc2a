"""Halton-MaskGIT's samplers, replayed with their recorded draws: the same ids at every pass.

Three things are named differently here, and the replay translates them: guidance (1 + w) c - w u is
u + s (c - u) with s = 1 + w; their temperature multiplies logits where ours divides; an order begun
elsewhere is the rule `halton_rolled`, whose place is a draw like any other.

Two faults of the recorded code are not repeated. It writes every cell that its order names, known
or not; here an edit follows the order over the open cells only, with counts for their number. And
its confidence sampler draws all known cells again in each pass; here a known cell stays.
"""

import json
from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch
from jaxtyping import Float, Int
from torch import Tensor

from maskgit.constraints import Constraints
from maskgit.conversion.files import read_state
from maskgit.conversion.halton import transformer_from_state
from maskgit.decoding import DecodeOptions, DecodeState, decode, start, step, trace
from maskgit.models import TokenPredictor
from maskgit.noise import HASHED
from maskgit.reveal import halton_order
from maskgit.schedules import plan
from maskgit.types import Labels, Logits, Tokens
from tests.shared import SHARED, needs_shared

pytestmark = needs_shared

GOLDEN = SHARED / "golden" / "halton"
RUNS = ["even_halton_cfg", "even_halton_rolled", "uneven_halton_nocfg", "uneven_halton_topk"]
SURE = 1e6  # noise that outweighs any logit, but not minus infinity


@dataclass
class Pass:
    """One recorded pass. It is predictor and noise at once; a row's seed is its number.

    Its noise lets the recorded draw win, wherever the options allow that draw at all.
    """

    arrays: dict[str, Tensor]
    index: int
    gumbel: Float[Tensor, "B N"]
    null_label: int

    @property
    def mask_id(self) -> int:
        return self.arrays["logits_cond"].shape[-1] - 1

    @property
    def num_classes(self) -> int:
        return self.null_label

    def logits(self, tokens: Tokens, labels: Labels) -> Logits:
        rows = len(self.arrays["labels"])
        parts = [self.arrays["logits_cond"][self.index]]
        expected = self.arrays["labels"]
        if len(tokens) > rows:  # with guidance the rows come again, without their class
            parts.append(self.arrays["logits_uncond"][self.index])
            expected = torch.cat([expected, torch.full((rows,), self.null_label)])
        assert torch.equal(labels, expected)
        assert torch.equal(tokens, self["input_ids"].repeat(len(parts), 1))
        return torch.cat(parts)[..., : self.mask_id]

    def gumbel_codes(
        self,
        seeds: Int[Tensor, " B"],
        steps: Int[Tensor, " B"],  # noqa: ARG002
        cells: Int[Tensor, "B M"],
        num_codes: int,
    ) -> Float[Tensor, "B M K"]:
        drawn = self["sampled_ids"][seeds[:, None], cells]
        return SURE * torch.nn.functional.one_hot(drawn, num_codes).float()

    def gumbel_cells(
        self,
        seeds: Int[Tensor, " B"],
        steps: Int[Tensor, " B"],  # noqa: ARG002
        cells: Int[Tensor, "B M"],
    ) -> Float[Tensor, "B M"]:
        return self.gumbel[seeds[:, None], cells]

    def __getitem__(self, key: str) -> Tensor:
        """An array of this pass, one row per picture."""
        array = self.arrays[key][self.index].flatten(1)
        return array if array.dtype == torch.bool else array.long()


class Recording:
    """One recorded run of a sampler, with the network that made it."""

    def __init__(self, name: str) -> None:
        self.settings = json.loads((GOLDEN / f"tiny_{name}.json").read_text())
        with np.load(GOLDEN / f"tiny_{name}.npz") as recorded:
            self.arrays = {key: torch.from_numpy(recorded[key]) for key in recorded.files}
        self.arrays["labels"] = self.arrays["labels"].long()
        network = read_state(GOLDEN / f"tiny_{name.partition('_')[0]}.pth")
        self.network = transformer_from_state(network)[1]

    def passes(self, gumbel: Float[Tensor, "S B N"]) -> list[Pass]:
        """Every pass, with the noise by which cells are chosen in each."""
        null_label = self.network.null_label
        return [Pass(self.arrays, i, here, null_label) for i, here in enumerate(gumbel)]

    def rolls(self) -> Float[Tensor, "S B N"]:
        """Noise that is highest at the place where each row's order begins, in every pass."""
        num_cells = self.arrays["input_ids"][0, 0].numel()
        offsets = self.arrays["roll_offsets"].long()
        begins = torch.nn.functional.one_hot(offsets, num_cells).float()
        return begins.expand(len(self.arrays["input_ids"]), -1, -1)

    def options(self, seed: int) -> DecodeOptions:
        """The settings in our words, but for the temperature, which changes from pass to pass."""
        return DecodeOptions(
            steps=self.settings["step"],
            schedule="arccos",
            top_k=max(self.settings["top_k"], 0),
            guidance_scale=1 + self.settings["w"],
            reveal="halton_rolled" if self.settings["randomize"] else "halton",
            seed=seed,
        )

    def start(self, index: int, options: list[DecodeOptions]) -> DecodeState:
        """The state before a pass, made of its recorded grid."""
        ids = self.arrays["input_ids"][index].long()
        is_open = ids.flatten(1) == self.network.mask_id
        side = ids.shape[-1]
        constraints = Constraints(ids.flatten(1), is_open, self.arrays["labels"], (side, side))
        return start(constraints, options, self.network.mask_id)

    def guided(self, index: int, w: float) -> Logits:
        """What the recorded code draws from, before temperature; in its own formula."""
        logits = (1 + w) * self.arrays["logits_cond"][index]
        if "logits_uncond" in self.arrays:
            logits = logits - w * self.arrays["logits_uncond"][index]
        return logits[..., : self.network.mask_id]


def warmed(state: DecodeState, temperature: float) -> DecodeState:
    """Change the temperature of the next pass."""
    options = tuple(replace(row, temperature=temperature) for row in state.options)
    return replace(state, options=options)


@pytest.fixture(scope="module", params=RUNS)
def recording(request: pytest.FixtureRequest) -> Recording:
    return Recording(request.param)


@pytest.mark.parametrize("logits_from", ["recording", "network"])
def test_recorded_draws_give_the_recorded_ids(recording: Recording, logits_from: str) -> None:
    rows, passes = range(len(recording.arrays["labels"])), recording.passes(recording.rolls())
    state = recording.start(0, [recording.options(seed=row) for row in rows])
    for here in passes:
        assert torch.equal(state.tokens, here["input_ids"])
        predictor: TokenPredictor = here if logits_from == "recording" else recording.network
        multiplier = recording.arrays["logit_multiplier"][here.index].item()
        before, state = state, step(predictor, warmed(state, 1 / multiplier), noise=here)

        revealed = before.mask & ~state.mask
        assert torch.equal(revealed, here["step_mask"])
        count = int(recording.arrays["revealed_count"][here.index])
        assert set(state.num_masked) == {state.tokens.shape[1] - count}
        assert torch.equal(state.tokens, here["next_ids"])
        assert torch.equal(state.drawn[revealed], here["sampled_ids"][revealed])
        sure = recording.guided(here.index, recording.settings["w"]).log_softmax(-1)
        sure = sure.gather(-1, state.drawn[..., None])[..., 0]
        torch.testing.assert_close(state.confidence[revealed], sure[revealed], atol=1e-4, rtol=0)
    assert state.finished
    assert torch.equal(state.tokens, recording.arrays["final_ids"].flatten(1).long())


def test_their_multiplier_is_the_reciprocal_of_our_temperature(recording: Recording) -> None:
    here = recording.passes(recording.rolls())[2]
    rows = torch.arange(len(recording.arrays["labels"]))
    options = [replace(recording.options(seed=row), top_k=0) for row in rows.tolist()]
    state = replace(recording.start(here.index, options), step=(0,) * len(rows))
    multiplier = 1.7
    after = step(here, warmed(state, 1 / multiplier))

    cells = torch.arange(state.tokens.shape[1]).expand(len(rows), -1)
    gumbel = HASHED.gumbel_codes(rows, torch.zeros_like(rows), cells, state.mask_id)
    logits = recording.guided(here.index, recording.settings["w"])
    drawn = (multiplier * logits + gumbel).argmax(-1)
    revealed = state.mask & ~after.mask
    assert revealed.any()
    assert torch.equal(after.drawn[revealed], drawn[revealed])


def test_an_edit_follows_the_order_over_its_open_cells_and_keeps_the_others() -> None:
    network = Recording("even_halton_cfg").network
    known = torch.arange(64)[None] * 7 % 64
    is_open = (torch.arange(64)[None] * 13 % 5) < 2
    constraints = Constraints(known, is_open, torch.tensor([3]), (8, 8))
    options = DecodeOptions(steps=6, schedule="arccos", guidance_scale=2.0, reveal="halton")
    states = list(trace(network, start(constraints, options, 64)))
    num_open = int(is_open.sum())
    assert [state.num_masked[0] for state in states] == plan("arccos", 6, num_open)
    assert torch.equal(states[-1].tokens[~is_open], known[~is_open])
    order = [cell for cell in halton_order(8, 8).tolist() if is_open[0, cell]]
    passes = states[-1].revealed_at[0, order].tolist()
    assert passes == sorted(passes)


def test_the_confidence_sampler_chooses_the_recorded_cells() -> None:
    """Its counts are ours for one pass less, after a first pass that reveals a single cell.

    It draws known cells again in every pass, so each pass begins at its recorded grid.
    """
    recording = Recording("even_confidence")
    arrays, last = recording.arrays, recording.settings["step"] - 1
    passes = recording.passes(arrays["gumbel"].flatten(2).float())
    num_cells, rows = passes[0]["input_ids"].shape[1], range(2)
    drew_known_again = False
    for index, here in enumerate(passes):
        steps, place = (last, index - 1) if index else (num_cells, 0)
        unfaded = 1 if index else num_cells / (num_cells - 1)  # theirs begins to fade a pass later
        options = DecodeOptions(
            steps=steps,
            schedule="arccos",
            choice_temperature=unfaded * recording.settings["r_temp"],
            guidance_scale=1 + arrays["cfg_weight"][index].item(),
        )
        state = recording.start(index, [replace(options, seed=row) for row in rows])
        state = replace(state, step=(place,) * 2, num_open=(num_cells,) * 2)
        after = step(here, state, noise=here)

        assert torch.equal(after.mask, here["still_masked_after"])
        assert set(after.num_masked) == {num_cells - int(arrays["cumulative_count"][index])}
        assert torch.equal(after.drawn[state.mask], here["sampled_ids"][state.mask])
        revealed = state.mask & ~after.mask
        assert torch.equal(after.tokens[revealed], here["next_ids"][revealed])
        known = ~state.mask
        assert torch.equal(after.tokens[known], here["input_ids"][known])
        drew_known_again |= not torch.equal(here["next_ids"][known], here["input_ids"][known])
    assert drew_known_again


def test_a_whole_picture_needs_no_recording() -> None:
    network = Recording("uneven_halton_nocfg").network
    constraints = Constraints.everything_open(2, (6, 6), torch.tensor([3, network.null_label]))
    options = DecodeOptions(steps=12, schedule="arccos", reveal="halton")
    done = decode(network, start(constraints, options, network.mask_id))
    assert done.finished
    assert (done.tokens < network.mask_id).all()
