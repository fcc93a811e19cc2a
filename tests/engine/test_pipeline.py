"""The front door: every promise of maskgit/pipeline.py, on a model that answers in milliseconds."""

import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import maskgit
from maskgit import CheckpointError, DecodeOptions, MaskGIT, Result, Window
from maskgit.decoding import KNOWN
from maskgit.masks import to_region
from maskgit.types import Region
from tests.models import CLASSES, GOLDEN_RETRIEVER, some_picture, write_small_model

SIZES = [(1, 1), (1, 900), (3, 3), (31, 33), (32, 32), (37, 501), (128, 96), (1000, 700)]


def painted(height: int, width: int, seed: int = 0) -> Region:
    """An ellipse somewhere in the picture, at least one pixel, never all of a large one."""
    generator = np.random.default_rng(seed)
    rows, columns = np.ogrid[:height, :width]
    top, left = generator.integers(0, [height, width])
    distance = ((rows - top) / max(height / 4, 1)) ** 2 + (
        (columns - left) / max(width / 4, 1)
    ) ** 2
    return distance < 1


def assert_same(ours: Result, theirs: Result) -> None:
    np.testing.assert_array_equal(ours.pictures, theirs.pictures)
    assert ours.seeds == theirs.seeds
    for trace, other in zip(ours.traces, theirs.traces, strict=True):
        for state, twin in zip(trace, other, strict=True):
            assert torch.equal(state.tokens, twin.tokens)
            assert torch.equal(state.confidence, twin.confidence)


def test_a_generated_picture_has_the_models_size_and_its_whole_trace(engine: MaskGIT) -> None:
    result = engine.generate("rose", steps=6, seed=3)
    assert result.pictures.shape == (1, 32, 32, 3)
    assert result.pictures.dtype == np.uint8
    assert result.seeds == (3,)
    trace = result.traces[0]
    assert [state.step[0] for state in trace] == list(range(7))
    assert trace[0].num_masked == (16,)
    assert trace[-1].finished


@pytest.mark.parametrize("size", SIZES)
def test_pixels_outside_the_mask_come_back_bit_identical(
    engine: MaskGIT, size: tuple[int, int]
) -> None:
    picture, mask = some_picture(*size), painted(*size)
    before = picture.copy()
    result = engine.edit(picture, mask, "rose", count=2)
    assert result.pictures.shape == (2, *size, 3)
    for edited in result.pictures:
        np.testing.assert_array_equal(edited[~mask], before[~mask])
    np.testing.assert_array_equal(picture, before)


def test_a_soft_edge_is_inside_the_mask_however_wide_it_is(engine: MaskGIT) -> None:
    picture, mask = some_picture(200, 300), np.zeros((200, 300), bool)
    mask[20:180, 60:240] = True
    edited = {
        width: engine.edit(picture, mask, "rose", feather=width).pictures[0].astype(int)
        for width in (0.0, 0.2, 0.4, 2.0)
    }
    for result in edited.values():
        np.testing.assert_array_equal(result[~mask], picture[~mask])
        np.testing.assert_array_equal(result[95:105, 145:155], edited[0.0][95:105, 145:155])
    np.testing.assert_array_equal(edited[0.4], engine.edit(picture, mask, "rose").pictures[0])
    away = [abs(edited[width] - picture)[mask].mean() for width in (0.0, 0.2, 0.4, 2.0)]
    assert away == sorted(away, reverse=True)
    assert len(set(away)) == 4


@pytest.mark.parametrize("size", [(32, 32), (37, 501), (1000, 700)])
def test_an_edit_changes_what_was_painted(engine: MaskGIT, size: tuple[int, int]) -> None:
    picture, mask = some_picture(*size), painted(*size)
    edited = engine.edit(picture, mask, "rose").pictures[0]
    assert (edited[mask] != picture[mask]).any(axis=1).mean() > 0.9


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("sides", [(5, 0, 0, 0), (0, 3, 0, 40), (20, 1, 33, 7)])
def test_an_outpainted_picture_keeps_the_old_one_bit_identical(
    engine: MaskGIT, size: tuple[int, int], sides: tuple[int, int, int, int]
) -> None:
    picture = some_picture(*size)
    left, top, right, bottom = sides
    grown = engine.outpaint(picture, *sides, label="rose").pictures[0]
    assert grown.shape == (size[0] + top + bottom, size[1] + left + right, 3)
    np.testing.assert_array_equal(grown[top : top + size[0], left : left + size[1]], picture)


@pytest.mark.parametrize("view", [lambda a: a[:, ::-1], lambda a: a[::2], lambda a: a[3:, 2:-5]])
def test_pictures_and_masks_may_be_views_that_cannot_be_written_to(
    engine: MaskGIT, view: Any
) -> None:
    picture, mask = view(some_picture(64, 80)), view(painted(64, 80))
    picture.setflags(write=False)
    mask.setflags(write=False)
    copied = engine.edit(picture.copy(), mask.copy())
    assert_same(engine.edit(picture, mask), copied)
    tokens = engine.encode(picture[:24, :24])
    assert torch.equal(tokens, engine.encode(picture[:24, :24].copy()))


def test_known_tokens_never_change_and_nothing_that_is_no_code_is_drawn(engine: MaskGIT) -> None:
    picture, mask = some_picture(32, 32), painted(32, 32)
    known = engine.encode(picture).flatten(1)
    (trace,) = engine.edit(picture, mask, "rose", choice_temperature=20.0).traces
    closed = ~trace[0].mask
    assert 0 < int(closed.sum()) < 16
    for state in trace:
        assert torch.equal(state.tokens[closed], known[closed])
        assert (state.revealed_at[closed] == KNOWN).all()
    assert int(trace[-1].tokens.max()) < 32


def test_several_pictures_equal_each_seed_asked_for_alone(engine: MaskGIT) -> None:
    picture, mask = some_picture(50, 70), painted(50, 70)
    calls: list[Any] = [
        lambda **kw: engine.generate("rose", guidance_scale=2.0, **kw),
        lambda **kw: engine.edit(picture, mask, "beach", temperature=1.3, **kw),
        lambda **kw: engine.outpaint(picture, right=30, label=GOLDEN_RETRIEVER, **kw),
    ]
    for call in calls:
        together = call(seed=5, count=3)
        assert together.seeds == (5, 6, 7)
        for i in range(3):
            alone = call(seed=5 + i)
            np.testing.assert_array_equal(together.pictures[i], alone.pictures[0])
            assert torch.equal(together.traces[i][-1].tokens, alone.traces[0][-1].tokens)
        assert not np.array_equal(together.pictures[0], together.pictures[1])


def split(mask: Region, column: int) -> tuple[Region, Region]:
    left = mask.copy()
    left[:, column:] = False
    return left, mask & ~left


def test_one_class_asked_for_by_regions_is_the_same_bit_for_bit(engine: MaskGIT) -> None:
    picture, mask = some_picture(50, 70), painted(50, 70)
    left, right = split(mask, 40)
    assert left.any()
    assert right.any()
    alone = engine.edit(picture, mask, "beach", count=2)
    for label, regions in (
        ("rose", {"beach": mask}),
        ("rose", {"beach": left, "sea shore": right}),
        (1001, {"beach": left}),
        ("beach", {}),
    ):
        assert_same(engine.edit(picture, mask, label, regions=regions, count=2), alone)
    everywhere = np.ones((32, 32), bool)
    assert_same(engine.generate("rose", regions={"wood": everywhere}), engine.generate("wood"))


def test_several_classes_keep_the_promises_of_one(engine: MaskGIT) -> None:
    picture, mask = some_picture(50, 70), painted(50, 70)
    left, right = split(mask, 40)
    regions = {"forest": left, None: right}
    together = engine.edit(picture, mask, "rose", regions=regions, count=3, guidance_scale=2.0)
    for i, edited in enumerate(together.pictures):
        np.testing.assert_array_equal(edited[~mask], picture[~mask])
        alone = engine.edit(picture, mask, regions=regions, seed=i, guidance_scale=2.0)
        np.testing.assert_array_equal(edited, alone.pictures[0])
    state = together.traces[0][0]
    labels = state.constraints.label_of_cells[state.mask]
    assert set(labels.tolist()) == {4, 5}  # forest, and none


def test_a_new_picture_may_have_several_classes(engine: MaskGIT) -> None:
    upper = np.zeros((32, 32), bool)
    upper[:16] = True
    result = engine.generate("rose", regions={"wood": upper}, count=2, seed=3)
    alone = engine.generate("rose", regions={"wood": upper}, seed=4)
    np.testing.assert_array_equal(result.pictures[1], alone.pictures[0])
    labels = result.traces[0][0].constraints.label_of_cells
    assert labels.tolist() == [[4] * 8 + [0] * 8] * 1


def test_the_same_call_gives_the_same_picture(engine: MaskGIT, model_folder: Path) -> None:
    again = maskgit.load(model_folder, device="cpu", dtype="float32")
    assert_same(again.generate("rose", count=2), engine.generate("rose", count=2))
    assert_same(again.generate("rose"), again.generate("rose"))


def test_random_numbers_of_the_caller_are_left_alone(engine: MaskGIT) -> None:
    torch.manual_seed(1)
    state = torch.get_rng_state()
    engine.generate("rose")
    assert torch.equal(torch.get_rng_state(), state)


def test_threads_share_an_engine_and_get_what_they_would_get_alone(engine: MaskGIT) -> None:
    picture, mask = some_picture(40, 60), painted(40, 60)
    calls: list[Any] = [
        lambda: engine.generate("rose", seed=1, count=2),
        lambda: engine.edit(picture, mask, "forest", seed=2),
        lambda: engine.outpaint(picture, left=9, label="meadow", seed=3),
        lambda: engine.generate(None, seed=4, guidance_scale=3.0),
    ]
    alone = [call() for call in calls]
    found: list[Result | None] = [None] * len(calls)
    together = threading.Barrier(len(calls))

    def work(index: int) -> None:
        together.wait()
        for _ in range(3):
            found[index] = calls[index]()

    threads = [threading.Thread(target=work, args=(i,)) for i in range(len(calls))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for ours, theirs in zip(found, alone, strict=True):
        assert ours is not None
        assert_same(ours, theirs)


def test_a_class_is_named_by_id_name_synonym_wordnet_id_or_not_at_all(engine: MaskGIT) -> None:
    retriever = CLASSES[2]
    names = [207, "207", "golden retriever", "Golden_Retriever", retriever.wnid]
    names += [*retriever.synonyms, np.int64(207)]
    wanted = engine.prepare_generate(retriever.name).state.constraints.labels
    assert wanted.tolist() == [2]
    for name in names:
        job = engine.prepare_generate(name)  # pyright: ignore[reportArgumentType]
        assert torch.equal(job.state.constraints.labels, wanted)
    assert engine.prepare_generate(1000).state.constraints.labels.tolist() == [0]
    assert engine.prepare_generate("beach").state.constraints.labels.tolist() == [1]
    assert engine.prepare_generate().state.constraints.labels.tolist() == [5]


def test_the_class_changes_the_picture(engine: MaskGIT) -> None:
    pictures = [engine.generate(entry.name).pictures for entry in engine.classes]
    assert len({picture.tobytes() for picture in pictures}) == len(CLASSES)


def test_a_model_without_null_label_says_that_it_needs_a_class(tmp_path: Path) -> None:
    engine = maskgit.load(write_small_model(tmp_path / "m", has_null_label=False), "cpu", "float32")
    assert engine.generate("rose").traces[0][-1].finished
    with pytest.raises(ValueError, match=r"needs a class; it knows 5 classes: 'rose' \(1000\)"):
        engine.generate()
    with pytest.raises(ValueError, match="guidance_scale must be 1"):
        engine.generate("rose", guidance_scale=2.0)
    highest = maskgit.Constraints.everything_open(1, (4, 4), 5)
    with pytest.raises(ValueError, match=r"labels must be in \[0, 4\]"):
        engine.start(highest, DecodeOptions())


def test_what_is_not_said_follows_the_models_defaults(engine: MaskGIT) -> None:
    (options,) = engine.prepare_generate().state.options
    assert options == DecodeOptions(steps=4)
    (options,) = engine.prepare_generate(steps=9, reveal="halton", seed=2).state.options
    assert options == DecodeOptions(steps=9, reveal="halton", seed=2)


@pytest.mark.parametrize("reveal", ["confidence", "random", "halton", "raster"])
def test_every_reveal_rule_ends_with_a_whole_picture(engine: MaskGIT, reveal: str) -> None:
    (trace,) = engine.generate("rose", reveal=reveal, seed=2).traces
    assert trace[-1].finished
    assert len(trace) == (17 if reveal == "raster" else 5)


def test_step_by_step_equals_all_at_once(engine: MaskGIT) -> None:
    picture, mask = some_picture(60, 90), painted(60, 90)
    job = engine.prepare_edit(picture, mask, "rose", seed=4, count=2)
    state, previews = job.state, []
    while not state.finished:
        state = engine.step(state)
        previews.append(engine.preview(state))
    assert all(preview.shape == (2, 32, 32, 3) for preview in previews)
    assert len(previews) == 4
    result = engine.finish(job, state)
    whole = engine.edit(picture, mask, "rose", seed=4, count=2)
    np.testing.assert_array_equal(result.pictures, whole.pictures)
    assert result.seeds == whole.seeds


def test_what_was_drawn_already_must_be_of_the_state(engine: MaskGIT) -> None:
    job = engine.prepare_generate(1000, count=2, steps=1)
    state = engine.step(job.state)
    drawn = engine.preview(state)
    assert (engine.finish(job, state, drawn).pictures == engine.finish(job, state).pictures).all()
    with pytest.raises(ValueError, match="2 rows"):
        engine.finish(job, state, drawn[:1])


def test_a_job_may_be_finished_early_and_shown_before_its_first_pass(engine: MaskGIT) -> None:
    picture, mask = some_picture(60, 90), painted(60, 90)
    job = engine.prepare_edit(picture, mask, "rose")
    for state in (job.state, engine.step(job.state)):
        assert engine.preview(state).shape == (1, 32, 32, 3)
        edited = engine.finish(job, state).pictures[0]
        np.testing.assert_array_equal(edited[~mask], picture[~mask])


def test_on_step_sees_every_pass(engine: MaskGIT) -> None:
    picture, mask = some_picture(60, 90), painted(60, 90)
    seen: list[tuple[int, ...]] = []
    engine.generate("rose", steps=3, count=2, on_step=lambda state: seen.append(state.step))
    engine.edit(picture, mask, steps=2, on_step=lambda state: seen.append(state.step))
    assert seen == [(1, 1), (2, 2), (3, 3), (1,), (2,)]
    windows = engine.outpaint(picture, right=90, steps=2, on_step=lambda s: seen.append(s.step))
    assert len(windows.traces[0]) == 3 * len(seen[5:]) // 2


def test_start_and_step_decode_constraints_of_the_callers_own(engine: MaskGIT) -> None:
    tokens = engine.encode(some_picture(32, 32))
    is_open = torch.zeros(1, 4, 4, dtype=torch.bool)
    is_open[0, 1:3, 1:3] = True
    label = torch.tensor([engine.classes.resolve("forest")])
    state = engine.start(
        maskgit.Constraints.from_grid(tokens, is_open, label), DecodeOptions(steps=3)
    )
    while not state.finished:
        state = engine.step(state)
    assert torch.equal(state.tokens[~is_open.flatten(1)], tokens[~is_open])
    assert engine.decode(state.tokens.unflatten(1, (4, 4))).shape == (1, 32, 32, 3)


def test_cells_and_window_may_be_the_callers_choice(engine: MaskGIT) -> None:
    cells = np.zeros((4, 4), bool)
    cells[2, 1:] = True
    window = Window(left=10, top=8, side=40)
    mask = np.zeros((64, 64), bool)
    mask[8:48, 10:50] = to_region(cells, 40, 40)
    job = engine.prepare_edit(some_picture(64, 64), mask, window=window, cells=cells)
    assert job.place is not None
    assert job.place.window == window
    np.testing.assert_array_equal(job.state.mask.view(4, 4).numpy(), cells)
    by_default = engine.prepare_edit(some_picture(64, 64), mask, window=window)
    assert torch.equal(by_default.state.mask, job.state.mask)


def test_pictures_survive_encoding_as_tokens_that_may_be_edited(engine: MaskGIT) -> None:
    pictures = np.stack([some_picture(32, 64, seed) for seed in range(3)])
    tokens = engine.encode(pictures)
    assert tokens.shape == (3, 4, 8)
    np.testing.assert_array_equal(engine.decode(tokens), engine.reconstruct(pictures))
    assert torch.equal(tokens[1:2], engine.encode(pictures[1]))
    np.testing.assert_array_equal(engine.decode(tokens[2]), engine.reconstruct(pictures[2]))
    np.testing.assert_array_equal(
        engine.decode(tokens.numpy().astype(np.uint16)[:1])[0].shape, (32, 64, 3)
    )
    tokens[0, 0, 0] = 7  # an ordinary tensor, not one of inference mode
    assert engine.decode(tokens).shape == pictures.shape


def test_loading_a_model_that_is_not_there_names_those_that_are(
    model_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("maskgit.loading.MODELS", model_folder.parent)
    with pytest.raises(CheckpointError, match=r"no model 'nope': .* small, .*maskgit-imagenet-256"):
        maskgit.load("nope")
    assert maskgit.load("small", "cpu", "float32").config.name == "small"


def test_a_damaged_folder_is_refused_by_the_name_of_its_file(tmp_path: Path) -> None:
    folder = write_small_model(tmp_path / "m")
    (folder / "model.safetensors").write_bytes(b"nothing")
    with pytest.raises(CheckpointError, match=r"model\.safetensors"):
        maskgit.load(folder, "cpu", "float32")
