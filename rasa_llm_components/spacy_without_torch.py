"""Keeps spaCy from importing torch, which it does only to find out whether it is there (in `thinc.compat`).

In a process that needs no torch otherwise, that would take 450 MB and seconds. A spaCy pipeline that does run on torch
(spacy-transformers, spacy-curated-transformers) is left alone, and so is a torch that has been imported before.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from importlib.util import find_spec
from types import ModuleType

_ASKS = "thinc.compat"
_RUN_ON_TORCH = ("spacy_transformers", "spacy_curated_transformers")


def keep_spacy_from_torch() -> None:
    """To be called before spaCy is imported; a second call changes nothing."""
    if _ASKS in sys.modules or any(isinstance(finder, _Finder) for finder in sys.meta_path):
        return
    if not any(find_spec(name) for name in _RUN_ON_TORCH):
        sys.meta_path.insert(0, _Finder())


class _Finder(MetaPathFinder):
    """Finds one module, and loads it while torch seems to be missing."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname != _ASKS or "torch" in sys.modules:
            return None
        spec = PathFinder.find_spec(fullname, path, target)
        if spec is not None and spec.loader is not None:
            spec.loader = _WithoutTorch(spec.loader)
        return spec


class _WithoutTorch(Loader):
    def __init__(self, loader: Loader) -> None:
        self._loader = loader

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return self._loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        sys.modules["torch"] = None  # type: ignore[assignment]  # an import then says that there is none
        try:
            self._loader.exec_module(module)
        finally:
            del sys.modules["torch"]
