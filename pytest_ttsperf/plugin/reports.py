"""Keeps secrets out of what pytest itself prints and stores about our tests.

Messages of ours have none. But a target in pytest's own process may raise, with its request in the
text, and `--showlocals` prints what a test holds.
"""

from __future__ import annotations

from typing import Any

import pytest

from pytest_ttsperf import secrets
from pytest_ttsperf.targets import spec

PARTS = (
    "chain", "reprcrash", "reprtraceback", "reprentries", "reprfuncargs", "reprlocals",
    "reprfileloc", "message", "longrepr", "lines", "args", "extraline", "sections",
)  # fmt: skip
"""Attributes of pytest's descriptions of an exception that hold text, or hold what does."""


def scrub(report: pytest.TestReport) -> None:
    """Replace the secrets that are known, in the traceback and in captured output."""
    if not secrets.has_any():
        return
    report.longrepr = _without(report.longrepr)
    report.sections = _without(report.sections)


def parameter_id(value: object) -> str | None:
    """An id for a server or program as parameter that holds a secret; None for all else."""
    if not isinstance(value, str) or not spec.is_url_scheme(value.partition(":")[0]):
        return None
    shown = secrets.mask(value)
    return None if shown == value else shown


def _without(value: Any) -> Any:
    """The same with its texts scrubbed; pytest's descriptions are changed where they are."""
    if isinstance(value, str):
        return secrets.scrub(value)
    if isinstance(value, list | tuple):
        return type(value)([_without(each) for each in value])
    for name in PARTS:
        part = getattr(value, name, None)
        if part is not None and not callable(part):
            _put(value, name, _without(part))
    return value


def _put(holder: Any, name: str, part: Any) -> None:
    try:
        setattr(holder, name, part)
    except AttributeError:  # a frozen one
        object.__setattr__(holder, name, part)
