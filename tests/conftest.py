"""What is left out, and when leaving out is a failure.

Tests that need a GPU are deselected where there is none: that is a fact about the machine, not a
missing piece. A skipped test is a missing piece, and with MASKGIT_NO_SKIPS=1 (as in `.ci/run`) it
fails, so that a run in which, say, the golden recordings were not found cannot pass for a good one.
"""

import os
from collections.abc import Iterator

import pytest

os.environ.setdefault("OMP_WAIT_POLICY", "passive")  # as app.launch does, and before torch comes

NO_SKIPS = os.environ.get("MASKGIT_NO_SKIPS") == "1"
NEED_GPU = pytest.StashKey[int]()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    need_gpu = [item for item in items if item.get_closest_marker("gpu")]
    if not need_gpu or _has_gpu():
        return
    config.hook.pytest_deselected(items=need_gpu)
    config.stash[NEED_GPU] = len(need_gpu)
    items[:] = [item for item in items if item not in need_gpu]


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    if number := config.stash.get(NEED_GPU, 0):
        terminalreporter.write_line(
            f"No CUDA device here; left out for that: {number} of the tests."
        )


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Iterator[None]:
    report = yield
    _forbid_skip(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Iterator[None]:
    report = yield
    _forbid_skip(report)
    return report


def _forbid_skip(report: pytest.TestReport | pytest.CollectReport) -> None:
    if NO_SKIPS and report.skipped and not hasattr(report, "wasxfail"):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr
        report.outcome = "failed"
        report.longrepr = f"Nothing may be skipped here, but this was: {reason}"


def _has_gpu() -> bool:
    import torch

    return torch.cuda.is_available()
