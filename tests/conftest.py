"""What is left out, when leaving out is a failure, in which order, and that being slow is none.

Tests that need a GPU are deselected where there is none: that is a fact about the machine, not a
missing piece. A skipped test is a missing piece, and with MASKGIT_NO_SKIPS=1 (as in `.ci/run`) it
fails, so that a run in which, say, the golden recordings were not found cannot pass for a good one.
"""

import os
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

# A busy machine is no mistake.
settings.register_profile(
    "any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("any machine")

os.environ.setdefault("OMP_WAIT_POLICY", "passive")  # as app.launch does, and before torch comes
if workers := os.environ.get("PYTEST_XDIST_WORKER_COUNT"):  # they share the processors, servers too
    os.environ.setdefault("OMP_NUM_THREADS", str(max(1, (os.cpu_count() or 1) // int(workers))))

NO_SKIPS = os.environ.get("MASKGIT_NO_SKIPS") == "1"
NEED_GPU = pytest.StashKey[int]()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    _put_long_files_first(items)
    need_gpu = [item for item in items if item.get_closest_marker("gpu")]
    if not need_gpu or _has_gpu():
        return
    config.hook.pytest_deselected(items=need_gpu)
    config.stash[NEED_GPU] = len(need_gpu)
    items[:] = [item for item in items if item not in need_gpu]


def _put_long_files_first(items: list[pytest.Item]) -> None:
    """Begin with the files that take long, so that no worker is left with one of them at the end.

    Those in a browser stay together: a worker has one server and one browser for all of its own.
    """
    slow = Counter(item.path for item in items if item.get_closest_marker("slow"))
    items.sort(key=lambda item: (not item.get_closest_marker("browser"), -slow[item.path]))


def pytest_sessionfinish(session: pytest.Session) -> None:
    if hasattr(session.config, "workeroutput"):  # one of several processes; each left out the same
        session.config.workeroutput["need_gpu"] = session.config.stash.get(NEED_GPU, 0)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    node.config.stash[NEED_GPU] = getattr(node, "workeroutput", {}).get("need_gpu", 0)


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
