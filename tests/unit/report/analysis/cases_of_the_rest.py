"""Rules about spread, memory, long runs, many listeners, changes, and what to believe."""

from __future__ import annotations

from typing import Any

from msgspec import structs

from pytest_ttsperf.records import (
    Attribution,
    CellResult,
    ChangeVerdict,
    ComparedMetric,
    Comparison,
    Drift,
    LeakSlope,
    Memory,
    NodeComparison,
    Outcome,
    SoakResult,
    SoakSlice,
    SoakSpec,
    StageChange,
    Threshold,
    TrustNote,
)
from pytest_ttsperf.report.analysis import (
    change,
    crowd_waiting,
    long_run,
    memory_growth,
    spread,
    trust,
)
from tests.unit.report.analysis.cases import RuleCase, seen
from tests.unit.report.factories import (
    FAILED,
    HANDLES,
    MACHINE,
    PASSED,
    QUIET,
    RSS_PEAK,
    RSS_RANGE,
    by_metric,
    crowd_result,
    figures,
    recording,
    result,
    trial,
    trials,
    usage,
    verdict,
    window,
)

# Spread

TAIL = result(
    summary=by_metric(figures("ttfa_ms", 40.0, 700.0)),
    verdicts=(verdict(Outcome.FAIL, 700.0, exceeding=6),),
)
SLOW_TAIL = RuleCase(
    rule=spread.slow_tail,
    loud=seen(TAIL),
    words=("p50 is 40.0 ms", "p95 700 ms", "limit 500 ms", "6 of 59"),
    silent={
        "the median is slow as well": seen(
            structs.replace(TAIL, summary=by_metric(figures("ttfa_ms", 450.0, 700.0)))
        ),
        "it passes": seen(structs.replace(TAIL, verdicts=(PASSED,))),
        "nothing was measured": seen(structs.replace(TAIL, summary={})),
        "it is a crowd": seen(crowd_result(window(), verdicts=TAIL.verdicts, summary=TAIL.summary)),
    },
    advice="a slow trial with a median one",
)


def spread_over_processes(*medians_ms: float) -> CellResult:
    """Four trials in each process."""
    found = []
    for process, at_ms in enumerate(medians_ms):
        for place in range(4):
            recorded = recording([(at_ms, 500.0)])
            found.append(trial(4 * process + place, recorded, process=process))
    return result(trials=tuple(found), verdicts=(FAILED,))


ONE_PROCESS = RuleCase(
    rule=spread.one_process,
    loud=seen(spread_over_processes(40.0, 39.0, 61.0)),
    words=("61.0 ms in process 2", "39.5 ms in the other 2"),
    silent={
        "they are alike": seen(spread_over_processes(40.0, 39.0, 41.0)),
        "there is but one": seen(spread_over_processes(61.0)),
        "it passes": seen(
            structs.replace(spread_over_processes(40.0, 39.0, 61.0), verdicts=(PASSED,))
        ),
    },
    advice="--ttsperf-processes",
)
BUSY = structs.replace(QUIET, others_cores=1.2, steal_share=0.05)
BUSY_MACHINE = RuleCase(
    rule=spread.busy_machine,
    loud=seen(result(machine_load=BUSY, verdicts=(FAILED,))),
    words=("1.2 of 4 cores", "5%"),
    silent={
        "it is quiet": seen(result(verdicts=(FAILED,))),
        "it passes all the same": seen(result(machine_load=BUSY, verdicts=(PASSED,))),
        "nobody looked": seen(result(machine_load=None, verdicts=(FAILED,))),
    },
    advice="ttsperf doctor",
)
HELD_BACK = structs.replace(QUIET, quota_wait_s=0.5)
CPU_QUOTA = RuleCase(
    rule=spread.cpu_quota,
    loud=seen(
        result(machine_load=HELD_BACK, verdicts=(FAILED,)),
        machine=structs.replace(MACHINE, cpu_quota=1.5),
    ),
    words=("0.5 s of 10 s", "5.0%", "1.5 cores", "has 4"),
    silent={
        "there is no quota": seen(result(verdicts=(FAILED,))),
        "it passes": seen(result(machine_load=HELD_BACK, verdicts=(PASSED,))),
        "it hardly ever waits": seen(
            result(machine_load=structs.replace(QUIET, quota_wait_s=0.001), verdicts=(FAILED,))
        ),
    },
    advice="whole cores",
)
OPEN = verdict(Outcome.INCONCLUSIVE, 48.2, n=19, trials_needed=40)
TOO_FEW_TRIALS = RuleCase(
    rule=spread.too_few_trials,
    loud=seen(result(verdicts=(OPEN, PASSED))),
    words=("19 trials", "40 more would prove"),
    silent={
        "it is decided": seen(result(verdicts=(PASSED,))),
        "more would not help": seen(result(verdicts=(structs.replace(OPEN, trials_needed=None),))),
    },
    advice="--ttsperf-trials=59",
)


# Memory


def grown(*rss_mb: float, **more: Any) -> CellResult:
    found = tuple(trial(place, usage=usage(rss)) for place, rss in enumerate(rss_mb))
    memory = Memory(
        rss_baseline_mb=90.0, rss_peak_mb=max(rss_mb), rss_range_mb=max(rss_mb) - min(rss_mb)
    )
    return structs.replace(
        result(
            trials=found,
            memory=memory,
            verdicts=(verdict(Outcome.FAIL, memory.rss_range_mb, RSS_RANGE),),
        ),
        **more,
    )


SLOPE = LeakSlope(mb_per_1000=2.5, low=2.0, high=3.0, readings=50)


def growing(*by_mb: float) -> CellResult:
    """Four readings at each step above 100 MB, within no limit."""
    rss_mb = [100.0 + step_mb for step_mb in by_mb for _ in range(4)]
    found = grown(*rss_mb, verdicts=())
    return structs.replace(found, memory=structs.replace(found.memory, leak=SLOPE))


LEAK = RuleCase(
    rule=memory_growth.leak,
    loud=seen(result(memory=Memory(rss_range_mb=1.2, leak=SLOPE))),
    words=("+2.50 MB for each 1000", "+2.00 to +3.00", "50 readings"),
    silent={
        "it may be nothing": seen(
            result(memory=Memory(rss_range_mb=1.2, leak=structs.replace(SLOPE, low=-0.1)))
        ),
        "it is next to nothing": seen(
            result(
                memory=Memory(
                    rss_range_mb=1.2,
                    leak=LeakSlope(mb_per_1000=0.2, low=0.1, high=0.3, readings=50),
                )
            )
        ),
        "few trials moved it by kilobytes": seen(
            result(memory=Memory(rss_range_mb=0.09, leak=SLOPE))
        ),
        "caches still fill": seen(
            result(memory=Memory(rss_peak_mb=124.0, rss_range_mb=3.5, leak=SLOPE))
        ),
        "it grows less and less": seen(growing(5.0, 15.0, 20.0, 22.0, 22.5, 22.5, 22.8, 23.0)),
        "nothing was measured": seen(result()),
    },
    advice="@soak",
)
STEP = grown(100.0, 100.0, 101.0, 100.0, 100.0, 310.0, 311.0)
MEMORY_STEP = RuleCase(
    rule=memory_growth.memory_step,
    loud=seen(STEP),
    words=("+210 MB between trials 4 and 5", "211 MB"),
    silent={
        "it rises little by little": seen(grown(100.0, 140.0, 180.0, 220.0, 260.0, 300.0)),
        "it passes": seen(
            structs.replace(STEP, verdicts=(verdict(Outcome.PASS, 40.0, RSS_RANGE),))
        ),
        "it is a leak": seen(
            structs.replace(STEP, memory=structs.replace(STEP.memory, leak=SLOPE))
        ),
        "nothing was read": seen(structs.replace(STEP, trials=trials(7))),
    },
    advice="arena",
)
LARGE = result(
    memory=Memory(rss_baseline_mb=900.0, rss_peak_mb=1000.0),
    verdicts=(verdict(Outcome.FAIL, 1000.0, RSS_PEAK),),
)
LARGE_FROM_THE_START = RuleCase(
    rule=memory_growth.large_from_the_start,
    loud=seen(LARGE),
    words=("900 MB", "1000 MB", "90%"),
    silent={
        "it grows later": seen(
            structs.replace(LARGE, memory=Memory(rss_baseline_mb=300.0, rss_peak_mb=1000.0))
        ),
        "it passes": seen(
            structs.replace(LARGE, verdicts=(verdict(Outcome.PASS, 700.0, RSS_PEAK),))
        ),
        "nothing was measured": seen(structs.replace(LARGE, memory=Memory(reason="inline"))),
    },
    advice="quantised",
)


# A long run

SLOWER = Drift(metric="ttfa", per_20_min=0.12, low=0.08, high=0.16, slices=6, minutes=21.0)
STEADY = Drift(metric="null", per_20_min=0.0, low=-0.01, high=0.01, slices=6, minutes=21.0)
HARDLY = structs.replace(STEADY, per_20_min=0.005, low=0.002, high=0.008)
"""A null target that surely drifts, and by next to nothing."""
DRIFT_LIMIT = Threshold(
    marker="soak", keyword="drift", metric="drift", statistic="value", limit=0.05
)


def soaked(**more: Any) -> CellResult:
    slices = (SoakSlice(
        index=0, session=0, seconds=60.0, requests=500, failed=0, audio_s=900.0, underruns=0,
        ttfa_ms=40.0, rtf=0.01, null_ms=1.0,
    ),)  # fmt: skip
    soak = SoakResult(spec=SoakSpec(minutes=20), slices=slices, **more)
    return result(soak=soak, verdicts=(verdict(Outcome.FAIL, 40.0, HANDLES),))


DRIFT = RuleCase(
    rule=long_run.drift,
    loud=seen(soaked(drifts=(SLOWER,), null_drift=STEADY)),
    words=("ttfa +12.0 %", "21 min", "6 slices", "+0.0 %"),
    silent={
        "it may be nothing": seen(soaked(drifts=(structs.replace(SLOWER, low=0.01),))),
        "the machine drifts as well": seen(
            soaked(drifts=(SLOWER,), null_drift=structs.replace(STEADY, low=0.03, high=0.07))
        ),
        "the machine may account for it": seen(
            soaked(drifts=(SLOWER,), null_drift=structs.replace(STEADY, high=0.05))
        ),
        "it is no soak": seen(result()),
    },
    advice="grows with its age",
)
DRIFT_BESIDE_LITTLE = RuleCase(
    rule=long_run.drift,
    loud=seen(soaked(drifts=(SLOWER,), null_drift=HARDLY)),
    words=("ttfa +12.0 %", "the null target: +0.5 %"),
    silent={},
)
DRIFT_WITHOUT_WITNESS = RuleCase(
    rule=long_run.drift,
    loud=seen(soaked(drifts=(SLOWER,))),
    words=("ttfa +12.0 %", "nothing is known of the machine"),
    silent={},
)
MACHINE_DRIFT = RuleCase(
    rule=long_run.machine_drift,
    loud=seen(soaked(null_drift=structs.replace(STEADY, per_20_min=0.05, low=0.03, high=0.07))),
    words=("+5.0 %", "21 min"),
    silent={
        "it is steady": seen(soaked(null_drift=STEADY)),
        "it drifts by next to nothing": seen(soaked(null_drift=HARDLY)),
        "there was no null target": seen(soaked()),
        "it is no soak": seen(result()),
    },
    advice="cool",
)
LEAK_OF_SOAK = RuleCase(
    rule=memory_growth.leak,
    loud=seen(
        structs.replace(soaked(), memory=Memory(rss_peak_mb=124.0, rss_range_mb=3.5, leak=SLOPE))
    ),
    words=("+2.50 MB for each 1000",),
    silent={
        "its growth passes": seen(
            structs.replace(
                soaked(),
                memory=Memory(rss_peak_mb=124.0, rss_range_mb=0.09, leak=SLOPE),
            )
        ),
    },
)
BROKEN_BY_DRIFT = (
    verdict(Outcome.FAIL, 0.08, DRIFT_LIMIT),
    verdict(Outcome.PASS, 2.0, HANDLES),
)
OPEN_HANDLES = RuleCase(
    rule=long_run.open_handles,
    loud=seen(soaked(handles_growth=40)),
    words=("+40", "500 requests"),
    silent={
        "drift is what fails": seen(
            structs.replace(soaked(handles_growth=2), verdicts=BROKEN_BY_DRIFT)
        ),
        "all are closed": seen(soaked(handles_growth=0)),
        "nobody counted": seen(soaked()),
        "it passes": seen(
            structs.replace(
                soaked(handles_growth=2), verdicts=(verdict(Outcome.PASS, 2.0, HANDLES),)
            )
        ),
        "it is no soak": seen(result()),
    },
    advice="close it",
)


# Many listeners

QUEUED = crowd_result(
    *(window(place, queue_p95_ms=300.0, ttfa_p95_ms=600.0) for place in range(3)),
    verdicts=(FAILED,),
)
QUEUE = RuleCase(
    rule=crowd_waiting.queue,
    loud=seen(QUEUED),
    words=("300 ms of ttfa p95 600 ms", "3 windows", "8 listeners"),
    silent={
        "the queue is short": seen(
            crowd_result(window(queue_p95_ms=20.0, ttfa_p95_ms=600.0), verdicts=(FAILED,))
        ),
        "the server does not say": seen(
            crowd_result(window(ttfa_p95_ms=600.0), verdicts=(FAILED,))
        ),
        "it passes": seen(structs.replace(QUEUED, verdicts=(PASSED,))),
        "nobody else listens": seen(result(verdicts=(FAILED,))),
    },
    advice="@capacity",
)
TOGETHER = crowd_result(window(ttfa_p95_ms=900.0), verdicts=(FAILED,))
ALONE = result(summary=by_metric(figures("ttfa_ms", 100.0, 120.0)))
CROWD = RuleCase(
    rule=crowd_waiting.crowd,
    loud=seen(TOGETHER, ALONE),
    words=("900 ms with 8 listeners", "120 ms with one listener", "7.5 times"),
    silent={
        "nobody measured it with one": seen(TOGETHER),
        "it is as late with one": seen(
            TOGETHER, structs.replace(ALONE, summary=by_metric(figures("ttfa_ms", 700.0, 800.0)))
        ),
        "a queue accounts for it": seen(QUEUED, ALONE),
        "the cores are used up": seen(
            crowd_result(window(ttfa_p95_ms=900.0, cpu_s=78.0), verdicts=(FAILED,)), ALONE
        ),
        "it passes": seen(structs.replace(TOGETHER, verdicts=(PASSED,)), ALONE),
        "it is the cell of one listener": seen(ALONE, TOGETHER),
    },
    advice="a lock",
)
CORES_USED_UP = RuleCase(
    rule=crowd_waiting.cores_used_up,
    loud=seen(crowd_result(window(cpu_s=78.0), verdicts=(FAILED,))),
    words=("3.90 of 4 cores", "1 windows"),
    silent={
        "cores are idle": seen(crowd_result(window(cpu_s=20.0), verdicts=(FAILED,))),
        "it passes": seen(crowd_result(window(cpu_s=78.0), verdicts=(PASSED,))),
        "its CPU time is not known": seen(crowd_result(window(), verdicts=(FAILED,))),
        "nobody else listens": seen(result(verdicts=(FAILED,))),
    },
    advice="more cores",
)
QUOTA_USED_UP = RuleCase(
    rule=crowd_waiting.cores_used_up,
    loud=seen(
        crowd_result(window(cpu_s=29.0), verdicts=(FAILED,)),
        machine=structs.replace(MACHINE, cpu_quota=1.5),
    ),
    words=("1.45 of 1.5 cores",),
    silent={},
)
NOT_ANSWERED = RuleCase(
    rule=crowd_waiting.not_answered,
    loud=seen(
        crowd_result(
            window(0, answered=67, refused=3, failures={"HTTP 503": 3}),
            window(1, answered=69, failed=1, failures={"TargetTimeout": 1}),
        )
    ),
    words=("3 refused, 1 failed, of 140", "2 windows", "HTTP 503 3 times"),
    silent={
        "all are": seen(crowd_result(window())),
        "nobody else listens": seen(result()),
    },
    advice="a refusal",
)
UNFAIR = RuleCase(
    rule=crowd_waiting.unfair,
    loud=seen(crowd_result(window(0, fairness=3.0), window(1, fairness=3.2))),
    words=("3.1 times", "2 windows"),
    silent={
        "all wait alike": seen(crowd_result(window(fairness=1.1))),
        "an open loop has no listeners": seen(crowd_result(window())),
        "nobody else listens": seen(result()),
    },
    advice="first in, first out",
)


# Changes

GATE = ComparedMetric(label="ttfa p95", metric="ttfa_sound_ms", statistic="p95", margin=0.03)
SPEECH = ComparedMetric(
    label="speech", metric="speech_s", statistic="p50", margin=0.02, both_ways=True, is_work=True
)
GREW = StageChange(stage="decode", ms=10.9, low_ms=10.1, high_ms=11.7, share=0.97)
OTHER = StageChange(stage="text", ms=0.2, low_ms=-0.1, high_ms=0.5, share=0.03)
EXPLAINED = Attribution(
    total_ms=11.2, stages=(GREW, OTHER), explained_alone="decode", explained_by=("decode",),
    explained_share=0.97,
)  # fmt: skip


def changed(outcome: Outcome, attribution: Attribution | None = None, **more: Any) -> ChangeVerdict:
    plain = ChangeVerdict(
        outcome=outcome, reason="because", statistic="p95", scale="ratio", unit="", margin=0.03,
        look="end", blocks=12, left_out=0, effect=0.114, low=0.098, high=0.13,
        attribution=attribution,
    )  # fmt: skip
    return structs.replace(plain, **more)


def compared(*changes: ChangeVerdict, gate: ComparedMetric = GATE, **more: Any) -> CellResult:
    comparison = Comparison(
        against="main",
        revision="ed2939f35358994036562dc4d8bac72c2b5552c8",
        blocks=12,
        gates=(gate,) * len(changes),
        changes=changes,
        **more,
    )
    return result(comparison=comparison)


CHANGED_STAGE = RuleCase(
    rule=change.changed_stage,
    loud=seen(
        compared(
            changed(Outcome.FAIL, EXPLAINED),
            nodes=(
                NodeComparison(
                    metric="ttfa_sound_ms",
                    rounds=3,
                    texts=8,
                    explained_by=("Conv a",),
                    text="profiled apart: +10.9 ms, of which Conv a +10.1 ms",
                ),
            ),
        )
    ),
    words=("+11.4 %", "12 blocks", "decode +10.9 ms (+10.1 to +11.7), 97%", "Conv a +10.1 ms"),
    silent={
        "it passes": seen(compared(changed(Outcome.PASS, EXPLAINED))),
        "no stage surely has a part": seen(
            compared(
                changed(
                    Outcome.FAIL,
                    structs.replace(EXPLAINED, explained_alone=None, explained_by=()),
                )
            )
        ),
        "there are no stages": seen(compared(changed(Outcome.FAIL))),
        "nothing was compared": seen(result()),
    },
    advice="git diff ed2939f35358",
)
UNEXPLAINED_CHANGE = RuleCase(
    rule=change.unexplained_change,
    loud=seen(compared(changed(Outcome.FAIL))),
    words=("+11.4 %", "no stages"),
    silent={
        "a stage explains it": seen(compared(changed(Outcome.FAIL, EXPLAINED))),
        "it passes": seen(compared(changed(Outcome.PASS))),
        "nothing was compared": seen(result()),
    },
    advice="bisect",
)
OTHER_WORK = RuleCase(
    rule=change.other_work,
    loud=seen(compared(changed(Outcome.FAIL, statistic="p50"), gate=SPEECH)),
    words=("speech +11.4 %", "12 blocks"),
    silent={
        "it is the same": seen(compared(changed(Outcome.PASS), gate=SPEECH)),
        "it is slower, and no more": seen(compared(changed(Outcome.FAIL))),
        "nothing was compared": seen(result()),
    },
    advice="listen to both",
)
RESTLESS = changed(Outcome.INCONCLUSIVE, control_effect=0.041, p_control=0.0004, control_fired=True)
RESTLESS_CONTROL = RuleCase(
    rule=change.restless_control,
    loud=seen(compared(RESTLESS)),
    words=("+4.1 %", "p = 0.0004", "12 blocks"),
    silent={
        "the control is quiet": seen(compared(changed(Outcome.FAIL))),
        "nothing was compared": seen(result()),
    },
    advice="ttsperf doctor",
)


# What to believe

CACHED = TrustNote(guard="cache", text="rtf 0.5 against 0.01: a cache answered", invalid=True)
NOT_BELIEVABLE = RuleCase(
    rule=trust.not_believable,
    loud=seen(result(notes=(TrustNote(guard="threads", text="4 threads"), CACHED))),
    words=("cache: rtf 0.5 against 0.01",),
    silent={
        "there are no notes": seen(result()),
        "a note of another kind": seen(
            result(notes=(TrustNote(guard="page-cache", text="filled"),))
        ),
        "a guard without a meaning": seen(
            result(notes=(TrustNote(guard="new", text="7", invalid=True),))
        ),
    },
    advice="empty it",
)

CASES = (
    SLOW_TAIL,
    ONE_PROCESS,
    BUSY_MACHINE,
    CPU_QUOTA,
    TOO_FEW_TRIALS,
    LEAK,
    LEAK_OF_SOAK,
    MEMORY_STEP,
    LARGE_FROM_THE_START,
    DRIFT,
    DRIFT_BESIDE_LITTLE,
    DRIFT_WITHOUT_WITNESS,
    MACHINE_DRIFT,
    OPEN_HANDLES,
    QUEUE,
    CROWD,
    CORES_USED_UP,
    QUOTA_USED_UP,
    NOT_ANSWERED,
    UNFAIR,
    CHANGED_STAGE,
    UNEXPLAINED_CHANGE,
    OTHER_WORK,
    RESTLESS_CONTROL,
    NOT_BELIEVABLE,
)
