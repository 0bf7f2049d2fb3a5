"""How the windows of a test with many listeners are planned, and its attempts pooled."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from pytest_ttsperf.experiment.plan import Plan, Progress, QualityPlan
from pytest_ttsperf.load import barge_in, capacity_cell
from pytest_ttsperf.load.traces import WindowPlan
from pytest_ttsperf.plugin import crowds, progress
from pytest_ttsperf.plugin.progress import ProgressLine, parts_text
from pytest_ttsperf.records import (
    BargeIn,
    Capacity,
    Cell,
    CellResult,
    LoadResult,
    LoadSpec,
    Outcome,
    Threshold,
)
from pytest_ttsperf.report import terminal

EIGHT = LoadSpec(listeners=8)
WER = Threshold(marker="quality", keyword="max_wer", metric="wer", statistic="value", limit=0.3)
TTFA = Threshold(marker="ttfa", keyword="p95_ms", metric="ttfa_ms", statistic="p95", limit=500)
STOP = Threshold(
    marker="barge_in", keyword="stop_p95_ms", metric="barge_in_stop_ms", statistic="p95", limit=50
)
ALONE = LoadSpec(listeners=1, hangs_up=True)


def plan_of(*limits: Threshold, texts_from: int = 7, words: bool = False) -> Plan:
    return Plan(
        test="a.py::test_x[cpu]",
        text="short",
        mode="stream",
        phase="warm",
        trials=59,
        limits_on=lambda _: limits,
        quality=QualityPlan(words=words),
        texts_from=texts_from,
    )


def options_of(**options: Any) -> Any:
    unset = {"windows": None, "windows_ini": None, "window_s": None}
    return SimpleNamespace(**{**unset, **options})


@pytest.mark.parametrize(
    ("options", "of_call", "windows"),
    [
        ({}, None, 6),
        ({"windows_ini": 3}, None, 3),
        ({"windows_ini": 3}, 4, 4),
        ({"windows_ini": 3, "windows": 5}, 4, 5),
    ],
)
def test_the_command_line_wins_over_the_call_and_the_call_over_ini(
    options: dict[str, Any], of_call: int | None, windows: int
) -> None:
    plan = crowds.plan_load(plan_of(), EIGHT, of_call, options_of(**options), 0)
    assert plan.windows == windows


def test_a_shorter_window_is_shorter_in_all_its_parts_and_a_longer_one_only_counts_longer() -> None:
    usual = crowds.plan_load(plan_of(), EIGHT, None, options_of(), 0).window
    short = crowds.plan_load(plan_of(), EIGHT, None, options_of(window_s=2.0), 0).window
    long = crowds.plan_load(plan_of(), EIGHT, None, options_of(window_s=60.0), 0).window
    assert short.counted_s == 2.0
    assert short.lead_s == pytest.approx(usual.lead_s * 2.0 / usual.counted_s)
    assert short.least_requests == pytest.approx(usual.least_requests * 2.0 / usual.counted_s)
    assert long == usual._replace(counted_s=60.0)


def test_a_search_has_windows_of_its_kind_unless_a_length_is_wanted() -> None:
    def planned(load: LoadSpec, **options: Any) -> WindowPlan:
        chosen = options_of(**options)
        plan = crowds.plan_load(plan_of(), load, None, chosen, 0)
        return crowds.plan_search(plan, chosen).window

    assert planned(EIGHT) == capacity_cell.search_window("listeners")
    assert planned(LoadSpec(rate=2.0)) == capacity_cell.search_window("requests/s")
    assert planned(EIGHT, window_s=5.0).counted_s == 5.0


def test_who_repeats_the_texts_repeats_the_arrivals_and_another_attempt_has_its_own() -> None:
    def seed(texts_from: int, earlier: int) -> int:
        plan = plan_of(texts_from=texts_from)
        return crowds.plan_load(plan, EIGHT, None, options_of(), earlier).seed

    assert seed(7, 0) == seed(7, 0)
    assert len({seed(7, 0), seed(8, 0), seed(7, 6), seed(8, 6)}) == 4


def test_a_crowd_is_not_judged_by_words_and_that_is_said() -> None:
    plan = plan_of(WER, TTFA, words=True)
    load_plan = crowds.plan_load(plan, EIGHT, None, options_of(), 0)
    assert load_plan.plan.limits_on("any") == (TTFA,)
    assert not load_plan.plan.quality.is_slow
    remark = crowds.unjudged_remark("test_x", plan, EIGHT)
    assert remark == "test_x: words are judged with one listener, and not of 8 listeners"
    assert crowds.unjudged_remark("test_x", plan_of(TTFA), EIGHT) is None


def test_the_trials_beside_a_hang_up_have_all_limits_but_its_own() -> None:
    plan = crowds.leave_out_hang_ups(plan_of(WER, TTFA, STOP, words=True))
    assert plan.limits_on("any") == (WER, TTFA)
    assert plan.quality.words
    assert crowds.unjudged_remark("test_x", plan, ALONE) is None


def interrupted(stop_ms: float, **more: Any) -> CellResult:
    """The cell of a single listener who hangs up."""
    found = barge_in.summarise(BargeIn(hang_ups=60, stops_ms=(stop_ms,) * 60))
    cell = Cell(
        test="a.py::test_x[cpu]", target="engine:Engine", provider="cpu", voice="heart",
        preset="long", mode="stream", phase="warm", load=ALONE.label,
    )  # fmt: skip
    return CellResult(
        cell=cell, fingerprint="f", declared_trials=0, trials=(), ready=None, thresholds=(STOP,),
        load=LoadResult(spec=ALONE, seed=1, windows=(), barge_in=found), **more,
    )  # fmt: skip


@pytest.mark.parametrize(("stop_ms", "outcome"), [(8.0, Outcome.PASS), (80.0, Outcome.FAIL)])
def test_a_listener_who_hangs_up_is_judged_by_that_alone(stop_ms: float, outcome: Outcome) -> None:
    judged = crowds.judge(interrupted(stop_ms))
    (verdict,) = judged.verdicts
    assert (verdict.subject, verdict.outcome, verdict.n) == ("barge_in stop_p95", outcome, 60)
    assert judged.thresholds == (STOP,)
    assert crowds.is_crowd(judged)
    assert not crowds.is_compared(judged)
    assert crowds.why_not_stored(judged) == crowds.HANG_UPS_NOT_STORED


def test_another_attempt_adds_its_hang_ups_and_makes_nothing_good() -> None:
    first = crowds.judge(interrupted(80.0, looks=2))
    both = crowds.pool(first, interrupted(8.0, looks=2))
    assert both.load is not None
    assert both.load.barge_in is not None
    assert len(both.load.barge_in.stops_ms) == 120
    assert both.earlier_looks == 1
    assert crowds.judge(both).outcome is Outcome.FAIL
    good = crowds.pool(crowds.judge(interrupted(8.0, looks=2)), interrupted(8.0, looks=2))
    assert crowds.judge(good).outcome is Outcome.PASS


def test_progress_counts_windows() -> None:
    text = parts_text(Progress(plan_of(), 2, 6, 80.4), EIGHT.label, "windows")
    assert text == "short stream, 8 listeners: 2 of 6 windows, about 80 s left"


def test_what_a_mark_says_of_a_good_window() -> None:
    assert crowds.capacity_limits({"min_listeners": 6}) == (None, 0.0)
    keywords = {"min_listeners": 6, "ttfa_p95_ms": 500, "stall": 0.01}
    assert crowds.capacity_limits(keywords) == (500, 0.01)


LEAST = Threshold(
    marker="capacity", keyword="min_listeners", metric="capacity", statistic="value", limit=4,
    is_least=True, declared=6.0, overridden_by="--ttsperf-limit",
)  # fmt: skip


def searched(**found: Any) -> CellResult:
    cell = Cell(
        test="a.py::test_x[cpu]", target="engine:Engine", provider="cpu", voice="heart",
        preset="short", mode="stream", phase="warm",
    )  # fmt: skip
    capacity = Capacity(
        unit="listeners", limits={}, confidence=0.95, levels=(), reason="so many", **found
    )
    return CellResult(
        cell=cell, fingerprint="f", declared_trials=0, trials=(), ready=None,
        thresholds=(LEAST,), capacity=capacity,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("found", "outcome"),
    [
        ({"proven": 4.0}, Outcome.PASS),
        ({"proven": 3.0, "refuted": 4.0}, Outcome.FAIL),
        ({"proven": 3.0}, Outcome.INCONCLUSIVE),
    ],
)
def test_a_search_is_judged_by_the_limit_in_force(
    found: dict[str, float], outcome: Outcome
) -> None:
    (verdict,) = crowds.judge(searched(**found)).verdicts
    assert verdict.outcome is outcome
    assert verdict.threshold == LEAST


def test_a_void_search_fails_with_its_reason() -> None:
    judged = crowds.judge(searched(proven=4.0, void_because="one got another's text"))
    assert judged.outcome is Outcome.INVALID
    text = terminal.failures([judged], [Outcome.INVALID])
    assert "INVALID  capacity min_listeners: " in text
    assert "one got another's text" in text


def test_a_search_begins_anew_in_another_attempt_which_makes_nothing_good() -> None:
    later = searched(proven=4.0)
    assert crowds.pool(searched(proven=2.0), later) is later
    refuted = searched(proven=3.0, refuted=4.0)
    assert crowds.pool(refuted, later) is refuted


class Reporter:
    """A terminal, or a file, and what was written to it."""

    def __init__(self, *, isatty: bool) -> None:
        self.isatty = isatty
        self.lines: list[str] = []
        self.rewritten: list[str] = []

    def ensure_newline(self) -> None:
        pass

    def write_line(self, text: str) -> None:
        self.lines.append(text)

    def rewrite(self, text: str, *, erase: bool) -> None:
        self.rewritten.append(text if erase else "")


def line_on(reporter: Reporter) -> ProgressLine:
    plugins = {"terminalreporter": reporter}
    config: Any = SimpleNamespace(
        get_verbosity=lambda: 0,
        pluginmanager=SimpleNamespace(get_plugin=plugins.get),
    )
    return ProgressLine(config)


def test_a_file_gets_one_line_for_each_load_whenever_it_is_called_within_a_window() -> None:
    reporter = Reporter(isatty=False)
    line = line_on(reporter)
    for load in ("4 listeners", "8 listeners"):
        show = line.parts_of(load, "windows")
        for left_s in (120.0, 119.0, 60.0, 0.0):
            show(Progress(plan_of(), 0, 6, left_s))
    assert reporter.lines == [
        "  short stream, 4 listeners: 6 windows, about 120 s",
        "  short stream, 8 listeners: 6 windows, about 120 s",
    ]


def test_a_terminal_is_wiped_at_the_end() -> None:
    reporter = Reporter(isatty=True)
    show = line_on(reporter).parts_of("4 listeners", "windows")
    show(Progress(plan_of(), 1, 6, 100.0))
    show(Progress(plan_of(), 6, 6, 0.0))
    first, last = reporter.rewritten
    assert "1 of 6 windows" in first
    assert last == ""


@pytest.mark.parametrize("isatty", [True, False])
def test_a_line_is_folded_to_the_terminal_or_to_columns(
    isatty: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "50")
    reporter = Reporter(isatty=isatty)
    line_on(reporter).line(f"ttsperf: {'word ' * 20}".rstrip())
    (text,) = reporter.lines
    first, *others = text.split("\n")
    assert first.startswith("ttsperf: word")
    assert max(map(len, [first, *others])) <= 50
    assert others[0].startswith("  word")


def test_a_line_in_a_file_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    reporter = Reporter(isatty=False)
    line_on(reporter).line("word " * 40)
    assert reporter.lines == ["word " * 40]


def test_a_line_that_is_rewritten_leaves_a_column_free(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that is as wide as the terminal would go on in the next line, and stay there."""
    monkeypatch.setenv("COLUMNS", "50")
    reporter = Reporter(isatty=True)
    line_on(reporter).text("x" * 80)
    assert reporter.rewritten == ["x" * 49]


@pytest.mark.parametrize(("columns", "width"), [("50", 50), ("40", 40), ("12", 80)])
def test_a_terminal_that_says_nonsense_has_the_usual_width(
    columns: str, width: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    assert progress.width_of(Reporter(isatty=True)) == width
