"""How a worker imports a target from another tree than its parent's, and proves that it did.

The running plugin is imported already, so both arms of a comparison are measured by the same code.
Every import path inside the project is replaced by its counterpart in the other tree; an editable
install of the project, which would win otherwise, is among them. What was imported from the
project all the same is named in an error.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from pytest_ttsperf.errors import WrongTree

PLUGIN = "pytest_ttsperf"
FEW = 3


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

    def only_folders(self) -> Tree:
        """All that a worker needs of it, and no text that UTF-8 may have no form for."""
        return Tree(label="", project=self.project, folder=self.folder)


def import_paths(tree: Tree, entries: Iterable[str]) -> list[str]:
    """`sys.path` for the other tree: its folders first, then what belongs to neither."""
    counterparts = []
    others = []
    for entry in (*entries, *_editable_folders()):
        if _is_own_code(entry, tree):
            counterparts.append(_counterpart(entry, tree))
        else:
            others.append(entry)
    return list(dict.fromkeys(counterparts + others))


def counterpart_folder(tree: Tree, here: str) -> str | None:
    """Where in the other tree a worker should be, if `here` is in the project.

    None if there is no such folder.
    """
    if not _is_within(here, tree.project):
        return here
    counterpart = _counterpart(here, tree)
    if not Path(counterpart).is_dir():
        return None
    return counterpart


def verify_origin(tree: Tree, module: str) -> None:
    """Raise WrongTree unless `module` and all that was imported comes from the other tree."""
    origin = getattr(sys.modules.get(module), "__file__", None)
    if origin is None or not _is_within(origin, tree.folder):
        raise WrongTree(
            f"found {module} imported from {origin}, wanted it from {tree.folder}: both arms "
            "would be the same code; an import hook or an install that is not editable wins over "
            "the tree. Uninstall the project from this environment, or install it with pip -e"
        )
    strays = sorted(_modules_of_project(tree))
    if strays:
        raise WrongTree(
            f"found {', '.join(strays[:FEW])} imported from the running version, wanted all of the "
            f"project from {tree.folder}: the two are mixed. Import it by its package"
        )


def name_running_paths(tree: Tree, text: str) -> str:
    """A text with the paths of a tree in it, as they are called in the running version."""
    for folder in (tree.folder, tree.folder.resolve()):
        text = text.replace(str(folder), str(tree.project))
    return text


def _modules_of_project(tree: Tree) -> Iterator[str]:
    """Modules of the running version that are loaded, but for the plugin's own."""
    for name, module in list(sys.modules.items()):
        package = name.partition(".")[0]
        if package in (PLUGIN, "__main__"):
            continue
        file = getattr(module, "__file__", None)
        if file and _is_own_code(file, tree):
            yield f"{name} ({file})"


def _editable_folders() -> Iterator[str]:
    """Folders that setuptools' editable installs map their packages to."""
    for finder in sys.meta_path:
        module = sys.modules.get(getattr(finder, "__module__", ""))
        mapping = getattr(module, "MAPPING", None)
        if not isinstance(mapping, dict):
            continue
        for place in mapping.values():
            if isinstance(place, str):
                yield str(Path(place).parent)


def _is_own_code(entry: str, tree: Tree) -> bool:
    """Whether a path is the project's own code: not its environment, not the other tree."""
    if "site-packages" in Path(entry).parts:
        return False
    if not _is_within(entry, tree.project) or _is_within(entry, tree.folder):
        return False
    for environment in (sys.prefix, sys.base_prefix):
        if _is_within(environment, tree.project) and _is_within(entry, environment):
            return False
    return True


def _counterpart(entry: str, tree: Tree) -> str:
    inside = Path(entry).resolve().relative_to(tree.project.resolve())
    return str(tree.folder / inside)


def _is_within(path: str | Path, folder: str | Path) -> bool:
    return Path(path).resolve().is_relative_to(Path(folder).resolve())
