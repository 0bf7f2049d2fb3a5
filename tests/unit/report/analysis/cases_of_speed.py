"""Rules about starts, the first sound, throughput and cadence."""

from __future__ import annotations

from msgspec import structs

from pytest_ttsperf.records import (
    Breakdown,
    CellResult,
    Outcome,
    StageShare,
    TargetInfo,
    TrustNote,
)
from pytest_ttsperf.report.analysis import cadence, first_sound, start, throughput
from tests.unit.report.analysis.cases import RuleCase, seen
from tests.unit.report.factories import (
    EVEN,
    FAILED,
    MACHINE,
    PASSED,
    RTF,
    UNDERRUNS,
    by_metric,
    cell,
    figures,
    recording,
    result,
    trial,
    trials,
    usage,
    verdict,
)

# Starts

COLD = cell(phase="cold", test="tests/perf/test_voice.py::test_cold[cpu]")
COLD_FIGURES = by_metric(figures("ttfa_sound_ms", 4200.0, n=5))
COLD_SLOW = result(cell=COLD, summary=COLD_FIGURES)
WARM = result(summary=by_metric(figures("ttfa_sound_ms", 48.2)), verdicts=(PASSED,))
WARM_UP = RuleCase(
    rule=start.warm_up,
    loud=seen(COLD_SLOW, WARM),
    words=("4200 ms", "5 starts", "48.2 ms", "59 trials", "87.1 times", "500 ms"),
    silent={
        "there is no warm cell": seen(COLD_SLOW),
        "the warm one is of another voice": seen(
            COLD_SLOW, structs.replace(WARM, cell=cell(voice="joe"))
        ),
        "warm is as slow": seen(
            COLD_SLOW,
            structs.replace(WARM, summary=by_metric(figures("ttfa_sound_ms", 2000.0))),
        ),
        "a cold start keeps the warm limit": seen(
            structs.replace(COLD_SLOW, summary=by_metric(figures("ttfa_sound_ms", 180.0, n=5))),
            WARM,
        ),
        "warm is over its limit as well": seen(
            structs.replace(COLD_SLOW, verdicts=(FAILED,)),
            structs.replace(WARM, verdicts=(FAILED,)),
        ),
        "it is the warm cell itself": seen(WARM, COLD_SLOW),
    },
    advice="before the target reports itself ready",
)


def cold_starts(**phases_ms: float) -> CellResult:
    phases = {name.replace("import_", "import"): ms for name, ms in phases_ms.items()}
    return result(cell=COLD, trials=trials(5, phases_ms=phases), verdicts=(FAILED,))


SLOW_OPENING = cold_starts(process=50.0, import_=60.0, open=900.0, ready=1010.0, first_run=90.0)
SLOW_FIRST_RUN = cold_starts(process=50.0, import_=60.0, open=90.0, ready=200.0, first_run=4000.0)
WARM_UP_BY_PHASES = RuleCase(
    rule=start.warm_up,
    loud=seen(structs.replace(SLOW_FIRST_RUN, summary=COLD_FIGURES), WARM),
    words=("4200 ms", "48.2 ms"),
    silent={
        "once it is ready, it is fast": seen(
            structs.replace(SLOW_OPENING, summary=COLD_FIGURES), WARM
        ),
    },
)
START_PHASE = RuleCase(
    rule=start.start_phase,
    loud=seen(SLOW_OPENING),
    words=("open: 900 ms", "82%", "5 starts", "first run 90.0 ms"),
    silent={
        "it passes": seen(structs.replace(SLOW_OPENING, verdicts=(PASSED,))),
        "all phases are alike": seen(
            cold_starts(process=300.0, import_=320.0, open=310.0, ready=930.0, first_run=300.0)
        ),
        "nothing is known of phases": seen(cold_starts()),
        "it is warm": seen(structs.replace(SLOW_OPENING, cell=cell())),
    },
    advice="compiled models",
)


def with_first_sounds(*arrivals_ms: float) -> CellResult:
    note = TrustNote(guard="trend", text="ttfa_sound_ms falls over the trials")
    return result(
        notes=(note,),
        trials=tuple(
            trial(index, recording([(at_ms, 500.0)])) for index, at_ms in enumerate(arrivals_ms)
        ),
    )


RISING_RTF = (TrustNote(guard="trend", text="rtf rises over the trials"),)
FALLING = with_first_sounds(100, 98, 96, 94, 80, 70, 60, 58, 52, 51, 50, 50, 50, 49, 49, 48)
UNSETTLED = RuleCase(
    rule=start.unsettled,
    loud=seen(FALLING),
    words=("97.0 ms", "49.0 ms", "16 trials"),
    silent={
        "no test has found a trend": seen(structs.replace(FALLING, notes=())),
        "it rises": seen(with_first_sounds(*range(50, 66))),
        "it falls by next to nothing": seen(with_first_sounds(*[251.0] * 8, *[250.0] * 8)),
        "another figure rises": seen(structs.replace(FALLING, notes=RISING_RTF)),
        "too few trials": seen(with_first_sounds(100, 50, 48)),
        "each cold start is its own": seen(structs.replace(FALLING, cell=COLD)),
    },
    advice="warm-up",
)

UNSTEADY = (TrustNote(guard="steady", text="its times still went up and down after 16 warm-ups"),)
RESTLESS = result(
    notes=(TrustNote(guard="quiet", text="the target kept working for 10 s after its answer"),),
    summary=by_metric(figures("ttfa_ms", 600.0, n=25)),
    verdicts=(FAILED,),
)
NEVER_IDLE = RuleCase(
    rule=start.never_idle,
    loud=seen(RESTLESS),
    words=("for 10 s", "25 trials"),
    silent={
        "it passes all the same": seen(structs.replace(RESTLESS, verdicts=(PASSED,))),
        "it was idle": seen(structs.replace(RESTLESS, notes=())),
        "its times only went up and down": seen(structs.replace(RESTLESS, notes=UNSTEADY)),
    },
    advice="threads that poll",
)


# The first sound

COLLECTED = recording([(400.0, 2000.0)])
AT_ONCE = result(trials=trials(10, COLLECTED))
ALL_AT_ONCE = RuleCase(
    rule=first_sound.all_at_once,
    loud=seen(AT_ONCE),
    words=("10 of 10", "100%", "chunks an answer: 1 "),
    silent={
        "it is streamed": seen(result(trials=trials(10))),
        "nobody asked for a stream": seen(structs.replace(AT_ONCE, cell=cell(mode="nonstream"))),
        "nothing was measured": seen(result()),
        "most answers are streamed": seen(result(trials=(*trials(3, COLLECTED), *trials(7)))),
        "a cold start waits, and warm it is streamed": seen(
            structs.replace(AT_ONCE, cell=COLD), result(trials=trials(10))
        ),
    },
    advice="as soon as it is made",
)

WHOLE_SENTENCE = recording([(400.0, 2100.0), (450.0, 700.0), (600.0, 700.0)])
LATE_FIRST_CHUNK = result(trials=trials(9, WHOLE_SENTENCE), verdicts=(FAILED,))
COLD_AT_ONCE = RuleCase(
    rule=first_sound.all_at_once,
    loud=seen(structs.replace(AT_ONCE, cell=COLD), AT_ONCE),
    words=("10 of 10",),
    silent={
        "warm it is streamed": seen(structs.replace(AT_ONCE, cell=COLD), result(trials=trials(9)))
    },
)
SEGMENTATION = RuleCase(
    rule=first_sound.segmentation,
    loud=seen(LATE_FIRST_CHUNK),
    words=("2.1 s of 3.5 s", "9 trials", "67%"),
    silent={
        "it passes": seen(structs.replace(LATE_FIRST_CHUNK, verdicts=(PASSED,))),
        "the first chunk is small": seen(result(trials=trials(9), verdicts=(FAILED,))),
        "the first chunk comes early": seen(
            result(
                trials=trials(9, recording([(40.0, 2100.0), (450.0, 700.0), (600.0, 700.0)])),
                verdicts=(FAILED,),
            )
        ),
        "it is sent all at once": seen(result(trials=trials(9, COLLECTED), verdicts=(FAILED,))),
    },
    advice="first segment shorter",
)


def staged(*shares: tuple[str, float, float], **more: object) -> CellResult:
    rows = tuple(StageShare(stage=stage, ms=ms, share=share) for stage, ms, share in shares)
    return result(
        breakdown=Breakdown(to_first_sound=rows, whole=rows),
        verdicts=(FAILED,),
        **more,
    )


DECODE = staged(("decode", 300.0, 0.8), ("text", 20.0, 0.05))
LARGEST_STAGE = RuleCase(
    rule=first_sound.largest_stage,
    loud=seen(DECODE),
    words=("decode: 300 ms", "80%", "text, 20.0 ms"),
    silent={
        "it passes": seen(structs.replace(DECODE, verdicts=(PASSED,))),
        "no stage stands out": seen(staged(("decode", 90.0, 0.3), ("text", 80.0, 0.28))),
        "most of it is in no stage": seen(staged(("unexplained", 300.0, 0.8))),
        "there are no stages": seen(staged()),
        "a start is another thing": seen(structs.replace(DECODE, cell=COLD)),
    },
    advice="profile decode",
)
UNEXPLAINED = RuleCase(
    rule=first_sound.unexplained_time,
    loud=seen(staged(("unexplained", 200.0, 0.5), ("decode", 190.0, 0.48))),
    words=("200 ms", "50%"),
    silent={
        "stages account for it": seen(staged(("decode", 300.0, 0.9), ("unexplained", 9.0, 0.03))),
        "it passes": seen(structs.replace(staged(("unexplained", 200.0, 0.5)), verdicts=(PASSED,))),
        "there are no stages": seen(staged()),
    },
    advice="stages()",
)
CONNECTION = RuleCase(
    rule=first_sound.connection,
    loud=seen(
        staged(("http.wait", 120.0, 0.6), ("http.connect", 40.0, 0.2), ("http.tls", 20.0, 0.1))
    ),
    words=("http.connect 40.0 ms", "http.tls 20.0 ms", "30%"),
    silent={
        "it costs little": seen(staged(("http.wait", 190.0, 0.95), ("http.connect", 4.0, 0.02))),
        "it is no server": seen(DECODE),
    },
    advice="keep connections open",
)

SILENT_START = result(
    summary=by_metric(figures("lead_in_ms", 300.0), figures("ttfa_sound_ms", 40.0)),
    verdicts=(FAILED,),
)
LEAD_IN = RuleCase(
    rule=first_sound.lead_in,
    loud=seen(SILENT_START),
    words=("300 ms of silence", "40.0 ms", "59 trials"),
    silent={
        "it passes": seen(structs.replace(SILENT_START, verdicts=(PASSED,))),
        "the silence is short": seen(
            result(
                summary=by_metric(figures("lead_in_ms", 20.0), figures("ttfa_sound_ms", 40.0)),
                verdicts=(FAILED,),
            )
        ),
        "the wait is longer by far": seen(
            result(
                summary=by_metric(figures("lead_in_ms", 60.0), figures("ttfa_sound_ms", 900.0)),
                verdicts=(FAILED,),
            )
        ),
        "nothing was measured": seen(result(verdicts=(FAILED,))),
    },
    advice="trim the silence",
)


# Throughput

SECOND = recording([(40.0, 500.0), (1000.0, 500.0)])
RTF_FAILED = verdict(Outcome.FAIL, 0.95, RTF)
RTF_PASSED = verdict(Outcome.PASS, 0.2, RTF)


def busy(cpu_s: float, **more: object) -> CellResult:
    """Answers that take a second each, and so many CPU seconds."""
    plain = result(trials=trials(5, SECOND, usage=usage(cpu_s=cpu_s)), verdicts=(RTF_FAILED,))
    return structs.replace(plain, **more)


ONE_CORE = RuleCase(
    rule=throughput.one_core,
    loud=seen(busy(0.96)),
    words=("rtf p95 is 0.950, limit 0.600", "0.96 of 4 cores", "5 trials"),
    silent={
        "it passes": seen(busy(0.96, verdicts=(RTF_PASSED,))),
        "all cores are busy": seen(busy(3.6)),
        "a start is another thing": seen(busy(0.96, cell=COLD)),
        "there is but one": seen(busy(0.96), machine=structs.replace(MACHINE, affinity=1)),
        "a quota leaves but one": seen(busy(0.96), machine=structs.replace(MACHINE, cpu_quota=1.0)),
        "its CPU time is not known": seen(result(trials=trials(5, SECOND), verdicts=(RTF_FAILED,))),
    },
    advice="threads",
)
WAITING = RuleCase(
    rule=throughput.waiting,
    loud=seen(busy(0.1)),
    words=("0.950", "0.10 cores"),
    silent={
        "it passes": seen(busy(0.1, verdicts=(RTF_PASSED,))),
        "it is busy": seen(busy(0.96)),
        "a start is another thing": seen(busy(0.1, cell=COLD)),
        "its CPU time is not known": seen(result(trials=trials(5, SECOND), verdicts=(RTF_FAILED,))),
    },
    advice="a lock",
)
SLOWER_THAN_PLAYBACK = RuleCase(
    rule=throughput.slower_than_playback,
    loud=seen(result(summary=by_metric(figures("rtf", 1.3)))),
    words=("1.30", "59 trials"),
    silent={
        "it is faster": seen(result(summary=by_metric(figures("rtf", 0.9)))),
        "a start is in it": seen(result(cell=COLD, summary=by_metric(figures("rtf", 1.3)))),
        "nothing was measured": seen(result()),
    },
    advice="a prebuffer only moves",
)


def placed(provider: str, **placement: object) -> CellResult:
    ready = TargetInfo(pid=None, placement=placement or None)
    return result(cell=cell(provider=provider), ready=ready)


FEW_NODES = RuleCase(
    rule=throughput.few_nodes,
    loud=seen(
        placed(
            "coreml",
            nodes={"CoreMLExecutionProvider": 949, "CPUExecutionProvider": 1412},
            partitions=123,
            cpu_operators={"Cast": 20, "Transpose": 300},
        )
    ),
    words=("949 of 2361", "40%", "123 partitions", "Transpose 300, Cast 20"),
    silent={
        "all of it runs there": seen(
            placed("coreml", nodes={"CoreMLExecutionProvider": 2361}, partitions=3)
        ),
        "the CPU was asked for": seen(placed("cpu", nodes={"CPUExecutionProvider": 505})),
        "the target does not say": seen(placed("coreml")),
    },
    advice="take Transpose",
)
SCATTERED = RuleCase(
    rule=throughput.few_nodes,
    loud=seen(placed("coreml", nodes={"CoreMLExecutionProvider": 2361}, partitions=44, sessions=3)),
    words=("2361 of 2361", "44 partitions"),
    silent={
        "each session is whole": seen(
            placed("coreml", nodes={"CoreMLExecutionProvider": 2361}, partitions=6, sessions=6)
        ),
    },
)


# Cadence

HOLED = recording([(50.0, 200.0), (400.0, 1000.0), (450.0, 1000.0)])
UNEVEN = result(
    trials=trials(10, HOLED),
    summary=by_metric(figures("rtf", 0.2)),
    verdicts=(verdict(Outcome.FAIL, 1.0, UNDERRUNS),),
)
UNEVEN_CHUNKS = RuleCase(
    rule=cadence.uneven_chunks,
    loud=seen(UNEVEN),
    words=("10 of 10 trials stall", "150 ms", "rtf p50 is 0.200", "of buffer would have"),
    silent={
        "nothing stalls": seen(structs.replace(UNEVEN, trials=trials(10))),
        "the engine is slow as a whole": seen(
            structs.replace(UNEVEN, summary=by_metric(figures("rtf", 0.97)))
        ),
        "the test does not mind": seen(structs.replace(UNEVEN, verdicts=(PASSED,))),
    },
    advice="while the last one plays",
)


def some_holed(holed: int, even: int) -> CellResult:
    """Answers with a hole beside answers without."""
    stalling = tuple(trial(100 + index, HOLED) for index in range(holed))
    return structs.replace(UNEVEN, trials=(*stalling, *trials(even)))


UNEVEN_IN_SOME = RuleCase(
    rule=cadence.uneven_chunks,
    loud=seen(some_holed(3, 17)),
    words=("3 of 20 trials stall", "150 ms"),
    silent={
        "two of twenty are chance": seen(some_holed(2, 18)),
        "one of many is chance": seen(some_holed(1, 58)),
        "one of few is no pattern": seen(some_holed(1, 4)),
        "there is but one": seen(some_holed(1, 0)),
    },
)
UNEVEN_IN_TWO = RuleCase(
    rule=cadence.uneven_chunks,
    loud=seen(some_holed(2, 3)),
    words=("2 of 5 trials stall",),
    silent={},
)
SCRAP = recording([(10.0, 40.0), (500.0, 1000.0), (520.0, 1000.0), (540.0, 1000.0)])
EARLY_SCRAP = RuleCase(
    rule=cadence.early_scrap,
    loud=seen(result(trials=trials(8, SCRAP))),
    words=("8 of 8", "40.0 ms of sound", "450 ms of nothing"),
    silent={
        "the sound goes on": seen(result(trials=trials(8, recording(EVEN)))),
        "it is no stream": seen(result(cell=cell(mode="nonstream"), trials=trials(8, SCRAP))),
        "one of many is chance": seen(result(trials=(trial(99, SCRAP), *trials(20)))),
        "one of few is no pattern": seen(result(trials=(trial(99, SCRAP), *trials(4)))),
        "nothing was measured": seen(result()),
    },
    advice="limit underruns",
)

CASES = (
    WARM_UP,
    WARM_UP_BY_PHASES,
    START_PHASE,
    UNSETTLED,
    NEVER_IDLE,
    ALL_AT_ONCE,
    COLD_AT_ONCE,
    SEGMENTATION,
    LARGEST_STAGE,
    UNEXPLAINED,
    CONNECTION,
    LEAD_IN,
    ONE_CORE,
    WAITING,
    SLOWER_THAN_PLAYBACK,
    FEW_NODES,
    SCATTERED,
    UNEVEN_CHUNKS,
    UNEVEN_IN_SOME,
    UNEVEN_IN_TWO,
    EARLY_SCRAP,
)
