"""Barge-in: what a target does after its listener has hung up, and how soon it is there again.

People interrupt a voice all the time. A target that does not notice goes on for nobody, while the
next listener waits; so three things are measured, with a single listener:

- after a hang-up at a chunk that is drawn, the time until the work for that stream ends, and the
  CPU seconds that were wasted meanwhile (`hang_ups`);
- the first sound of a text that is asked for at once after a hang-up, beside the first sound of the
  same text of an idle target, in random order;
- descriptors, threads and memory before and after.

A hang-up is what a listener can do: a connection is closed, an iterator is closed, a program is
ended. The process of an imported engine is also the measuring side's, which turns chunks into
samples afterwards; what that costs after a whole answer counts as no work for a hang-up either.
"""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Sequence
from statistics import mean, median
from typing import NamedTuple

import numpy as np
import psutil
from msgspec import structs

from pytest_ttsperf.errors import MeasurementError
from pytest_ttsperf.experiment import cell
from pytest_ttsperf.experiment.plan import Progress, TargetFactory, Tell, start_of_texts
from pytest_ttsperf.experiment.trial import merge_tracers
from pytest_ttsperf.judge import limits
from pytest_ttsperf.judge.limits import Looks
from pytest_ttsperf.judge.statistics import quantiles
from pytest_ttsperf.load import cell as load_cell
from pytest_ttsperf.load.cell import LoadPlan, load_texts
from pytest_ttsperf.load.generator.parent import LoadGenerator, WindowRecord
from pytest_ttsperf.load.handles import count_handles
from pytest_ttsperf.load.hang_ups import (
    QUIET_NS,
    IdleLevel,
    find_stop,
    read_idle_level,
    spent_after,
)
from pytest_ttsperf.load.windows import trials_of
from pytest_ttsperf.measure.cpu_clock import CpuClock, CpuSampler
from pytest_ttsperf.measure.memory import UNREADABLE, tree
from pytest_ttsperf.metrics import definitions
from pytest_ttsperf.real import REAL
from pytest_ttsperf.records import (
    BargeIn,
    CellResult,
    LoadResult,
    LoadSpec,
    OfferedRequest,
    Outcome,
    Recording,
    Sample,
    TargetInfo,
    Threshold,
    Trace,
    Trial,
    TrialLoad,
    Verdict,
)

WATCHED = 60
"""Hang-ups whose end is watched: one more than prove a p95 at a single look."""
PAIRS = 20
"""Of the first sound after a hang-up and that of an idle target."""
FEWEST_PAIRS = 5
WHOLE_ANSWERS = 5
FIRST_HANG_UPS = 3
"""Not counted: what a target makes for its first ones it need not give back."""
LATEST_SHARE = 0.5
"""Of its chunks: an answer is hung up before, as later there is little left to be stopped."""
SETTLE_S = 1.0
IDLE_S = 2.0
MOST_WATCH_S = 20.0
"""Who goes on for so long does not stop at all."""
QUIET_TIMEOUT_S = 5.0
LOOK_S = 0.05
MOST_TRIES = 3
"""At a hang-up. An answer that is shorter than the others may end before it, and others follow."""
TTFA = "ttfa_sound_ms"
ALPHA_FAIL = 0.01


class WatchedHangUps(NamedTuple):
    """What followed the hang-ups, and what the target said of itself after them."""

    barge_in: BargeIn
    ready: TargetInfo


class Footprint(NamedTuple):
    """What a target's processes hold; None where the system does not say."""

    handles: int | None
    """Descriptors and threads."""
    rss_bytes: int | None


def measure_single_listener(
    source: TargetFactory,
    plan: LoadPlan,
    tell: Tell,
    *,
    looks: int = 1,
) -> CellResult:
    """The cell of a single listener who hangs up: it has no window and no trial.

    Arguments and errors are those of `watch_hang_ups`.
    """
    start_s = REAL.monotonic()
    watched = watch_hang_ups(source, plan, tell, looks=looks)
    result = CellResult(
        cell=load_cell.identity_of(source, watched.ready, plan),
        fingerprint=cell.fingerprint_of(watched.ready),
        declared_trials=0,
        trials=(),
        ready=watched.ready,
        notes=tuple(cell.warning_notes(watched.ready)),
        duration_s=REAL.monotonic() - start_s,
        texts_from=start_of_texts(plan.plan),
        load=LoadResult(spec=plan.load, seed=plan.seed, windows=(), barge_in=watched.barge_in),
    )
    return load_cell.derive(result)


def watch_hang_ups(
    source: TargetFactory,
    plan: LoadPlan,
    tell: Tell,
    *,
    looks: int = 1,
) -> WatchedHangUps:
    """Hang up many times, and see what follows; the target is opened for it, and closed.

    There are as many as can prove a p95, also where it is looked at several times (`looks`), as
    announced reruns do.

    MeasurementError for answers that come whole, which nobody can interrupt. TargetError where it
    does not open, or dies.
    """
    if plan.plan.mode != "stream":
        raise MeasurementError(
            f"{plan.plan.test}: found answers that come whole, wanted chunks, within which a "
            "listener can hang up; measure perf.stream, or leave out @barge_in"
        )
    load = LoadSpec(listeners=1, pace="greedy", hangs_up=True)
    watched = _hang_ups_to_watch(looks)
    tell(Progress(plan.plan, 0, watched, None))
    with LoadGenerator(source, load, plan.plan.mode) as generator:
        ready = generator.open()
        run = _BargeInRun(generator, plan, tell, watched)
        run.prepare()
        run.run_steps()
        found = run.result(ready)
        inspected = generator.inspect()
    ready = structs.replace(
        ready,
        placement=inspected.placement,
        tracers=merge_tracers(ready.tracers, inspected.tracers),
    )
    return WatchedHangUps(found, ready)


def _hang_ups_to_watch(looks: int) -> int:
    if looks == 1:
        return WATCHED
    alpha = Looks(announced=looks).alpha
    return 1 + quantiles.trials_to_prove(quantiles.PERCENTILES["p95"], alpha=alpha)


class _BargeInRun:
    """A target while its listener hangs up, again and again."""

    def __init__(
        self,
        generator: LoadGenerator,
        plan: LoadPlan,
        tell: Tell,
        watched: int,
    ) -> None:
        self._generator = generator
        self._plan = plan
        self._tell = tell
        self._watched = watched
        self._steps_a_pair = max(1, watched // PAIRS)
        self._random = random.Random(plan.seed)  # noqa: S311  (which chunk, no secret)
        self._texts = itertools.cycle(load_texts(plan.plan))
        self._clock: CpuClock | None = None
        if generator.target_pids:
            self._clock = CpuClock(generator.target_pids)
        self._idle: IdleLevel | None = None
        self._before = Footprint(None, None)
        self._last_chunk = 1
        self._answer_s = 0.0
        self._is_quiet = False
        """Whether nothing was asked for since the target was seen to be quiet."""
        self._hang_ups = 0
        self._failed = 0
        self._stops_ms: list[float | None] = []
        self._wasted_s: list[float] = []
        self._next_ttfas_ms: list[float] = []
        self._idle_ttfas_ms: list[float] = []

    def prepare(self) -> None:
        """Whole answers, which say when to hang up; a few hang-ups; then the idle target."""
        whole = [self._generator.record(next(self._texts)) for _ in range(WHOLE_ANSWERS)]
        self._answer_s = median(map(_seconds, whole))
        chunks = median(len(recording.arrivals_ns) for recording in whole)
        self._last_chunk = max(1, int(LATEST_SHARE * chunks))
        for _ in range(FIRST_HANG_UPS):
            self._hang_up(next(self._texts))
        self._hang_ups = 0
        REAL.sleep(SETTLE_S)
        if self._clock is None:
            return
        self._idle = self._read_idle(self._clock)
        self._before = read_footprint(self._generator.target_pids)

    def _read_idle(self, clock: CpuClock) -> IdleLevel:
        """What the target does while nobody listens, and beyond that after whole answers."""
        with CpuSampler(clock) as sampler:
            REAL.sleep(IDLE_S)
        idle = read_idle_level(sampler.series(), clock.resolution_ns)
        spent_ns = []
        for _ in range(WHOLE_ANSWERS):
            with CpuSampler(clock) as sampler:
                record = self._run_window([self._request(next(self._texts))])
                REAL.sleep(2 * QUIET_NS / 1e9)
            end_ns = record.requests[-1].load.end_ns
            if end_ns is not None:
                spent_ns.append(spent_after(sampler.series(), end_ns, idle))
        return idle._replace(after_answer_ns=max(spent_ns, default=0.0))

    def run_steps(self) -> None:
        """All hang-ups that are watched, and the pairs of answers, spread between them."""
        begun_s = REAL.monotonic()
        for done in range(self._watched):
            left_s = self._expected_s()
            if done:
                left_s = (REAL.monotonic() - begun_s) / done * (self._watched - done)
            self._tell(Progress(self._plan.plan, done, self._watched, left_s))
            if self._idle is not None and not self._idle.is_busy:
                self._watch_hang_up()
            if done % self._steps_a_pair == 0:
                self._measure_pair(next(self._texts))
        self._tell(Progress(self._plan.plan, self._watched, self._watched, 0.0))

    def _expected_s(self) -> float:
        """About how long all steps take of a target that stops at once."""
        hang_up_s = LATEST_SHARE / 2 * self._answer_s
        quiet_s = QUIET_NS / 1e9 + LOOK_S
        pair_s = hang_up_s + 2 * self._answer_s + 3 * quiet_s
        pairs = math.ceil(self._watched / self._steps_a_pair)
        return self._watched * (hang_up_s + quiet_s) + pairs * pair_s

    def _watch_hang_up(self) -> None:
        """Hang up, and look on until the work for it has ended."""
        assert self._clock is not None
        assert self._idle is not None
        for _ in range(MOST_TRIES):
            with CpuSampler(self._clock) as sampler:
                load = self._hang_up(next(self._texts))
                if load.ended == "hung_up":
                    self._look_on(sampler, self._idle, load)
            if load.ended != "answered":
                return
            self._wait_quiet()

    def _look_on(self, sampler: CpuSampler, idle: IdleLevel, hung_up: TrialLoad) -> None:
        """See when the work for it ends, or that it goes on for as long as anybody would look."""
        assert hung_up.end_ns is not None
        stop = None
        end_s = REAL.monotonic() + MOST_WATCH_S
        while stop is None and REAL.monotonic() < end_s:
            REAL.sleep(LOOK_S)
            stop = find_stop(sampler.series(), hung_up.end_ns, idle)
        if stop is None:
            self._stops_ms.append(None)
            return
        self._is_quiet = True
        self._stops_ms.append(stop.after_ns / 1e6)
        self._wasted_s.append(stop.cpu_ns / 1e9)

    def _measure_pair(self, text: str) -> None:
        """The first sound of a text after a hang-up, and of the idle target, in random order."""
        next_ms = idle_ms = None
        for is_next in self._random.sample([True, False], 2):
            self._wait_quiet()
            if is_next:
                next_ms = self._ask_next(text)
            else:
                idle_ms = self._ask_idle(text)
        self._wait_quiet()
        if next_ms is not None and idle_ms is not None:
            self._next_ttfas_ms.append(next_ms)
            self._idle_ttfas_ms.append(idle_ms)

    def _hang_up(self, text: str) -> TrialLoad:
        """Ask for a text and hang up, unless its answer ends before; which it was."""
        record = self._run_window([self._request(text, is_cut=True)])
        return record.requests[0].load

    def _ask_next(self, text: str) -> float | None:
        """Hang up another text and ask for this one at once: its first sound, in ms.

        None where no hang-up came in time, or the answer did not come.
        """
        for _ in range(MOST_TRIES):
            cut = self._request(next(self._texts), is_cut=True)
            record = self._run_window([cut, self._request(text, index=1)])
            if record.requests[0].load.ended != "answered":
                return _first_sound_ms(record, index=1)
            self._wait_quiet()
        return None

    def _ask_idle(self, text: str) -> float | None:
        """Ask for a text, and for nothing else: its first sound, in ms."""
        record = self._run_window([self._request(text)])
        return _first_sound_ms(record, index=0)

    def _request(self, text: str, *, index: int = 0, is_cut: bool = False) -> OfferedRequest:
        return OfferedRequest(
            index=index,
            listener=0,
            text=text,
            at_ns=0 if index == 0 else None,
            hang_up_after=self._random.randint(1, self._last_chunk) if is_cut else None,
        )

    def _run_window(self, requests: Sequence[OfferedRequest]) -> WindowRecord:
        """Send them one after the other, each once, and count how they end.

        Nothing is left out as it comes late: on a busy machine a hang-up may take as long as a
        whole answer does otherwise.
        """
        self._is_quiet = False
        record = self._generator.run_window(
            Trace(
                seed=self._plan.seed,
                lead_s=0.0,
                counted_s=0.0,
                requests=tuple(requests),
                is_repeated=False,
            ),
            _tell_nobody,
        )
        for request in record.requests:
            self._hang_ups += request.load.ended == "hung_up"
            self._failed += request.load.ended in ("refused", "failed")
        return record

    def _wait_quiet(self) -> None:
        """Until the target does no more than an idle one; some never come to that."""
        if self._is_quiet or self._clock is None or self._idle is None:
            return
        begun_ns = REAL.perf_counter_ns()
        end_s = REAL.monotonic() + QUIET_TIMEOUT_S
        with CpuSampler(self._clock) as sampler:
            while REAL.monotonic() < end_s:
                REAL.sleep(LOOK_S)
                if find_stop(sampler.series(), begun_ns, self._idle) is not None:
                    self._is_quiet = True
                    return

    def result(self, ready: TargetInfo) -> BargeIn:
        """All figures; what the target holds is read now."""
        after = Footprint(None, None)
        if self._clock is not None:
            after = read_footprint(self._generator.target_pids)
        raw = BargeIn(
            hang_ups=self._hang_ups,
            failed=self._failed,
            stops_ms=tuple(self._stops_ms),
            wasted_s=mean(self._wasted_s) if self._wasted_s else None,
            next_ttfas_ms=tuple(self._next_ttfas_ms),
            idle_ttfas_ms=tuple(self._idle_ttfas_ms),
            handles_before=self._before.handles,
            handles_after=after.handles,
            rss_before_bytes=self._before.rss_bytes,
            rss_after_bytes=after.rss_bytes,
            reason=self._reason(ready),
        )
        return summarise(raw)

    def _reason(self, ready: TargetInfo) -> str | None:
        """Why the end of its work was not seen, or only roughly."""
        if self._clock is None or self._idle is None:
            return ready.pid_missing_because or "the target has no process tree that can be read"
        if self._idle.is_busy:
            return (
                f"the target uses {100 * self._idle.share:.0f} % of a core when nobody listens, so "
                "the end of other work is not to be seen"
            )
        if not self._clock.is_fine:
            return "this system counts CPU time in ticks of 10 ms: stops are no finer"
        return None


def _tell_nobody(_: float) -> None:
    """A window of one or two texts is over soon."""


def _seconds(recording: Recording) -> float:
    return (recording.end_ns - recording.request_ns) / 1e9


def _first_sound_ms(record: WindowRecord, *, index: int) -> float | None:
    """Of the request that is so many-th; None where it was not answered."""
    trial = trials_of(record, 0)[index]
    if trial.load is None or trial.load.ended != "answered":
        return None
    return _ttfa_ms(trial)


def _ttfa_ms(trial: Trial) -> float | None:
    """None for an answer without sound."""
    (value,) = definitions.sample(TTFA, [trial], kind=trial.kind).values
    return value


def read_footprint(pids: Sequence[int]) -> Footprint:
    """What these process trees hold now."""
    return Footprint(count_handles(pids), _rss_bytes(pids))


def _rss_bytes(pids: Sequence[int]) -> int | None:
    total = 0
    try:
        for top in pids:
            for pid in tree(top):
                total += psutil.Process(pid).memory_info().rss
    except UNREADABLE:
        return None
    return total


def summarise(raw: BargeIn) -> BargeIn:
    """The same with its percentiles and medians.

    Percentiles of stops are order statistics, the one above; None where they fall on a hang-up
    whose work did not end.
    """
    return structs.replace(
        raw,
        stop_p50_ms=_percentile(raw.stops_ms, 50),
        stop_p95_ms=_percentile(raw.stops_ms, 95),
        next_ttfa_ms=median(raw.next_ttfas_ms) if raw.next_ttfas_ms else None,
        idle_ttfa_ms=median(raw.idle_ttfas_ms) if raw.idle_ttfas_ms else None,
    )


def _percentile(values: Sequence[float | None], percent: float) -> float | None:
    if not values:
        return None
    padded = [np.inf if value is None else value for value in values]
    found = float(np.percentile(padded, percent, method="higher"))
    return found if np.isfinite(found) else None


# Limits


def judge_limit(result: CellResult, limit: Threshold) -> Verdict:
    """Judge one limit of `@barge_in` of a cell, over all attempts at it."""
    barge_in = None if result.load is None else result.load.barge_in
    looks = Looks(announced=result.looks, earlier=result.earlier_looks)
    return judge(barge_in, limit, looks)


def judge(
    barge_in: BargeIn | None,
    limit: Threshold,
    looks: Looks = limits.ONE_LOOK,
) -> Verdict:
    """Judge one limit of `@barge_in`; what could not be measured fails it."""
    if barge_in is None:
        return limits.judge_value(limit, None, "nobody hung up")
    if limit.keyword == "next_ttfa":
        return _judge_next(barge_in, limit, looks)
    if not barge_in.stops_ms:
        return limits.judge_value(limit, None, barge_in.reason or "no answer was hung up in time")
    sample = Sample(metric=limit.metric, values=barge_in.stops_ms)
    return limits.judge(limit, sample, len(barge_in.stops_ms), looks)


def _judge_next(barge_in: BargeIn, limit: Threshold, looks: Looks) -> Verdict:
    """How much later the first sound is after a hang-up, by pairs of the same text.

    The mean of the logs of their ratios, by Student's t: PASS when its upper 95 % bound is within
    the limit, FAIL when its lower bound, at an error of .01, is beyond it. Where reruns are
    announced, the looks share the error of a PASS.
    """
    pairs = len(barge_in.next_ttfas_ms)
    if barge_in.failed:
        text = f"{barge_in.failed} requests failed while a listener hung up; wanted an answer"
        return limits.new_verdict(limit, Outcome.FAIL, text, n=pairs)
    if pairs < FEWEST_PAIRS:
        why = f"{pairs} answers followed a hang-up, wanted {FEWEST_PAIRS}"
        return limits.judge_value(limit, None, why)
    ratio = _ratio_of(barge_in)
    wanted = np.log1p(limit.limit)
    outcome = Outcome.INCONCLUSIVE
    bound = ratio.upper(looks.alpha)
    if bound <= wanted:
        outcome = Outcome.PASS
    elif ratio.lower(ALPHA_FAIL) > wanted:
        outcome = Outcome.FAIL
        bound = ratio.lower(ALPHA_FAIL)
    change = float(np.expm1(ratio.mean))
    sure = ""
    if np.isfinite(bound):
        side = "at least" if outcome is Outcome.FAIL else "at most"
        sure = f"surely {side} {100 * np.expm1(bound):+.0f} %, "
    text = (
        f"the first sound after a hang-up comes after {barge_in.next_ttfa_ms:.3g} ms, that of an "
        f"idle target after {barge_in.idle_ttfa_ms:.3g} ms ({100 * change:+.0f} %, {sure}"
        f"{pairs} pairs), limit {100 * limit.limit:+g} %"
    )
    if outcome is Outcome.INCONCLUSIVE and looks.alpha <= 0:
        text += limits.NO_LOOK_LEFT
    return limits.new_verdict(
        limit,
        outcome,
        text,
        value=change,
        bound=float(np.expm1(bound)) if np.isfinite(bound) else None,
        n=pairs,
    )


class _Ratio(NamedTuple):
    """The mean of logs of ratios, with its standard error."""

    mean: float
    error: float
    pairs: int

    def upper(self, alpha: float) -> float:
        """It is at most this, with an error of alpha."""
        return self.mean + self._reach(alpha)

    def lower(self, alpha: float) -> float:
        """It is at least this, with an error of alpha."""
        return self.mean - self._reach(alpha)

    def _reach(self, alpha: float) -> float:
        from scipy import special

        if alpha <= 0:
            return float(np.inf)
        return -float(special.stdtrit(self.pairs - 1, alpha)) * self.error


def _ratio_of(barge_in: BargeIn) -> _Ratio:
    next_ms = np.array(barge_in.next_ttfas_ms)
    idle_ms = np.array(barge_in.idle_ttfas_ms)
    logs = np.log(next_ms / idle_ms)
    error = float(logs.std(ddof=1)) / float(np.sqrt(logs.size))
    return _Ratio(float(logs.mean()), error, int(logs.size))
