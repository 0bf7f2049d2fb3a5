"""What is said of many listeners: counts over all windows, figures of the middle one."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec import structs

from pytest_ttsperf.records import (
    BargeIn,
    Capacity,
    CapacityLevel,
    Cell,
    CellResult,
    GeneratorHealth,
    IntegrityCheck,
    LoadResult,
    LoadSpec,
    LoadWindow,
    Outcome,
    Summary,
    Threshold,
    Verdict,
)
from pytest_ttsperf.report import crowd, terminal

HEALTH = GeneratorHealth(
    sends=70, lateness_p99_ms=0.3, lateness_max_ms=0.8, loop_lag_p99_ms=0.5, cpu_share=0.12
)
LIMIT = Threshold(marker="ttfa", keyword="p95_ms", metric="ttfa_ms", statistic="p95", limit=500)


def window(index: int, **figures: Any) -> LoadWindow:
    return structs.replace(
        LoadWindow(index=index, seconds=20.0, offered=70, answered=70, generator=HEALTH),
        **figures,
    )


def load_of(*windows: LoadWindow, **more: Any) -> LoadResult:
    return LoadResult(spec=LoadSpec(listeners=8), seed=1, windows=windows, **more)


def lines_of(*windows: LoadWindow, **more: Any) -> list[str]:
    return list(crowd.describe_load(load_of(*windows, **more)))


def result_of(load: LoadResult | None, **more: Any) -> CellResult:
    cell = Cell(
        test="a.py::test_x[cpu]", target="engine:Engine", provider="cpu", voice="heart",
        preset="short", mode="stream", phase="warm", load=None if load is None else load.spec.label,
    )  # fmt: skip
    return CellResult(
        cell=cell, fingerprint="f", declared_trials=420, trials=(), ready=None, load=load, **more
    )


def test_what_was_not_measured_is_not_shown() -> None:
    bare = structs.replace(window(0), generator=GeneratorHealth(sends=70))
    assert lines_of(bare) == ["70 requests in 1 window: 70 answered"]
    assert lines_of() == ["no window was measured"]


def test_requests_are_counted_over_all_windows_by_their_end() -> None:
    counts, *_ = lines_of(
        window(0, answered=66, refused=3, failed=1),
        window(1, answered=60, hung_up=8, capped=2),
    )
    assert counts == (
        "140 requests in 2 windows: 126 answered, 8 hung up, 3 refused, 1 failed, "
        "2 not sent, as too many were under way"
    )


def test_errors_stand_by_kind_the_most_frequent_first() -> None:
    _, errors, *_ = lines_of(
        window(0, failures={"TargetTimeout": 1, "HTTP 503": 2}),
        window(1, failures={"HTTP 503": 1}),
    )
    assert errors == "errors: HTTP 503 3 times, TargetTimeout 1 time"
    many = {f"kind {number}": 9 - number for number in range(6)}
    _, errors, *_ = lines_of(window(0, failures=many))
    assert errors.endswith("kind 3 6 times, and 2 other kinds")


def test_figures_are_of_the_middle_window() -> None:
    windows = [
        window(
            number,
            goodput=goodput,
            fairness=fairness,
            continuity={"C50": share, "C100": 1.0, "C250": 1.0},
        )
        for number, (goodput, fairness, share) in enumerate(
            [(3.0, 1.1, 0.9), (0.1, 9.0, 0.1), (3.2, 1.2, 0.975)]
        )
    ]
    text = lines_of(*windows)
    assert "goodput: 3 of 3.5 requests a second meet the limits" in text
    assert (
        "continuity: C50 90%, C100 100%, C250 100%, fairness 1.2 (slowest listener to the median)"
    ) in text


def test_the_target_and_its_queue() -> None:
    text = lines_of(
        window(0, concurrency=7.9, queue_p50_ms=3.0, queue_p95_ms=12.0),
        cpu_per_stream=0.21,
        rss_per_stream_mb=12.4,
    )
    assert (
        "target: 7.9 requests under way, 21% of a core a stream, 12.4 MB a stream, queue p50 3 ms, "
        "p95 12 ms"
    ) in text


def test_the_generator_is_shown_at_its_worst_in_one_line() -> None:
    late = structs.replace(HEALTH, lateness_p99_ms=6.5)
    *_, text = lines_of(window(0), window(1, generator=late), null_rate=340.0, wanted_rate=3.5)
    assert text == (
        "generator: 6.5 ms late (p99), loop lag 0.5 ms (p99), 12% of a core, "
        "340 requests/s with a null target, 3.5 wanted"
    )


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0"),
        (0.0021, "less than 0.01"),
        (0.0477, "0.05"),
        (1.69, "1.69"),
        (7.0, "7"),
        (20.04, "20"),
        (340.4, "340"),
        (999.7, "1000"),
        (4657.3, "4660"),
        (123_456.0, "123000"),
    ],
)
def test_a_figure_is_written_as_people_write_it(value: float, text: str) -> None:
    assert crowd.figure(value) == text


def test_large_and_small_figures_of_a_load_have_no_exponent() -> None:
    text = lines_of(
        window(0, concurrency=0.0477, queue_p50_ms=1234.5, queue_p95_ms=12_345.0),
        cpu_per_stream=0.0066,
        null_rate=4657.3,
        wanted_rate=1.69,
    )
    assert (
        "target: 0.05 requests under way, 0.7% of a core a stream, queue p50 1230 ms, p95 12300 ms"
    ) in text
    assert text[-1].endswith("4660 requests/s with a null target, 1.69 wanted")
    assert "target: 1.3 cores a stream" in lines_of(window(0), cpu_per_stream=1.3)


def test_integrity_is_shown_where_it_is_broken() -> None:
    sound = IntegrityCheck(answers=70, outside=0, compared=8)
    assert lines_of(window(0), integrity=sound) == lines_of(window(0))
    broken = structs.replace(sound, outside=2, differing=("it said another's text",))
    assert (
        "integrity: 2 of 70 answers not as long as the text, 1 of 8 compared not its text"
    ) in lines_of(window(0), integrity=broken)


def test_what_comes_after_a_hanging_up() -> None:
    found = BargeIn(
        hang_ups=30, stop_p50_ms=8.0, stop_p95_ms=41.0, wasted_s=0.02, next_ttfa_ms=105.0,
        idle_ttfa_ms=100.0, handles_before=40, handles_after=70, rss_before_bytes=100_000_000,
        rss_after_bytes=112_000_000,
    )  # fmt: skip
    counts, *lines, generator = lines_of(window(0), barge_in=found)
    assert lines == [
        "after a hanging up: 30 times, work ends after p50 8 ms, p95 41 ms, 0.02 s of CPU wasted",
        "next answer: first sound after 105 ms (100 ms when idle)",
        "left behind: 40 handles before, 70 after, memory +12 MB",
    ]
    assert counts == "70 requests in 1 window: 70 answered"
    assert generator.startswith("generator: ")


def test_what_of_a_hanging_up_was_not_measured_says_why() -> None:
    found = BargeIn(hang_ups=30, reason="the server runs elsewhere")
    load = LoadResult(spec=LoadSpec(listeners=1, hangs_up=True), seed=1, windows=(), barge_in=found)
    assert list(crowd.describe_load(load)) == [
        "after a hanging up: 30 times",
        "not all of it was measured: the server runs elsewhere",
    ]


def test_a_single_listener_who_hangs_up_has_no_windows_to_speak_of() -> None:
    found = BargeIn(hang_ups=82, stop_p50_ms=8.0, stop_p95_ms=41.0)
    load = LoadResult(spec=LoadSpec(listeners=1, hangs_up=True), seed=1, windows=(), barge_in=found)
    (line,) = crowd.describe_load(load)
    assert line == "after a hanging up: 82 times, work ends after p50 8 ms, p95 41 ms"
    limit = Threshold(
        marker="barge_in", keyword="stop_p95_ms", metric="barge_in_stop_ms", statistic="p95",
        limit=30,
    )  # fmt: skip
    verdict = structs.replace(
        VERDICT, subject=limit.label, threshold=limit, metric=limit.metric, value=41.0, n=60
    )
    result = result_of(load, verdicts=(verdict,))
    label, row, *others = terminal.table([result]).splitlines()[2:]
    assert label == "test_x[cpu] short stream warm, 1 listener, hanging up"
    assert row.split() == ["barge_in", "stop_p95", "60", "41.0", "30.0", "ms", "FAIL"]
    assert others == [f"  {line}"], "no row of what nobody listened to"
    assert "voice heart, 82 hang-ups" in terminal.failures([result], [Outcome.FAIL])


VERDICT = Verdict(
    subject="ttfa p95",
    outcome=Outcome.FAIL,
    reason="the typical window's p95 is 640 ms, limit 500 ms: 6 of 6 windows exceed it",
    metric="ttfa_ms",
    statistic="p95",
    value=640.0,
    bound=700.0,
    limit=500.0,
    n=6,
    threshold=LIMIT,
)


def failing() -> CellResult:
    windows = [window(number) for number in range(6)]
    figures = Summary(metric="ttfa_ms", n=420, missing=0, p50=210.0, p95=650.0, p95_bound=660.0)
    return result_of(load_of(*windows), summary={"ttfa_ms": figures}, verdicts=(VERDICT,))


def test_the_table_counts_windows_and_names_the_load() -> None:
    lines = terminal.table([failing()]).splitlines()
    assert lines[2] == "test_x[cpu] short stream warm, 8 listeners"
    assert lines[3].split() == [
        "ttfa", "p95", "6", "windows", "210", "650", ">=", "700", "500", "ms", "FAIL"
    ]  # fmt: skip
    assert lines[5] == "  420 requests in 6 windows: 420 answered"
    assert lines[-1].startswith("  generator: ")


def test_a_failure_reads_like_that_of_one_listener_and_says_how_to_tell_waiting() -> None:
    lines = terminal.failures([failing()], [Outcome.FAIL]).splitlines()
    assert lines[0] == (
        "test_x[cpu] short stream warm, 8 listeners: engine:Engine, voice heart, "
        "6 windows of 20 s, 420 requests"
    )
    assert lines[1] == f"  FAIL  ttfa p95: {VERDICT.reason}"
    assert not any("answered" in line for line in lines), "all were"
    assert lines[-1].startswith("  Try: measure it with one listener too")


def test_a_failure_tells_what_was_not_answered() -> None:
    result = failing()
    refused = window(0, answered=60, refused=10, failures={"HTTP 503": 10})
    text = terminal.failures([structs.replace(result, load=load_of(refused))], [Outcome.FAIL])
    assert "  70 requests in 1 window: 60 answered, 10 refused" in text
    assert "  errors: HTTP 503 10 times" in text


def test_memory_is_read_by_windows() -> None:
    limit = Threshold(
        marker="memory", keyword="rss_peak_mb", metric="rss_peak_mb", statistic="value", limit=900
    )
    verdict = structs.replace(VERDICT, subject=limit.label, threshold=limit, value=130.0)
    text = terminal.table([structs.replace(failing(), verdicts=(verdict,))])
    assert "  memory rss_peak  6 windows  130" in text


@pytest.mark.parametrize("marker", ["barge_in", "capacity"])
def test_what_no_trial_has_by_itself_gets_a_hint_of_its_own(marker: str) -> None:
    threshold = structs.replace(LIMIT, marker=marker, metric="capacity", statistic="value")
    verdict = structs.replace(VERDICT, threshold=threshold, metric="capacity", value=None)
    failed = structs.replace(failing(), verdicts=(verdict,))
    text = terminal.failures([failed], [Outcome.FAIL])
    assert text.endswith(f"Try: {terminal.HINTS[marker]}.")


def test_a_search_is_a_row_and_its_levels_are_the_evidence() -> None:
    good = CapacityLevel(level=6, windows=(window(0), window(1)), good=2, outcome=Outcome.PASS)
    bad = CapacityLevel(level=8, windows=(window(0),), good=0, outcome=Outcome.FAIL)
    explored = CapacityLevel(
        level=4, windows=(), explored=(window(0),), good=0, outcome=Outcome.PASS
    )
    sentence = "at least 6 listeners, 95 % sure; 8 fails in 1 of 1 windows"
    found = Capacity(
        unit="listeners", limits={}, confidence=0.95, proven=6, refuted=8,
        levels=(bad, good, explored), reason=sentence,
    )  # fmt: skip
    levels = (
        "4 listeners: explored in 1 window; 6 listeners: 2 of 2 windows good; "
        "8 listeners: 0 of 1 window good"
    )
    threshold = Threshold(
        marker="capacity", keyword="min_listeners", metric="capacity", statistic="value",
        limit=6, is_least=True,
    )  # fmt: skip
    verdict = Verdict(
        subject=threshold.label, outcome=Outcome.PASS, reason=sentence, metric="capacity",
        value=6, limit=6, n=3, threshold=threshold,
    )  # fmt: skip
    result = structs.replace(result_of(None), capacity=found, verdicts=(verdict,))
    label, row = terminal.table([result]).splitlines()[2:]
    assert label == "test_x[cpu] short stream warm"
    assert row.split() == ["capacity", "min_listeners", "3", "6", "6", "PASS"]
    text = terminal.failures([result], [Outcome.PASS])
    assert text.startswith(f"test_x[cpu] short stream warm: engine:Engine, voice heart, {levels}")


def test_a_change_is_a_share_in_the_table() -> None:
    threshold = Threshold(
        marker="barge_in", keyword="next_ttfa", metric="barge_in_next_ttfa", statistic="value",
        limit=0.1,
    )  # fmt: skip
    verdict = structs.replace(
        VERDICT, subject=threshold.label, threshold=threshold, value=0.123, n=1
    )
    text = terminal.table([structs.replace(failing(), verdicts=(verdict,))])
    row = next(line for line in text.splitlines() if line.startswith("  barge_in next_ttfa"))
    assert row.split() == ["barge_in", "next_ttfa", "1", "12.3%", "10%", "FAIL"]
