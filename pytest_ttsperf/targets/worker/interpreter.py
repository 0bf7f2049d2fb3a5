"""Another interpreter for a target: what of this one's search path goes with it.

Builds of one package that exclude each other, as those of onnxruntime do, live in environments of
their own. The project's code is the same in all of them and comes first there, before a copy of it
that may be installed; packages of the running environment come last, for what the other one lacks.
"""

from __future__ import annotations

import os
import shutil
import sysconfig
from collections.abc import Iterable
from pathlib import Path

from pytest_ttsperf.errors import LimitError

PACKAGE_FOLDERS = frozenset({"site-packages", "dist-packages"})


def project_folders(entries: Iterable[str]) -> list[str]:
    """Entries of a search path that are neither the standard library nor installed packages."""
    return [entry for entry in entries if not _is_of_environment(entry)]


def environment_folders(entries: Iterable[str]) -> list[str]:
    """The others: the standard library and installed packages."""
    return [entry for entry in entries if _is_of_environment(entry)]


def _is_of_environment(entry: str) -> bool:
    path = Path(entry)
    if not PACKAGE_FOLDERS.isdisjoint(path.parts):
        return True
    library = sysconfig.get_paths()
    standard = (library["stdlib"], library["platstdlib"])
    if any(path.is_relative_to(folder) for folder in standard):
        return True
    return path.suffix == ".zip" and path.stem.startswith("python")


def find_python(place: Path, source: str) -> str:
    """The path of an interpreter, or of the one in an environment's folder.

    LimitError, which names the `source`, where there is none. A link is not followed: by its name
    an interpreter knows its environment.
    """
    path = Path(os.path.abspath(place))
    if path.is_dir():
        path = path / "bin" / "python"
    found = shutil.which(str(path))
    if found is None:
        raise LimitError(
            f"{source}: {path} is no program; wanted an interpreter, as .venv-openvino/bin/python, "
            "or the folder of an environment"
        )
    return found
