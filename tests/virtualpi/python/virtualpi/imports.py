"""Changes to a module right after it is first imported, and at no cost to programs that never do."""

import importlib.abc
import importlib.machinery
import sys
from collections.abc import Callable, Sequence
from types import ModuleType

Change = Callable[[ModuleType], None]


def after(name: str, *changes: Change) -> None:
    """Call each of `changes` with the module of that name once it is imported; one call of this for each name."""
    sys.meta_path.insert(0, _Finder(name, changes))


class _Finder(importlib.abc.MetaPathFinder):
    def __init__(self, name: str, changes: Sequence[Change]) -> None:
        self._name, self._changes = name, changes

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if name != self._name:
            return None
        # Not by PathFinder alone: a frozen program has finders of its own.
        found = (finder.find_spec(name, path, target) for finder in sys.meta_path if finder is not self)
        spec = next(filter(None, found), None)
        if spec is not None and spec.loader is not None:
            spec.loader = _Loader(spec.loader, self._changes)
        return spec


class _Loader(importlib.abc.Loader):
    def __init__(self, loader: importlib.abc.Loader, changes: Sequence[Change]) -> None:
        self._loader, self._changes = loader, changes

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType | None:
        return self._loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        self._loader.exec_module(module)
        for change in self._changes:
            change(module)
