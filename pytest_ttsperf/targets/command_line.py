"""A command line as somebody writes it into a spec or an option: its words, and its program."""

from __future__ import annotations

import shlex
import shutil

from pytest_ttsperf import secrets
from pytest_ttsperf.errors import TargetNotFound


def split_words(line: str) -> list[str]:
    """The words of a command. TargetNotFound for one that cannot be read."""
    try:
        return shlex.split(line)
    except ValueError as error:
        raise TargetNotFound(
            f"found the command {secrets.mask(line)!r}, which cannot be read ({error}); wanted "
            "words as in a shell, quoted where they hold blanks"
        ) from error


def require_program(name: str) -> None:
    """TargetNotFound where there is no such program."""
    if shutil.which(name) is None:
        raise TargetNotFound(f"found no program {name!r} on PATH; install it, or write its path")
