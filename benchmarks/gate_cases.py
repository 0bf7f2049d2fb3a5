"""What gate_quality.py measures: which change of which engine, within which budget, how often."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from pytest_ttsperf.compare import metrics

HEART, HTTP, JOE, HIBARI, KOKORO = "heart", "http", "joe", "hibari", "kokoro"
TESTS_OF_A_RUN = 50
BUSY = ", one core busy"


@dataclass(frozen=True, slots=True)
class EngineUnderTest:
    """What a case's comparisons measure."""

    target: str
    voice: str | None = None
    timeout_s: int = 60
    """Longest wait for one answer: a voice may derive its graphs when it is first opened."""


ENGINES = {
    HEART: EngineUnderTest("gate_target:Slowed"),
    HTTP: EngineUnderTest("http://127.0.0.1:{port}", "heart"),
    JOE: EngineUnderTest("engine:Engine", "joe", 600),
    HIBARI: EngineUnderTest("tests.honest_engines.packages:hibari", timeout_s=600),
    KOKORO: EngineUnderTest("engine:Engine", "jf_alpha", 600),
}


@dataclass(frozen=True, slots=True)
class Case:
    """One row of the table; `percent` of the median of what is slowed."""

    name: str
    count: int
    """Comparisons wanted."""
    budget_s: int | None = 60
    """None for the budget that a first comparison names."""
    engine: str = HEART
    percent: float = 0.0
    slows: str = "ttfa"
    """Or `rtf`."""
    one_in: int = 1
    """Slow in one trial of so many, or in one text."""
    by_text: bool = False
    """Whether the same texts are slow each time, and not other trials each time."""
    watched: tuple[str, ...] = ()
    """Labels of the gates that decide; the others are released, so that it ends when those have.
    None of them: all decide."""
    tests_of_run: int = 1
    """So many lines, in their order, are also one run of so many tests."""
    busy: bool = False
    wanted: str = ""

    @property
    def is_unchanged(self) -> bool:
        """Whether both versions are the same code."""
        return self.percent == 0


TTFA, TAIL, RTF, LATE = "ttfa p50", "ttfa p95", "rtf p50", "ttfa late"
NO_FAIL = "0 FAIL"
PASS_60, PASS_180 = "0 FAIL, PASS >= 85 %", "0 FAIL, PASS >= 97 %"
FOUND = "all, median <= 35 s"
CASES = (
    Case("same code, heart, 60 s", 2 * TESTS_OF_A_RUN, tests_of_run=TESTS_OF_A_RUN, wanted=PASS_60),
    Case("same code, heart, 180 s", 20, 180, wanted=PASS_180),
    Case("same code, heart over HTTP, 60 s", 15, engine=HTTP, wanted=PASS_60),
    Case("same code, heart over HTTP, 180 s", 15, 180, HTTP, wanted=PASS_180),
    # Its blocks take some 20 s: in a minute it can but say what it would need.
    Case("same code, joe, 60 s", 5, engine=JOE, wanted=NO_FAIL),
    Case("same code, joe, 180 s", 25, 180, JOE, wanted=NO_FAIL),
    Case("same code, hibari-tts, 60 s", 10, engine=HIBARI, wanted=NO_FAIL),
    Case("same code, hibari-tts, 180 s", 10, 180, HIBARI, wanted=NO_FAIL),
    Case("same code, kokoro, the budget it names", 6, None, KOKORO, wanted=NO_FAIL),
    Case("ttfa p50 +5 %", 10, 180, percent=5, watched=(TTFA,), wanted=FOUND),
    Case("ttfa p50 +10 %", 10, 180, percent=10, watched=(TTFA,), wanted=FOUND),
    Case("rtf p50 +5 %", 10, 180, percent=5, slows="rtf", watched=(RTF,), wanted=FOUND),
    Case("ttfa p50 -10 %", 10, 180, percent=-10, watched=(TTFA,), wanted=FOUND),
    Case("ttfa p95 +5 %", 10, 180, percent=5, watched=(TAIL,), wanted=">= 90 %"),
    Case(
        "1 of 20 trials +20 %", 10, 180, percent=20, one_in=20, watched=(TAIL, LATE),
        wanted=">= 80 %",
    ),
    Case(
        "1 of 20 texts +20 %", 10, 180, percent=20, one_in=20, by_text=True,
        watched=(TAIL, LATE), wanted=">= 80 %",
    ),
)  # fmt: skip
QUICK = (
    Case("unchanged, quick", 1),
    Case("ttfa +40 %, quick", 1, percent=40, watched=(TTFA,)),
)


def busy_case(case: Case) -> Case:
    """The same with one core of the machine at work on something else."""
    return replace(case, name=case.name + BUSY, busy=True)


def named_cases(names: Sequence[str] | None, *, busy: bool) -> list[Case]:
    """The cases of those names, or all; SystemExit for a name that no case has."""
    unknown = set(names or ()) - {case.name for case in CASES}
    if unknown:
        raise SystemExit(f"found {unknown}, wanted some of {[case.name for case in CASES]}")
    chosen = [case for case in CASES if not names or case.name in names]
    if busy:
        return list(map(busy_case, chosen))
    return chosen


def released_figures(case: Case) -> list[str]:
    """Names of the figures that a case does not watch, of those that are compared by default."""
    if not case.watched:
        return []
    by_default = [*metrics.DEFAULT, *getattr(metrics, "GATED_FROM_S", ())]
    return [name for name in by_default if metrics.ALL[name].label not in case.watched]
