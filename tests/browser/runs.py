"""Runs to be shown: of scripted trials, derived and judged by the product's own code.

What the page says of them is therefore what it would say of a real run, in the same words.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from msgspec import structs

from pytest_ttsperf.experiment import cell as cell_run
from pytest_ttsperf.experiment.trial import to_trial
from pytest_ttsperf.measure.schedule import ScheduledTrial
from pytest_ttsperf.records import (
    Arms,
    Attribution,
    Block,
    Capacity,
    CapacityLevel,
    Cell,
    CellResult,
    ChangeVerdict,
    ComparedMetric,
    Comparison,
    Environment,
    LoadResult,
    LoadSpec,
    Machine,
    Outcome,
    Recording,
    Run,
    Span,
    StageChange,
    SystemLoad,
    TargetInfo,
    Threshold,
    Trial,
    Usage,
    Verdict,
)
from tests.unit.load import factories

MS = 1_000_000
TTFA = Threshold(marker="ttfa", keyword="p95_ms", metric="ttfa_ms", statistic="p95", limit=500.0)
UNDERRUNS = Threshold(
    marker="cadence", keyword="underruns", metric="underruns", statistic="max", limit=0.0
)
RANGE = Threshold(
    marker="memory", keyword="rss_range_mb", metric="rss_range_mb", statistic="value", limit=300.0
)
PLACEMENT = {
    "requested": "cpu",
    "provider": "CPUExecutionProvider",
    "nodes": {"CPUExecutionProvider": 505},
}
QUIET_LOAD = SystemLoad(load_1m=0.2, steal_share=0.0, swap_used_share=0.0, governor=None)
ENVIRONMENT = Environment(
    machine=Machine(
        cpu_model="x",
        cores=2,
        affinity=2,
        memory_gib=32,
        system="Linux",
        architecture="x86_64",
        python="3.11",
    ),
    machine_load_before=QUIET_LOAD,
    machine_load_after=None,
    git=None,
    plugin_version="0",
    pytest_version="9",
    arguments=("-m", "perf"),
)
STAGES_MS = {"text": 2.0, "phonemes": 6.0}
"""Before synthesis, which takes the rest."""
SLOWEST_TEST = "tests/perf/test_replies.py::test_long_reply[cpu]"


@dataclass(frozen=True, slots=True)
class ScriptedRun:
    """A run, and the samples of those of its trials whose sound was saved."""

    run: Run
    sounds: Mapping[Cell, Mapping[int, Recording]] = field(default_factory=dict)
    """By cell, and by the index of the trial."""

    def without_sound(self) -> ScriptedRun:
        """The same run, of which no sound was saved."""
        return replace(self, sounds={})


@dataclass(frozen=True, slots=True)
class ScriptedCell:
    """A cell, and the recordings of its trials with their samples."""

    result: CellResult
    recordings: Mapping[int, Recording]


def failing_run() -> ScriptedRun:
    """A cell that starts too late and stalls, against an older version; one in doubt; two good."""
    slow = _slow_cell(SLOWEST_TEST)
    quick = _quick_cell("tests/perf/test_replies.py::test_short_reply[cpu]")
    other = _quick_cell("tests/perf/test_greetings.py::test_greeting[cpu]")
    doubtful = _measured_cell(
        "tests/perf/test_replies.py::test_rare_reply[cpu]", _quick_ttfas(8), (TTFA,)
    )
    compared = structs.replace(slow.result, comparison=_comparison(slow.result, quick.result))
    results = (quick.result, doubtful.result, other.result, compared)
    return ScriptedRun(_run_of(results), {compared.cell: slow.recordings})


def passing_run() -> ScriptedRun:
    """Two cells, both good."""
    names = ("test_short_reply[cpu]", "test_greeting[cpu]")
    cells = [_quick_cell(f"tests/perf/test_replies.py::{name}") for name in names]
    return ScriptedRun(_run_of([each.result for each in cells]))


def empty_run() -> ScriptedRun:
    """Ended before anything was measured."""
    run = _run_of([])
    return ScriptedRun(structs.replace(run, finished=False))


def hostile_run() -> ScriptedRun:
    """A failing cell whose test, texts and error are markup that would run a script."""
    name = 'tests/test_x.py::test_x[</script><img src="x" onerror="window.hacked=1">]'
    text = '</script><script>window.hacked = 1</script><b title="'
    slow = _slow_cell(name, text=text)
    failed = Trial(
        index=len(slow.result.trials), kind="trial", process=0, text=text, recording=None,
        error="<svg onload='window.hacked=1'>",
    )  # fmt: skip
    result = structs.replace(slow.result, trials=(*slow.result.trials, failed))
    judged = cell_run.judge(cell_run.derive(result))
    return ScriptedRun(_run_of([judged]), {judged.cell: slow.recordings})


def long_run(count: int) -> ScriptedRun:
    """So many cells, of which the last one measured is the only one that fails.

    Each of the others has instants of its own, so that no two are packed alike.
    """
    good = _quick_cell("tests/perf/test_replies.py::test_short_reply[cpu]").result
    slow = _slow_cell(SLOWEST_TEST)
    results = [_delay_cell(good, number) for number in range(count - 1)]
    return ScriptedRun(_run_of([*results, slow.result]), {slow.result.cell: slow.recordings})


def _delay_cell(result: CellResult, number: int) -> CellResult:
    """The same cell under another name, each of its trials later by up to 40 ms."""
    draw = random.Random(number)
    trials = [_delay(trial, round(draw.uniform(0.0, 40.0) * MS)) for trial in result.trials]
    delayed = structs.replace(
        result,
        cell=structs.replace(result.cell, test=f"{result.cell.test}[{number}]"),
        trials=tuple(trials),
        verdicts=(),
        notes=(),
    )
    return cell_run.judge(cell_run.derive(delayed))


def _delay(trial: Trial, delay_ns: int) -> Trial:
    """The same trial, whose first chunk took longer."""
    recording = trial.recording
    if recording is None:
        return trial
    delayed = structs.replace(
        recording,
        arrivals_ns=tuple(at_ns + delay_ns for at_ns in recording.arrivals_ns),
        end_ns=recording.end_ns + delay_ns,
    )
    return structs.replace(trial, recording=structs.replace(delayed, spans=tuple(_spans(delayed))))


def crowd_run() -> ScriptedRun:
    """A cell with eight listeners, and a search for how many there may be."""
    windows = [
        factories.window(
            index, ttfa_p95_ms=180.0 + 10 * index, longest_stall_ms=0.0, goodput=2.9,
            rtf_p95=0.3, cpu_s=9.0, rss_bytes=400 * 10**6,
        )
        for index in range(6)
    ]  # fmt: skip
    verdict = Verdict(
        subject="ttfa p95", outcome=Outcome.PASS, reason="6 of 6 windows are within 500 ms",
        metric="ttfa_ms", statistic="p95", value=205.0, bound=260.0, limit=500.0, unit="ms", n=6,
        threshold=TTFA,
    )  # fmt: skip
    crowd = CellResult(
        cell=_cell("tests/perf/test_crowd.py::test_eight[cpu]", load="8 listeners"),
        fingerprint="f",
        declared_trials=6,
        trials=(),
        ready=_ready(),
        thresholds=(TTFA,),
        verdicts=(verdict,),
        load=LoadResult(spec=LoadSpec(listeners=8), seed=1, windows=tuple(windows)),
    )
    return ScriptedRun(_run_of([crowd, _capacity_cell()]))


def _capacity_cell() -> CellResult:
    """At least six listeners; eight are too many."""
    levels = (
        _level(4, Outcome.PASS, ttfa_p95_ms=150.0),
        _level(6, Outcome.PASS, ttfa_p95_ms=320.0),
        _level(8, Outcome.FAIL, ttfa_p95_ms=900.0),
    )
    sentence = "at least 6 listeners, 95 % sure; 8 fails in 3 of 3 windows"
    threshold = Threshold(
        marker="capacity", keyword="min_listeners", metric="capacity", statistic="value",
        limit=6.0, is_least=True,
    )  # fmt: skip
    verdict = Verdict(
        subject=threshold.label, outcome=Outcome.PASS, reason=sentence, metric="capacity",
        value=6.0, limit=6.0, n=9, threshold=threshold,
    )  # fmt: skip
    return CellResult(
        cell=_cell("tests/perf/test_crowd.py::test_capacity[cpu]", load="capacity"),
        fingerprint="f",
        declared_trials=9,
        trials=(),
        ready=_ready(),
        thresholds=(threshold,),
        verdicts=(verdict,),
        capacity=Capacity(
            unit="listeners",
            limits={"ttfa_p95_ms": 500.0},
            confidence=0.95,
            proven=6.0,
            refuted=8.0,
            levels=levels,
            reason=sentence,
            evidence="59 of 59 requests in 3 windows",
        ),
    )


def _level(level: float, outcome: Outcome, *, ttfa_p95_ms: float) -> CapacityLevel:
    """Three windows that agree."""
    windows = tuple(
        factories.window(index, ttfa_p95_ms=ttfa_p95_ms + index, longest_stall_ms=0.0, goodput=2.0)
        for index in range(3)
    )
    is_good = outcome is Outcome.PASS
    return CapacityLevel(
        level=level,
        windows=windows,
        good=3 if is_good else 0,
        outcome=outcome,
        reasons=() if is_good else ("ttfa p95 is over 500 ms",),
    )


def _slow_cell(test: str, *, text: str = "Table") -> ScriptedCell:
    """Most first sounds come after 500 ms, and each answer stalls once."""
    ttfas_ms = [430.0 if index % 10 == 0 else 600.0 + 8 * (index * 7 % 11) for index in range(20)]
    return _measured_cell(test, ttfas_ms, (TTFA, UNDERRUNS), stall_ms=350.0, text=text)


def _quick_cell(test: str) -> ScriptedCell:
    """Enough trials for a 95th percentile, all well below its limit."""
    return _measured_cell(test, _quick_ttfas(60), (TTFA, UNDERRUNS, RANGE), speed=8)


def _quick_ttfas(count: int) -> list[float]:
    """Scattered, and without a trend."""
    return [70.0 + 3 * (index * 7 % 11) for index in range(count)]


def _measured_cell(
    test: str,
    ttfas_ms: Sequence[float],
    thresholds: tuple[Threshold, ...],
    *,
    stall_ms: float = 0.0,
    speed: int = 1,
    text: str = "Table",
) -> ScriptedCell:
    """A cell of as many trials as there are times to the first sound; one warm-up before them.

    Chunks come twice as fast as they play, times `speed`; the last one late by `stall_ms`.
    """
    begin_ns = 7_000 * MS
    recordings = {}
    trials = []
    for index, ttfa_ms in enumerate([ttfas_ms[0], *ttfas_ms]):
        line = f"{text} {index} by the window is ready for you and your guests."
        recording = _record(line, begin_ns, ttfa_ms, stall_ms, speed)
        step = ScheduledTrial(
            index=index, kind="trial" if index else "warmup", process=0, text=line
        )
        recordings[index] = recording
        trials.append(to_trial(step, recording, _usage(index)))
        begin_ns = recording.end_ns + 500 * MS
    result = CellResult(
        cell=_cell(test),
        fingerprint="f",
        declared_trials=len(ttfas_ms),
        trials=tuple(trials),
        ready=_ready(),
        idle=_usage(0),
        thresholds=thresholds,
    )
    return ScriptedCell(cell_run.judge(cell_run.derive(result)), recordings)


def _record(text: str, begin_ns: int, ttfa_ms: float, stall_ms: float, speed: int) -> Recording:
    """Babble in four chunks, with the stages that made them."""
    recording = factories.recording(
        factories.babble(text),
        request_ns=begin_ns,
        ttfa_ms=ttfa_ms,
        stall_ms=stall_ms,
    )
    first_ns = recording.arrivals_ns[0]
    arrivals_ns = [first_ns + (at_ns - first_ns) // speed for at_ns in recording.arrivals_ns]
    hastened = structs.replace(recording, arrivals_ns=tuple(arrivals_ns), end_ns=arrivals_ns[-1])
    return structs.replace(hastened, spans=tuple(_spans(hastened)))


def _spans(recording: Recording) -> Iterable[Span]:
    """One stage after the other, without a pause between them."""
    start_ns = recording.request_ns
    for stage, length_ms in STAGES_MS.items():
        end_ns = start_ns + round(length_ms * MS)
        yield Span(stage=stage, start_ns=start_ns, end_ns=end_ns)
        start_ns = end_ns
    for chunk, arrival_ns in enumerate(recording.arrivals_ns):
        yield Span(stage="synthesize", chunk=chunk, start_ns=start_ns, end_ns=arrival_ns)
        start_ns = arrival_ns


def _usage(index: int) -> Usage:
    """Memory that goes up and down a little."""
    rss_bytes = (400 + index % 4) * 10**6
    return Usage(
        rss_bytes=rss_bytes,
        rss_peak_bytes=rss_bytes + 20 * 10**6,
        uss_bytes=rss_bytes - 60 * 10**6,
        cpu_s=0.3,
    )


def _ready() -> TargetInfo:
    """A target that says where it runs."""
    return TargetInfo(pid=1, sample_rate=factories.RATE, placement=PLACEMENT)


def _cell(test: str, *, load: str | None = None) -> Cell:
    """A cell of a text of the test's own."""
    return Cell(
        test=test, target="engine:Engine", provider="cpu", voice="heart",
        preset="table-by-the-0f3a", mode="stream", phase="warm", load=load,
    )  # fmt: skip


def _comparison(new: CellResult, old: CellResult) -> Comparison:
    """Six blocks, in each of which the new version begins a fifth later than the old one.

    A trial of each cell stands for what is typical of its version.
    """
    gate = ComparedMetric(
        label="ttfa p50", metric="ttfa_sound_ms", statistic="p50", unit="ms", margin=0.05
    )
    attribution = Attribution(
        total_ms=105.0,
        stages=(
            StageChange(stage="synthesize", ms=104.0, low_ms=98.0, high_ms=110.0, share=0.99),
            StageChange(stage="phonemes", ms=1.0, low_ms=-0.5, high_ms=2.5, share=0.01),
        ),
        explained_alone="synthesize",
        explained_by=("synthesize",),
        explained_share=0.99,
    )
    change = ChangeVerdict(
        outcome=Outcome.FAIL,
        reason="20 % slower (18 to 22 %), more than the margin of 5 %",
        statistic="p50",
        scale="ratio",
        unit="ms",
        margin=0.05,
        look="end",
        blocks=6,
        left_out=0,
        effect=0.2,
        low=0.18,
        high=0.22,
        control_effect=0.002,
        confirmed=True,
        attribution=attribution,
    )
    return Comparison(
        against="main",
        revision="0123456789abcdef0123456789abcdef01234567",
        blocks=6,
        seconds=95.0,
        outcome=Outcome.FAIL,
        gates=(gate,),
        changes=(change,),
        measured={gate.metric: tuple(_block(number) for number in range(6))},
        typical={"baseline": old.counted[0], "candidate": new.counted[0]},
    )


def _block(number: int) -> Block:
    """Ten texts, in four processes."""
    old = tuple(500.0 + 4 * ((number + text) % 5) for text in range(10))
    again = tuple(value * 1.002 for value in old)
    new = tuple(value * 1.2 for value in old)
    return Block(
        metric=Arms(baseline=old, control=again, candidate=new, candidate_control=new),
    )


def _run_of(results: Iterable[CellResult]) -> Run:
    """A finished run of a quiet machine."""
    return Run(
        id="2026-11-30_101959",
        started="2026-11-30T10:19:59+00:00",
        finished=True,
        environment=ENVIRONMENT,
        cells=tuple(results),
    )
