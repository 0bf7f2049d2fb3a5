"""How commands print: text with colours where there is a terminal, or JSON."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterable
from typing import Any

import msgspec

from pytest_ttsperf import secrets
from pytest_ttsperf.report import layout

COLORS = {"good": "32", "unmeasured": "2", "advice": "33", "bad": "31"}


def paint(text: str, level: str) -> str:
    """Coloured on a terminal, unless NO_COLOR is set."""
    if not sys.stdout.isatty() or os.environ.get("NO_COLOR"):
        return text
    return f"\x1b[{COLORS[level]}m{text}\x1b[0m"


def terminal_width() -> int | None:
    """Characters in a line of standard output; None for a file or a pipe, unless COLUMNS is set."""
    if not sys.stdout.isatty() and not os.environ.get("COLUMNS"):
        return None
    return shutil.get_terminal_size().columns


def folded(text: str) -> str:
    """A text for people, whose lines are not wider than the terminal."""
    return layout.fold_text(text, terminal_width())


def print_answer(answer: object, text: str, *, as_json: bool) -> None:
    """Print an answer as JSON, which is UTF-8 everywhere, or as its text.

    What the encoding of standard output lacks is escaped.
    """
    if not as_json:
        print_text(text)
        return
    masked = _mask_targets(msgspec.to_builtins(answer))
    _write(msgspec.json.format(msgspec.json.encode(masked), indent=2))


def print_text(text: str) -> None:
    """Print a text; what the encoding of standard output lacks is escaped."""
    _write(text.encode(sys.stdout.encoding or "utf-8", "backslashreplace"))


def _write(body: bytes) -> None:
    sys.stdout.flush()
    sys.stdout.buffer.write(body + b"\n")
    sys.stdout.flush()


def discard_broken_output() -> None:
    """Let what standard output does not take go nowhere: Python would complain again at exit."""
    try:
        sys.stdout.flush()
    except OSError:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())


def advise(written_out: Iterable[secrets.Secret]) -> None:
    """Say on standard error that a secret is better taken from a variable, if there is one."""
    advice = secrets.advice(written_out)
    if advice is not None:
        print(f"ttsperf: note: {advice}", file=sys.stderr)


def _mask_targets(value: Any, name: str = "") -> Any:
    """Names of targets masked: files that an older version has written hold them as they were."""
    if isinstance(value, dict):
        return {name: _mask_targets(each, name) for name, each in value.items()}
    if isinstance(value, list):
        return [_mask_targets(each) for each in value]
    if isinstance(value, str) and name in ("target", "test"):
        return secrets.mask(value)
    return value
