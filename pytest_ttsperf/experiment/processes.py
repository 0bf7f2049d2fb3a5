"""Over how many processes of the target the trials of a warm cell are spread, and what they share.

Processes of the same code differ, by where their memory lies for one thing, so trials of a single
one say little of the next. Each further process costs a start: docs/adr/0038.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import accumulate

from msgspec import structs

from pytest_ttsperf.errors import MeasurementError
from pytest_ttsperf.experiment.plan import Plan, TargetFactory
from pytest_ttsperf.records import RecorderCost, TargetInfo, TargetProcess, TrustNote

MOST_PROCESSES = 4
"""Where nobody says how many."""
START_SHARE = 0.1
"""Of the time of the trials: what further starts may take."""


def refuse_too_many(source: TargetFactory, plan: Plan) -> None:
    """MeasurementError for several processes of what has one, or for more than there are trials."""
    count = plan.processes
    if count is None or count == 1:
        return
    remedy = "leave out processes= and --ttsperf-processes, or set 1"
    reason = _reason_for_one(source)
    if reason is not None:
        raise MeasurementError(
            f"{source.spec.shown} {reason}, so its trials cannot be spread over {count} processes; "
            f"{remedy}"
        )
    if count > plan.trials:
        raise MeasurementError(
            f"{plan.trials} trials cannot be spread over {count} processes; wanted a trial or more "
            f"in each: run more trials, or {remedy}"
        )


def has_one(source: TargetFactory) -> bool:
    """Whether it cannot be started again and again, each time for several trials."""
    return _reason_for_one(source) is not None


def _reason_for_one(source: TargetFactory) -> str | None:
    if source.inline:
        return "runs in pytest's own process (--ttsperf-inline)"
    if source.lifecycle == "external":
        return "runs already, in processes that are not started here"
    if source.lifecycle == "per_text":
        return "starts a process for each text anyway"
    return None


def affordable(start_s: float, trials_s: float) -> int:
    """The most processes whose further starts take no more than a tenth of the trials' time.

    `start_s` is what one start takes, opening and warm-up; at least one process, at most
    MOST_PROCESSES.
    """
    if start_s <= 0:
        return MOST_PROCESSES
    further = math.floor(START_SHARE * trials_s / start_s)
    return min(1 + further, MOST_PROCESSES)


def smallest_share(trials: int) -> int:
    """As many trials as the first process has even if there are MOST_PROCESSES of them."""
    return math.ceil(trials / MOST_PROCESSES)


def last_trials(trials: int, count: int) -> list[int]:
    """For each process, how many trials there are once it has run its own: shares of one size.

    The first get one more where the trials cannot be divided: 59 over 4 are 15, 30, 45, 59.
    """
    share, rest = divmod(trials, count)
    shares = [share + 1] * rest + [share] * (count - rest)
    return list(accumulate(shares))


def merge_ready(processes: Sequence[TargetProcess]) -> TargetInfo:
    """What the first process says of itself, with the tracers of all.

    Where the memory of one could not be read, that of all was not.
    """
    tracers: dict[str, None] = {}
    missing_because = None
    for process in processes:
        ready = process.ready
        tracers |= dict.fromkeys(ready.tracers)
        missing_because = missing_because or ready.pid_missing_because
    return structs.replace(
        processes[0].ready,
        tracers=tuple(tracers),
        pid_missing_because=missing_because,
    )


def merge_notes(by_process: Sequence[Sequence[TrustNote]]) -> list[TrustNote]:
    """Each note once; one that not all processes have names those that do, counted from 1."""
    places: dict[TrustNote, list[int]] = {}
    for number, notes in enumerate(by_process, start=1):
        for note in dict.fromkeys(notes):
            places.setdefault(note, []).append(number)
    merged = []
    for note, numbers in places.items():
        text = note.text
        if len(numbers) < len(by_process):
            text += f" (process {', '.join(map(str, numbers))} of {len(by_process)})"
        merged.append(structs.replace(note, text=text))
    return merged


def worst_cost(costs: Sequence[RecorderCost]) -> RecorderCost | None:
    """The recorder's own cost where it was highest; None where it was measured in no process."""
    return max(costs, key=lambda cost: cost.ttfa_us, default=None)
