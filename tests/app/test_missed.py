"""A page gets the frames that it has missed, for a while."""

from typing import Any

from app.missed import KEPT_S, RUNS, STEPS, MissedFrames


def frames(count: int) -> list[dict[str, Any]]:
    return [{"step": step, "image": f"picture {step}"} for step in range(count)]


def asked(kept: MissedFrames, run: str, *seen: int) -> list[int]:
    answer = kept.missed({"run": run, "seen": list(seen)})
    assert answer["ok"]
    return [frame["step"] for frame in answer["frames"]]


def test_what_was_not_seen_comes_as_it_was_sent() -> None:
    kept, sent = MissedFrames(), frames(4)
    kept.keep("a", sent)
    kept.keep("b", frames(2))
    assert kept.missed({"run": "a", "seen": [0, 2]}) == {"ok": True, "frames": [sent[1], sent[3]]}
    assert asked(kept, "a") == [0, 1, 2, 3]
    assert asked(kept, "b", 0, 1) == []


def test_the_last_runs_are_kept_and_no_long_ones() -> None:
    kept = MissedFrames()
    for run in range(RUNS + 1):
        kept.keep(str(run), frames(2))
    kept.keep("long", frames(STEPS + 2))
    assert asked(kept, "0") == asked(kept, "long") == asked(kept, "never") == []
    assert asked(kept, "1") == asked(kept, str(RUNS)) == [0, 1]


def test_what_is_over_for_a_minute_is_forgotten() -> None:
    now = 0.0
    kept = MissedFrames(clock=lambda: now)
    kept.keep("a", frames(2))
    now = KEPT_S / 2
    kept.keep("b", frames(2))
    assert asked(kept, "a") == [0, 1]
    now = KEPT_S + 1
    assert asked(kept, "a") == []
    assert asked(kept, "b") == [0, 1]


def test_what_is_no_question_gets_a_sentence() -> None:
    kept = MissedFrames()
    for wrong in (None, {}, {"run": 1, "seen": []}, {"run": "a", "seen": "0"}, {"run": "a"}):
        answer = kept.missed(wrong)
        assert not answer["ok"]
        assert answer["error"]["message"]
