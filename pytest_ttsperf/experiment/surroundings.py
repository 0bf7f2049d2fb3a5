"""What a process inherits from where it is started, so that a later one can be started alike.

The first process of a test is opened before its body, a further one in the midst of it: by then the
test may have changed folder, variables or search path, and the two would not be the same target.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Surroundings:
    """The variables, the working folder and the search path of this process at one moment."""

    variables: Mapping[str, str] = field(repr=False)
    """Some of them are secrets."""
    folder: str | None
    """None for one that is gone."""
    search_path: tuple[str, ...]

    @contextmanager
    def restored(self) -> Iterator[None]:
        """As they were, meanwhile; afterwards as they are now."""
        current = read_surroundings()
        if current == self:
            yield
            return
        with _same_folder_afterwards():
            self._enter()
            try:
                yield
            finally:
                current._enter()

    def _enter(self) -> None:
        for name in os.environ.keys() - self.variables.keys():
            del os.environ[name]
        os.environ.update(self.variables)
        sys.path[:] = self.search_path
        if self.folder is not None:
            with contextlib.suppress(OSError):  # it may be gone by now
                os.chdir(self.folder)


def read_surroundings() -> Surroundings:
    """Those of this moment."""
    try:
        folder = os.getcwd()
    except FileNotFoundError:
        folder = None
    return Surroundings(dict(os.environ), folder, tuple(sys.path))


@contextmanager
def _same_folder_afterwards() -> Iterator[None]:
    """By a descriptor, since a folder that was removed has no path to go back to."""
    try:
        here = os.open(".", os.O_RDONLY)
    except OSError:
        yield
        return
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            os.chdir(here)
        os.close(here)
