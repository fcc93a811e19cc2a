"""Import Gradio without what takes long and nobody needs.

Whenever Gradio is imported, and whenever a component is derived from one of its own, it parses the
sources of its components and writes stubs (.pyi) beside them, for editors. On a slow computer that
is more than half of the seconds that the import takes, and the files land in our folders, too.
It also imports packages that happen to be installed, whether or not it is going to use them.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType
from typing import cast

WRITER = "gradio.component_meta"


class WithoutStubs(MetaPathFinder):
    """Finds the module that writes stubs, and takes the writing out of it."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Find that one module; all others are found as ever."""
        spec = PathFinder.find_spec(fullname, path, target) if fullname == WRITER else None
        if spec and spec.loader:
            spec.loader = _Emptied(spec.loader)
        return spec


class _Emptied(Loader):
    def __init__(self, loader: Loader) -> None:
        self.loader = loader

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return self.loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        self.loader.exec_module(module)
        module.__dict__["create_or_modify_pyi"] = lambda *_: None


def write_no_stubs() -> None:
    """Keep Gradio from writing stubs; to be called before it is imported."""
    sys.meta_path.insert(0, WithoutStubs())


def leave_out(package: str) -> None:
    """Let a package be as if it were not installed, unless somebody has imported it already."""
    sys.modules.setdefault(package, cast("ModuleType", None))  # which is how import says it
