"""What resumable campaigns share: a log of JSON lines, and cases that take turns.

A log whose name ends in `.xz` is compressed, each line by itself: what was measured is small enough
then to stay in the repository, and a campaign can go on from there on any machine.
Cases take turns, so that all see the same hours, and a campaign goes on where the last one ended.
What measured nothing does not count; a case of which nothing can be measured is left alone.
"""

from __future__ import annotations

import json
import lzma
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Protocol, TypeVar

Line = dict[str, Any]
MOST_IN_VAIN = 3
"""Lines of a case, in one call, that measure nothing: then it is left alone."""


class CountedCase(Protocol):
    """A case, and how many lines of it are wanted."""

    @property
    def name(self) -> str:
        """As the log has it, under `case`."""

    @property
    def count(self) -> int:
        """Lines wanted."""


AnyCase = TypeVar("AnyCase", bound=CountedCase)


class Turns(NamedTuple):
    """How long one call of a campaign goes on."""

    minutes: float = float("inf")
    """Begin none after that."""
    most: int = sys.maxsize
    """Lines of this call."""


ENDLESS = Turns()


def read_log(log: Path) -> list[Line]:
    """All lines; none where there is no log yet."""
    if not log.exists():
        return []
    data = log.read_bytes()
    if _is_compressed(log):
        data = lzma.decompress(data)
    return [json.loads(line) for line in data.splitlines()]


def append_line(log: Path, line: Line) -> None:
    """Add a line to the log."""
    data = json.dumps(line).encode() + b"\n"
    if _is_compressed(log):
        data = lzma.compress(data)
    with log.open("ab") as file:
        file.write(data)


def _is_compressed(log: Path) -> bool:
    """Whether its name says so."""
    return log.suffix == ".xz"


def is_counted(line: Line) -> bool:
    """Whether something was measured: what could not be judged in its budget counts as open."""
    return "error" not in line


def run_in_turns(
    cases: Sequence[AnyCase],
    log: Path,
    earlier: Iterable[Line],
    measure: Callable[[AnyCase], Line],
    describe: Callable[[Line], str],
    turns: Turns = ENDLESS,
) -> None:
    """Measure the case that is furthest behind, again and again, until each has its count.

    `earlier` is what the log has of them. `measure` gives a line with the name of the case under
    `case`, and with an `error` where nothing was measured; `describe` puts it in a few words.
    """
    end_s = time.monotonic() + 60 * turns.minutes
    done = Counter(line["case"] for line in earlier if is_counted(line))
    in_vain: Counter[str] = Counter()
    for _ in range(turns.most):
        waiting = [case for case in cases if _is_waiting(case, done, in_vain)]
        if not waiting or time.monotonic() > end_s:
            return
        case = min(waiting, key=lambda one: done[one.name] / one.count)
        line = measure(case)
        append_line(log, line)
        tally = done if is_counted(line) else in_vain
        tally[case.name] += 1
        print(f"{case.name}: {done[case.name]} of {case.count}, {describe(line)}", flush=True)


def _is_waiting(case: CountedCase, done: Mapping[str, int], in_vain: Mapping[str, int]) -> bool:
    """Whether a case lacks lines, and can be measured."""
    return done[case.name] < case.count and in_vain[case.name] < MOST_IN_VAIN
