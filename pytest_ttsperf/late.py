"""Modules that are imported when they are first used, by the doors `plugin.lazy` and `cli.lazy`."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from types import ModuleType


def importer(door: str, modules: Mapping[str, str]) -> Callable[[str], ModuleType]:
    """What a door has for its `__getattr__`: it gives the module that a name stands for.

    AttributeError for any other name, as of every module.
    """

    def import_by_name(name: str) -> ModuleType:
        if name not in modules:
            raise AttributeError(f"module {door!r} has no attribute {name!r}")
        return importlib.import_module(modules[name])

    return import_by_name
