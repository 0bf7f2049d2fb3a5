"""How a worker imports a target from another tree than its parent's, and proves that it did.

The running plugin is imported already, so both arms of a comparison are measured by the same code.
Every import path inside the project is replaced by its counterpart in the other tree; an editable
install of the project, which would win otherwise, is among them. What was imported from the
project all the same is told by name.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import msgspec

from pytest_ttsperf.errors import WrongTree


class Tree(NamedTuple):
    """Code of another version: `folder` holds what `project` holds in the running one."""

    label: str
    project: Path
    folder: Path
    revision: str | None = None
    """The full commit; None for a directory as it is."""
    differing: tuple[str, ...] = ()
    """What of the declared dependencies differs from the running version's."""
    python: str = sys.executable
    """The interpreter that opens it; another one once it has an environment of its own."""
    notes: tuple[str, ...] = ()
    """What was put into it that git does not lay there by itself, and what could not be."""
    rootdir: Path | None = None
    """Where in `project` the run was started from; what patterns of files are relative to."""
    absent: tuple[str, ...] = ()
    """Paths of submodules and large files of this version that are not on this machine."""

    @property
    def has_own_environment(self) -> bool:
        """Whether it runs on its own dependencies."""
        return self.python != sys.executable


OWN_PACKAGE = "pytest_ttsperf"


def import_paths(mirror: TreeOverride, entries: Iterable[str]) -> list[str]:
    """`sys.path` for the other tree: its folders first, then what belongs to neither."""
    known = [*entries, *_editable_folders()]
    inside = [entry for entry in known if _belongs(entry, mirror)]
    theirs = [_counterpart(entry, mirror) for entry in inside]
    others = [entry for entry in known if entry not in inside]
    return list(dict.fromkeys([*theirs, *others]))


def counterpart_folder(mirror: TreeOverride, here: str) -> str | None:
    """Where in the other tree a worker should be, if here is in the project; None if there is no
    such folder."""
    if not _is_within(here, mirror.ours):
        return here
    counterpart = _counterpart(here, mirror)
    return counterpart if Path(counterpart).is_dir() else None


def verify_origin(mirror: TreeOverride, module: str) -> None:
    """Raise WrongTree unless `module` and all that was imported comes from the other tree."""
    origin = getattr(sys.modules.get(module), "__file__", None)
    if origin is None or not _is_within(origin, mirror.theirs):
        raise WrongTree(
            f"found {module} imported from {origin}, wanted it from {mirror.theirs}: both arms "
            "would be the same code; an import hook or an install that is not editable wins over "
            "the tree. Uninstall the project from this environment, or install it with pip -e"
        )
    strays = sorted(
        f"{name} ({file})"
        for name, loaded in list(sys.modules.items())
        if (file := getattr(loaded, "__file__", None))
        and name.partition(".")[0] not in (OWN_PACKAGE, "__main__")
        and _belongs(file, mirror)
    )
    if strays:
        raise WrongTree(
            f"found {', '.join(strays[:3])} imported from the running version, wanted all of the "
            f"project from {mirror.theirs}: the two are mixed. Import it by its package"
        )


def _editable_folders() -> list[str]:
    """Folders that setuptools' editable installs map their packages to."""
    modules = (sys.modules.get(getattr(finder, "__module__", "")) for finder in sys.meta_path)
    mappings = (getattr(module, "MAPPING", None) for module in modules)
    return [
        str(Path(place).parent)
        for mapping in mappings
        if isinstance(mapping, dict)
        for place in mapping.values()
        if isinstance(place, str)
    ]


def _belongs(entry: str, mirror: TreeOverride) -> bool:
    """Whether a path is the project's own code: not its environment, not the other tree."""
    environments = [sys.prefix, sys.base_prefix]
    return (
        _is_within(entry, mirror.ours)
        and not _is_within(entry, mirror.theirs)
        and not any(
            _is_within(entry, place) for place in environments if _is_within(place, mirror.ours)
        )
        and "site-packages" not in Path(entry).parts
    )


def _counterpart(entry: str, mirror: TreeOverride) -> str:
    return str(Path(mirror.theirs) / Path(entry).resolve().relative_to(Path(mirror.ours).resolve()))


def _is_within(path: str, folder: str) -> bool:
    return Path(path).resolve().is_relative_to(Path(folder).resolve())


class TreeOverride(msgspec.Struct, frozen=True, kw_only=True):
    """Two folders with the same layout: whatever would come from `ours` comes from `theirs`."""

    ours: str
    theirs: str
