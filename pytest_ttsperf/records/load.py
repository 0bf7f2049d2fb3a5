"""Many listeners: what is offered to a target, and what came of it.

A *window* is a stretch of time in which all arrivals are counted, and each is followed to its end;
it is the unit of every verdict, as listeners of one window are no independent witnesses. Figures
of a window are None where they were not measured.
"""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from pytest_ttsperf.nouns import plural
from pytest_ttsperf.records.verdict import Outcome

Pace = Literal["played", "greedy"]
"""When a listener asks again: when the answer has been played, or as soon as it has arrived."""
ArrivalProcess = Literal["poisson", "constant"]
RequestEnd = Literal["answered", "hung_up", "refused", "failed", "capped"]
"""`refused` by the target (HTTP 429 or 503), `capped` by the generator: too many were under way."""


class LoadSpec(Struct, frozen=True, kw_only=True):
    """How many listen at once (closed loop), or how many come a second (open loop).

    Exactly one of `listeners` and `rate` is set; ValueError else.
    """

    listeners: int | None = None
    rate: float | None = None
    """Requests a second, from a schedule that is drawn beforehand; nobody waits for an answer."""
    pace: Pace = "played"
    think_s: float = 0.0
    """Between the end of an answer and the next request of its listener, in a closed loop."""
    arrivals: ArrivalProcess = "poisson"
    """Of an open loop."""
    most_in_flight: int | None = None
    """Of an open loop: a request beyond so many is not sent, and counts as not answered."""
    processes: int = 1
    """Of an imported target: over how many its listeners are spread."""
    hangs_up: bool = False
    """Whether listeners end their answers at a chunk that is drawn beforehand."""

    def __post_init__(self) -> None:
        """Check that it is one kind of load."""
        if (self.listeners is None) == (self.rate is None):
            raise ValueError(
                f"found listeners={self.listeners} and rate={self.rate}, wanted exactly one of them"
            )

    @property
    def is_watched(self) -> bool:
        """Whether it is a single listener who hangs up: then there are no windows."""
        return self.listeners == 1 and self.hangs_up

    @property
    def label(self) -> str:
        """As a part of a cell's identity: `8 listeners`, `4 a second, constant`."""
        parts = []
        if self.listeners is not None:
            parts.append(plural(self.listeners, "listener"))
            if self.pace == "greedy":
                parts.append("greedy")
            if self.think_s:
                parts.append(f"thinking {self.think_s:g} s")
        else:
            parts.append(f"{self.rate:g} a second")
            if self.arrivals != "poisson":
                parts.append(self.arrivals)
            if self.most_in_flight is not None:
                parts.append(f"at most {self.most_in_flight}")
        if self.processes != 1:
            parts.append(f"{self.processes} processes")
        if self.hangs_up:
            parts.append("hanging up")
        return ", ".join(parts)


class OfferedRequest(Struct, frozen=True, kw_only=True):
    """One request of a trace: all that is drawn before anything is measured."""

    index: int
    listener: int
    """In an open loop each request is a listener of its own."""
    text: str
    at_ns: int | None = None
    """From the beginning of the window. In a closed loop only the first of each listener has it;
    of the others, None, its listener's last answer says when."""
    hang_up_after: int | None = None
    """Chunks; None for an answer that is listened to until its end."""


class Trace(Struct, frozen=True, kw_only=True):
    """What one window offers; two versions that are compared get the same one."""

    seed: int
    lead_s: float
    """At the beginning: arrivals are sent and not counted."""
    counted_s: float
    requests: tuple[OfferedRequest, ...]
    """In an open loop by `at_ns`. In a closed loop in turns: a listener who comes to the end of
    its requests begins again, with indexes that go on behind the last."""
    is_repeated: bool = True
    """False in a closed loop whose requests are sent once each, however long those before take."""


class TrialLoad(Struct, frozen=True, kw_only=True):
    """How one request of a crowd was sent, and how it ended; instants in ns, on its own clock."""

    window: int
    listener: int
    scheduled_ns: int
    """t0: when it was due, whenever it was sent."""
    sent_ns: int | None = None
    """When the generator began to send it, be it by connecting; None for one never sent."""
    end_ns: int | None = None
    ended: RequestEnd
    failure: str | None = None
    """The kind of a refusal or failure, as `HTTP 503` or `TargetTimeout`."""
    hang_up_after: int | None = None


class GeneratorHealth(Struct, frozen=True, kw_only=True):
    """Whether what sends the requests kept to its own schedule."""

    sends: int
    lateness_p50_ms: float | None = None
    """Of sends after the instant at which they were due."""
    lateness_p99_ms: float | None = None
    lateness_max_ms: float | None = None
    loop_lag_p99_ms: float | None = None
    """Of a thread that only sleeps and looks at the clock."""
    loop_lag_max_ms: float | None = None
    cpu_share: float | None = None
    """Of one core; None where the target works in the same process."""


class LoadWindow(Struct, frozen=True, kw_only=True):
    """One window, in figures."""

    index: int
    session: int = 0
    """Of which fresh processes of the target it is."""
    seconds: float
    """In which arrivals were counted."""
    offered: int
    answered: int
    hung_up: int = 0
    refused: int = 0
    failed: int = 0
    capped: int = 0
    failures: dict[str, int] = {}
    """Refusals and failures by kind."""
    ttfa_p50_ms: float | None = None
    ttfa_p95_ms: float | None = None
    ttfa_sound_p95_ms: float | None = None
    """To the first sounding chunk: what versions are compared by."""
    rtf_p95: float | None = None
    stalled: int | None = None
    """Answers that stall at all, in the player of the test."""
    longest_stall_ms: float | None = None
    continuity: dict[str, float] = {}
    """`C50`, `C100`, `C250`: share of offered requests that were answered, and whose longest stall
    is at most so many ms."""
    goodput: float | None = None
    """Requests a second that meet the limits of the test, of all that were offered; None where the
    test has no limits."""
    fairness: float | None = None
    """Median TTFA of the slowest listener / median over all; 1 is fair. None in an open loop."""
    queue_p50_ms: float | None = None
    """As the target tells it (Server-Timing)."""
    queue_p95_ms: float | None = None
    cpu_s: float | None = None
    """Of the target's process tree."""
    rss_bytes: int | None = None
    """After it, when the target was quiet."""
    rss_peak_bytes: int | None = None
    uss_bytes: int | None = None
    """As `rss_bytes`."""
    concurrency: float | None = None
    """Mean number of requests under way."""
    most_streams: int | None = None
    """Most streams that were open at once."""
    stream_s: float | None = None
    """How long streams were open, all together, the lead included, as `cpu_s` does: each from its
    request until it was played, or, for greedy listeners, had arrived."""
    generator: GeneratorHealth
    ttfa_sound_typical_ms: float | None = None
    """Geometric mean to the first sounding chunk: it deviates less from window to window than any
    percentile, and versions are compared by it too."""
    handles_before: int | None = None
    """Descriptors and threads of the target's processes, when it was warm and idle."""
    handles_after: int | None = None
    """When it was idle again."""


class IntegrityCheck(Struct, frozen=True, kw_only=True):
    """Whether each listener got its own text, whole."""

    answers: int
    outside: int
    """Whose speech is not as long as its text."""
    compared: int = 0
    """Of these, with the same text spoken to a single listener."""
    differing: tuple[str, ...] = ()
    """One sentence each, with both texts."""


class BargeIn(Struct, frozen=True, kw_only=True):
    """What happens after a listener has hung up."""

    hang_ups: int
    failed: int = 0
    """Requests that were refused or failed, of those of a listener who hung up before."""
    stops_ms: tuple[float | None, ...] = ()
    """Until the target's processes worked no more for it, of each hang-up that was watched; None
    where they still did when nobody looked on any longer."""
    next_ttfas_ms: tuple[float, ...] = ()
    """To the first sounding chunk of the next answer of the same listener."""
    idle_ttfas_ms: tuple[float, ...] = ()
    """Of the same texts, in the same order, of a target that did nothing before."""
    stop_p50_ms: float | None = None
    stop_p95_ms: float | None = None
    wasted_s: float | None = None
    """CPU seconds after a hang-up, mean."""
    next_ttfa_ms: float | None = None
    """Median."""
    idle_ttfa_ms: float | None = None
    """Median."""
    handles_before: int | None = None
    """Descriptors and threads of the target's processes."""
    handles_after: int | None = None
    rss_before_bytes: int | None = None
    rss_after_bytes: int | None = None
    reason: str | None = None
    """Why what is None could not be measured."""


class LoadResult(Struct, frozen=True, kw_only=True):
    """A cell with many listeners, or of one who hangs up: its windows, and who made the load."""

    spec: LoadSpec
    seed: int
    windows: tuple[LoadWindow, ...]
    """Empty where a single listener hangs up: what followed is in `barge_in`."""
    null_rate: float | None = None
    """Requests a second that the generator has reached with a target that does nothing."""
    wanted_rate: float | None = None
    """Requests a second of the windows."""
    cpu_per_stream: float | None = None
    """Cores of the target's tree for each stream that is open."""
    rss_per_stream_mb: float | None = None
    """Above the idle target, in units of 10^6 bytes."""
    integrity: IntegrityCheck | None = None
    barge_in: BargeIn | None = None


class CapacityLevel(Struct, frozen=True, kw_only=True):
    """One step of a search: so many listeners, or requests a second."""

    level: float
    windows: tuple[LoadWindow, ...]
    """Those that count."""
    explored: tuple[LoadWindow, ...] = ()
    """Shorter ones, which only showed where to begin."""
    good: int
    """Windows that count and meet the limits."""
    outcome: Outcome
    """PASS: proven; FAIL: refuted; INCONCLUSIVE: neither."""
    reasons: tuple[str, ...] = ()
    """What the windows that are not good have missed, most frequent first."""


class Capacity(Struct, frozen=True, kw_only=True):
    """How many listeners at once, or requests a second, meet the limits."""

    unit: Literal["listeners", "requests/s"]
    limits: dict[str, float]
    confidence: float
    wanted: float | None = None
    """The one level that was in question; None where the highest was searched for."""
    proven: float | None = None
    """The highest level that was proven; those below it meet the limits as well. None for none."""
    refuted: float | None = None
    """The lowest level that was refuted; None for none."""
    levels: tuple[CapacityLevel, ...]
    reason: str
    """The answer in a sentence."""
    evidence: str | None = None
    """The windows that the proof rests on; None where nothing is proven."""
    stopped_because: str | None = None
    """Why the search ended before it found a level that fails; None where it did not."""
    null_rate: float | None = None
    """Requests a second that the generator has reached with a target that does nothing."""
    integrity: IntegrityCheck | None = None
    """Of the windows that were good."""
    void_because: str | None = None
    """Why nothing of it is to be believed; None where nothing speaks against it."""
