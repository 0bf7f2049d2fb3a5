"""The suites there are: which file has each, how long it takes, what it looks at.

The command, the collection of tests and docs/suites.md read this table. It imports nothing slow.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import NamedTuple

from pytest_ttsperf.errors import LimitError


class Suite(NamedTuple):
    """One suite: a file of tests beside this one."""

    name: str
    module: str
    """The file, without its ending."""
    minutes: float
    """How long it takes with the voice of the repository, on two cores; slower ones take longer."""
    about: str
    """What it looks at, in one line. How long that takes is said by `minutes` alone."""
    is_default: bool = False
    """Whether it runs where no suite is named."""


SUITES = (
    Suite(
        "ttfa",
        "test_ttfa",
        1,
        "time to first audio: the first sound that a listener hears, and the first sample",
        is_default=True,
    ),
    Suite(
        "streaming",
        "test_streaming",
        0.5,
        "whether a streamed answer keeps ahead of its player, and is streamed at all",
        is_default=True,
    ),
    Suite(
        "nonstream",
        "test_nonstream",
        0.5,
        "answers that arrive as a whole: how long they take for each second of audio",
        is_default=True,
    ),
    Suite(
        "cold",
        "test_cold",
        0.25,
        "the first answer of a fresh process, and the phases of its start",
        is_default=True,
    ),
    Suite(
        "memory",
        "test_memory",
        1,
        "memory of the process tree: when it is ready, at its peak, how far it ranges, and a leak",
        is_default=True,
    ),
    Suite(
        "quick",
        "test_quick",
        0.5,
        "short text, streamed and cold, with the limits of ttfa, streaming and memory",
    ),
    Suite(
        "load",
        "test_load",
        35,
        "many listeners: 1, 4 and 8 at once, and how many may listen",
    ),
    Suite(
        "soak",
        "test_soak",
        20,
        "a target that speaks without a pause: drift, underruns, a leak, handles that stay open",
    ),
    Suite(
        "provider",
        "test_provider",
        7,
        "execution providers side by side, warm and cold; so long for each beside the first",
    ),
    Suite(
        "settings",
        "test_settings",
        11,
        "settings of onnxruntime, one at a time: memory arena, threads, spinning, optimisation",
    ),
    Suite(
        "m_series",
        "test_m_series",
        12,
        "Core ML on an M-series Mac: 10 ms to first sound, and its options; skipped elsewhere",
    ),
)
NAMES = tuple(suite.name for suite in SUITES)
DEFAULT_NAMES = tuple(suite.name for suite in SUITES if suite.is_default)
PRESETS = ("short", "medium", "long")
"""The texts that suites speak, where they are not told which."""


def choose_suites(names: str | None) -> tuple[Suite, ...]:
    """The suites of `ttfa,cold`, each once, in the table's order; the usual ones for None.

    LimitError for a name that no suite has.
    """
    chosen = DEFAULT_NAMES if names is None else split_names(names, NAMES, "suite")
    return tuple(suite for suite in SUITES if suite.name in chosen)


def choose_presets(names: str | None) -> tuple[str, ...]:
    """The presets of `short,long`, each once, in their order; all for None. LimitError."""
    return PRESETS if names is None else split_names(names, PRESETS, "preset")


def split_names(text: str, accepted: tuple[str, ...], what: str) -> tuple[str, ...]:
    """The words of a list with commas, each once. LimitError for none, and for one not accepted."""
    words = [word.strip() for word in text.split(",")]
    names = tuple(dict.fromkeys(filter(None, words)))
    if not names:
        raise LimitError(f"found no {what} in {text!r}; wanted one or more of {_list(accepted)}")
    for name in names:
        if name not in accepted:
            near = difflib.get_close_matches(name, accepted, n=1)
            suggestion = f" (did you mean {near[0]!r}?)" if near else ""
            raise LimitError(
                f"there is no {what} {name!r}{suggestion}; wanted one or more of {_list(accepted)}"
            )
    return names


def duration_text(suite: Suite) -> str:
    """How long a suite takes, as a person would say it."""
    return minutes_text(suite.minutes)


def total_text(suites: Iterable[Suite]) -> str:
    """How long suites take one after the other, in whole minutes where it is a minute or more."""
    minutes = sum(suite.minutes for suite in suites)
    return minutes_text(minutes if minutes < 1 else round(minutes))


def minutes_text(minutes: float) -> str:
    """`30 s`, `2.5 min`."""
    if minutes < 1:
        return f"{round(minutes * 60)} s"
    return f"{minutes:g} min"


def _list(names: tuple[str, ...]) -> str:
    return ", ".join(names)
