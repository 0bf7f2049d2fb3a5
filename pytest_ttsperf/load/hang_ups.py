"""When the work for a stream ends after its listener has hung up, by the CPU time of the target.

With a single listener all work is for that stream, but for what the target does in any case: as a
server that looks at its clock ten times a second, or writes into its log what it has answered. Both
are measured before, of the idle target and after answers that were listened to until their end; the
work has ended when the target does no more than that from then on.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from pytest_ttsperf.measure.cpu_clock import CpuSeries

QUIET_NS = 250_000_000
"""For so long it must do no more than when it is idle. A pause between two chunks is shorter."""
SLACK = 1.5
"""Times what it does when idle: that is the most that was seen, in few seconds."""
FLOOR_NS = 500_000
"""Of CPU time: so much may be left, and is no work that anybody would notice."""
BUSY_SHARE = 0.2
"""Of a core: a target that does so much when idle does not show when its work ends."""


class IdleLevel(NamedTuple):
    """What a target does while nobody listens; CPU time within any `QUIET_NS`."""

    share: float
    """Of a core, on average."""
    most_ns: float
    after_answer_ns: float = 0.0
    """So much more, at most, after a whole answer."""

    @property
    def allowed_ns(self) -> float:
        """What is no sign of work that should have ended."""
        return SLACK * self.most_ns + self.after_answer_ns + FLOOR_NS

    @property
    def is_busy(self) -> bool:
        """Whether it does so much that the end of other work is not to be seen."""
        return self.share > BUSY_SHARE


class Stop(NamedTuple):
    """The end of the work for a stream."""

    after_ns: float
    """The hang-up; 0 where nothing was left to do."""
    cpu_ns: float
    """Spent in that time, without what an idle target spends."""


def read_idle_level(series: CpuSeries, resolution_ns: int = 0) -> IdleLevel:
    """What a target did that nobody listened to. ValueError for less than `QUIET_NS` of it."""
    begun_ns = int(series.at_ns[0])
    seconds_ns = int(series.at_ns[-1]) - begun_ns
    if seconds_ns < QUIET_NS:
        raise ValueError(f"found {seconds_ns} ns of an idle target, wanted at least {QUIET_NS}")
    starts_ns = series.at_ns[series.at_ns <= series.at_ns[-1] - QUIET_NS]
    within_ns = series.cpu_at(starts_ns + QUIET_NS) - series.cpu_at(starts_ns)
    spent_ns = int(series.cpu_ns[-1] - series.cpu_ns[0])
    return IdleLevel(
        share=spent_ns / seconds_ns,
        most_ns=float(within_ns.max()) + resolution_ns,
    )


def spent_after(series: CpuSeries, end_ns: int, idle: IdleLevel) -> float:
    """CPU time in ns within `QUIET_NS` after an answer has ended, beyond that of an idle target.

    ValueError where the series ends before.
    """
    until_ns = end_ns + QUIET_NS
    if series.at_ns[-1] < until_ns:
        raise ValueError(f"found a series of {len(series.at_ns)} readings that ends too soon")
    spent_ns = float(series.cpu_at(until_ns) - series.cpu_at(end_ns))
    return max(0.0, spent_ns - idle.share * QUIET_NS)


def find_stop(series: CpuSeries, hung_up_ns: int, idle: IdleLevel) -> Stop | None:
    """The first instant from which on the target does no more than an idle one, for `QUIET_NS`.

    None where there is none in the series, be it that the work goes on or that it ends too soon.
    """
    last_ns = int(series.at_ns[-1]) - QUIET_NS
    instants_ns = series.at_ns[(series.at_ns > hung_up_ns) & (series.at_ns <= last_ns)]
    if hung_up_ns <= last_ns:
        instants_ns = np.concatenate([np.array([hung_up_ns], np.int64), instants_ns])
    follows_ns = series.cpu_at(instants_ns + QUIET_NS) - series.cpu_at(instants_ns)
    quiet = np.flatnonzero(follows_ns <= idle.allowed_ns)
    if not quiet.size:
        return None
    stop_ns = int(instants_ns[quiet[0]])
    after_ns = stop_ns - hung_up_ns
    spent_ns = float(series.cpu_at(stop_ns) - series.cpu_at(hung_up_ns))
    return Stop(float(after_ns), max(0.0, spent_ns - idle.share * after_ns))
