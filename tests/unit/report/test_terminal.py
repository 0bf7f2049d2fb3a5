"""Text for people: what it says, in which order."""

from __future__ import annotations

import pytest
from msgspec import structs

from pytest_ttsperf.records import (
    Breakdown,
    Cell,
    CellResult,
    ChangeVerdict,
    ComparedMetric,
    Comparison,
    Outcome,
    RecorderCost,
    StageShare,
    Summary,
    SystemLoad,
    Threshold,
    TrustNote,
    UngatedChange,
    Verdict,
)
from pytest_ttsperf.report import terminal
from pytest_ttsperf.report.rows import number

LIMIT = Threshold(marker="ttfa", keyword="p95_ms", metric="ttfa_ms", statistic="p95", limit=500)


def result(test: str, *outcomes: Outcome, notes: tuple[TrustNote, ...] = ()) -> CellResult:
    cell = Cell(
        test=f"tests/test_a.py::{test}", target="engine:Engine", provider="cpu", voice="heart",
        preset="short", mode="stream", phase="warm",
    )  # fmt: skip
    verdicts = tuple(
        Verdict(
            subject=f"ttfa p95 {number}" if number else "ttfa p95", outcome=outcome,
            reason=f"because of {outcome.value}", metric="ttfa_ms", value=48.2, n=59,
            threshold=LIMIT,
        )
        for number, outcome in enumerate(outcomes)
    )  # fmt: skip
    figures = Summary(metric="ttfa_ms", n=59, missing=0, p50=31.4, p95=48.2, p95_bound=61.0)
    return CellResult(
        cell=cell, fingerprint="f", declared_trials=59, trials=(), ready=None,
        summary={"ttfa_ms": figures}, verdicts=verdicts, notes=notes, thresholds=(LIMIT,),
        breakdown=Breakdown(to_first_sound=(StageShare(stage="decode", ms=25.0, share=0.8),)),
    )  # fmt: skip


def test_table_has_the_worst_first_and_names_provider_and_bound() -> None:
    text = terminal.table(
        [result("test_b[cpu]", Outcome.PASS), result("test_a[cpu]", Outcome.PASS, Outcome.FAIL)]
    )
    lines = text.splitlines()
    assert lines[0].split() == [
        "cell,",
        "metric",
        "n",
        "p50",
        "p95",
        "95",
        "%",
        "bound",
        "limit",
        "verdict",
    ]
    assert lines[2].startswith("test_a[cpu] short stream warm")
    assert lines[3].endswith("FAIL")
    assert lines[4].endswith("PASS")
    assert lines[5].startswith("  longest stall")
    assert lines[6].startswith("test_b[cpu]")
    assert lines[7].split() == [
        "ttfa",
        "p95",
        "59",
        "31.4",
        "48.2",
        "<=",
        "61.0",
        "500",
        "ms",
        "PASS",
    ]


@pytest.mark.parametrize(("bound", "shown"), [(73.0, "<= 73.0"), (None, "n too small")])
def test_the_bound_beside_a_limit_is_that_of_the_verdict(bound: float | None, shown: str) -> None:
    """Spells widen it: the summary's is that of independent trials."""
    plain = result("test_a", Outcome.INCONCLUSIVE)
    verdict = structs.replace(plain.verdicts[0], n_effective=31.0, bound=bound)
    text = terminal.table([structs.replace(plain, verdicts=(verdict,))])
    assert f" {shown} " in text
    assert "61.0" not in text


def test_beside_a_limit_that_is_broken_stands_what_it_is_at_least() -> None:
    plain = result("test_a", Outcome.FAIL)
    verdict = structs.replace(plain.verdicts[0], lower_bound=510.0)
    text = terminal.table([structs.replace(plain, verdicts=(verdict,))])
    assert " >= 510 " in text
    assert "61.0" not in text


def test_table_without_verdicts_and_with_colour() -> None:
    assert "no limit" in terminal.table([result("test_a")])
    painted = terminal.table([result("test_a", Outcome.PASS)], lambda text, _: f"<{text}>")
    assert painted.splitlines()[-2].endswith("<PASS>")


def test_the_longest_stall_of_the_tests_player_stands_in_each_streamed_cell() -> None:
    buffered = Threshold(
        marker="cadence", keyword="underruns", metric="underruns", statistic="max", limit=0.0,
        prebuffer_ms=100.0,
    )  # fmt: skip
    plain = result("test_a")
    stalls = Summary(metric="longest_stall_ms", n=59, missing=0, p50=0.0, p95=1460.0)
    cell = structs.replace(
        plain, thresholds=(buffered,), summary={"longest_stall_ms@100ms": stalls}
    )
    rows = [line.split() for line in terminal.table([cell]).splitlines()]
    assert rows[-1] == [
        "longest", "stall", "(100", "ms", "buffered)", "59", "0", "1460", "-", "no", "limit"
    ]  # fmt: skip
    whole = structs.replace(plain, cell=structs.replace(plain.cell, mode="synthesize"))
    assert "longest stall" not in terminal.table([whole])


def test_failures_tell_evidence_stages_and_what_to_try() -> None:
    text = terminal.failures([result("test_a", Outcome.FAIL, Outcome.PASS)], [Outcome.FAIL])
    assert "engine:Engine, voice heart, 59 of 59 trials" in text
    assert "FAIL  ttfa p95: because of FAIL" in text
    assert "stages to the first sound, median: decode 25.0 ms (80%)" in text
    assert "Try: " in text
    assert "because of PASS" not in text


def test_stages_of_several_figures_are_said_once() -> None:
    found = result("test_a", Outcome.FAIL)
    verdicts = (found.verdicts[0], structs.replace(found.verdicts[0], subject="ttfa p50"))
    text = terminal.failures([structs.replace(found, verdicts=verdicts)], [Outcome.FAIL])
    assert text.count("FAIL  ttfa p") == 2
    assert text.count("stages to the first sound") == 1


def test_remarks_and_counts() -> None:
    note = TrustNote(guard="quiet", text="it kept working")
    void = TrustNote(guard="cache", text="told as a verdict", invalid=True)
    results = [
        result("test_a", Outcome.INCONCLUSIVE, notes=(note, void)),
        result("test_b", Outcome.PASS, Outcome.PASS),
    ]
    told = terminal.remarks(results)
    shared = [result("test_c", Outcome.PASS, notes=(note,)), *results]
    assert "2 cells: it kept working" in terminal.remarks(shared)
    assert "every cell: it kept working" in terminal.remarks([shared[0], results[0]])
    assert any("because of INCONCLUSIVE" in line for line in told)
    assert any("it kept working" in line for line in told)
    assert not any("told as a verdict" in line for line in told)
    assert terminal.counts(results) == "1 INCONCLUSIVE, 2 PASS"
    assert terminal.counts([]) == "nothing judged"


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, "-"), (0.0, "0"), (0.0312, "0.031"), (1.5, "1.50"), (31.44, "31.4"), (512.3, "512")],
)
def test_numbers(value: float | None, text: str) -> None:
    assert number(value) == text
    assert number(31.44, "ms") == "31.4 ms"


def test_recorder_line() -> None:
    costs = [RecorderCost(ttfa_us=1.24, per_chunk_us=0.2, trials=9)]
    assert "1.2 us on TTFA, 0.20 us a chunk" in (terminal.recorder_line(costs) or "")
    assert terminal.recorder_line([]) is None


def test_failures_name_the_stage_to_look_at_first() -> None:
    text = terminal.failures([result("test_a", Outcome.FAIL)], [Outcome.FAIL])
    assert "Try: look at decode first, it takes 80% of the time to the first sound." in text


@pytest.mark.parametrize(("rtf", "is_slower"), [(0.30, False), (1.0, False), (1.2, True)])
def test_only_an_engine_above_real_time_is_called_slower_than_playback(
    rtf: float, is_slower: bool
) -> None:
    limit = Threshold(marker="rtf", keyword="p95", metric="rtf", statistic="p95", limit=0.25)
    failed = Verdict(
        subject="rtf p95",
        outcome=Outcome.FAIL,
        reason="over the limit",
        metric="rtf",
        value=rtf,
        threshold=limit,
    )
    cell = structs.replace(result("test_a"), verdicts=(failed,))
    text = terminal.failures([cell], [Outcome.FAIL])
    assert "Try: the engine " in text
    assert ("slower than playback" in text) is is_slower


def missed_rtf(value: float, *, p50: float | None = None, **cell: str) -> str:
    """What is said of a cell whose p95 of RTF is over its limit, by its median and its kind."""
    limit = Threshold(marker="rtf", keyword="p95", metric="rtf", statistic="p95", limit=0.25)
    failed = Verdict(
        subject="rtf p95", outcome=Outcome.FAIL, reason="over the limit", metric="rtf",
        value=value, threshold=limit,
    )  # fmt: skip
    found = result("test_a")
    summary = dict(found.summary)
    if p50 is not None:
        summary["rtf"] = Summary(metric="rtf", n=59, missing=0, p50=p50, p95=value)
    found = structs.replace(
        found, cell=structs.replace(found.cell, **cell), verdicts=(failed,), summary=summary
    )
    return terminal.failures([found], [Outcome.FAIL])


@pytest.mark.parametrize("value", [0.4, 1.9])
def test_a_start_says_nothing_of_how_fast_an_engine_speaks(value: float) -> None:
    cold = missed_rtf(value, p50=value, phase="cold")
    assert "slower than playback" not in cold
    assert "keeps up with playback" not in cold
    assert "a cold answer has a start in its time" in cold
    assert "a cold answer" not in missed_rtf(value, p50=value)


@pytest.mark.parametrize(("p50", "is_slower"), [(0.3, False), (1.0, False), (1.1, True)])
def test_an_engine_is_slower_than_playback_where_most_answers_are(
    p50: float, is_slower: bool
) -> None:
    text = missed_rtf(1.4, p50=p50)
    assert ("the engine is slower than playback" in text) is is_slower
    assert ("the slowest do not" in text) is not is_slower


def test_an_engine_that_is_slow_for_many_is_not_called_slow_by_itself() -> None:
    many = missed_rtf(1.4, p50=1.2, load="8 listeners")
    assert "Try: with so many listeners the engine is slower than playback" in many
    assert "Try: the engine" not in many
    assert "Try: the engine is slower than playback" in missed_rtf(1.4, p50=1.2)


def sky(**more: float | None) -> SystemLoad:
    known = {"others_cores": 0.48, "steal_share": 0.02, "seconds": 1.0, **more}
    return SystemLoad(load_1m=None, swap_used_share=None, governor=None, **known)


def test_load_line_tells_the_worst_cell_and_only_troubles_that_were() -> None:
    calm = structs.replace(result("test_a"), machine_load=sky())
    told = (
        "disturbances during the trials: 48% of one core was used by others, 2% of the CPU was "
        "withheld by the host"
    )
    assert terminal.load_line([calm]) == told
    wild = structs.replace(
        result("test_b"),
        machine_load=sky(
            others_cores=1.5, steal_share=0.1, swapped_mb=3.0, memory_stall_share=0.2,
            thermal_throttles=4, quota_wait_s=0.5,
        ),
    )  # fmt: skip
    text = terminal.load_line([calm, wild]) or ""
    assert "(worst: test_b short stream warm): 150% of one core" in text
    assert "up to 10% of the CPU was withheld by the host" in text
    for trouble in ("3.00 MB swapped", "20% of the time", "heat 4 times", "for 0.5 s"):
        assert trouble in text


def test_load_that_was_not_measured_is_told_as_such() -> None:
    blind = SystemLoad(
        load_1m=None, steal_share=None, swap_used_share=None, governor=None,
        unmeasured={"others_cores": "too short", "steal_share": "no host"},
    )  # fmt: skip
    text = terminal.load_line([structs.replace(result("test_a"), machine_load=blind)]) or ""
    assert "other load not measured (too short), what the host withheld is not measured (no" in text
    assert terminal.load_line([result("test_a")]) is None


def test_the_share_of_silence_stands_beside_an_rtf() -> None:
    speed = Threshold(marker="rtf", keyword="p95", metric="rtf", statistic="p95", limit=0.6)
    verdict = Verdict(
        subject="rtf p95",
        outcome=Outcome.PASS,
        reason="",
        metric="rtf",
        statistic="p95",
        threshold=speed,
    )
    silence = Summary(metric="silence_share", n=59, missing=0, p50=0.17, p95=0.25)
    cell = structs.replace(
        result("test_a"), verdicts=(verdict,), summary={"silence_share": silence}
    )
    rows = [line.split() for line in terminal.table([cell]).splitlines()]
    assert rows[-2] == ["silence", "share", "59", "0.170", "0.250", "-", "no", "limit"]
    assert "silence share" not in terminal.table([result("test_a", Outcome.PASS)])


def test_work_that_is_as_before_is_one_row_and_only_another_work_decides() -> None:
    comparison = Comparison(against="before", blocks=9)
    same = Verdict(
        subject="same work against before",
        outcome=Outcome.PASS,
        reason="as before: speech, level",
        gate="work",
        n=9,
    )
    slower = Verdict(
        subject="ttfa p50 against before",
        outcome=Outcome.INCONCLUSIVE,
        reason="open",
        gate="change",
    )
    cell = structs.replace(result("test_a"), comparison=comparison, verdicts=(slower, same))
    rows = [line.split() for line in terminal.table([cell]).splitlines()]
    assert ["same", "work", "against", "before", "9", "blocks", "PASS"] in rows
    assert terminal.no_decision_text([cell], against="before").startswith("NO GATE WAS DECIDED")
    other = structs.replace(same, subject="speech against before", outcome=Outcome.FAIL)
    cell = structs.replace(cell, verdicts=(slower, other))
    assert terminal.no_decision_text([cell], against="before") == ""


def test_a_sampled_limit_shows_how_many_texts_were_listened_to() -> None:
    words = Threshold(
        marker="quality", keyword="max_wer", metric="wer", statistic="value", limit=0.3
    )
    verdict = Verdict(
        subject="quality max_wer",
        outcome=Outcome.PASS,
        reason="",
        metric="wer",
        value=0.09,
        n=12,
        threshold=words,
    )
    summary = Summary(metric="wer", n=59, missing=47, p50=0.0, p95=0.5)
    cell = structs.replace(result("test_a"), verdicts=(verdict,), summary={"wer": summary})
    rows = [line.split() for line in terminal.table([cell]).splitlines()]
    assert ["quality", "max_wer", "12", "0.090", "0.300", "PASS"] in rows


@pytest.mark.parametrize(
    ("decided_s", "outcome", "when"),
    [
        (24.2, Outcome.PASS, "in 24 s"),
        (None, Outcome.INCONCLUSIVE, "not in 61 s"),
        (24.2, Outcome.INCONCLUSIVE, "not in 61 s"),
    ],
)
def test_a_comparison_says_how_soon_it_was_decided(
    decided_s: float | None, outcome: Outcome, when: str
) -> None:
    gate = ComparedMetric(label="ttfa p50", metric="ttfa_ms", statistic="p50", margin=0.03)
    change = ChangeVerdict(
        outcome=outcome, reason="", statistic="p50", scale="ratio", unit="", margin=0.03,
        look="end", blocks=9, left_out=0, effect=0.001, high=0.01, decided_s=decided_s,
    )  # fmt: skip
    comparison = Comparison(
        against="before", blocks=9, seconds=61.0, gates=(gate,), changes=(change,)
    )
    verdict = Verdict(subject="ttfa p50 against before", outcome=outcome, reason="", gate="change")
    cell = structs.replace(result("test_a"), comparison=comparison, verdicts=(verdict,))
    (row,) = [line for line in terminal.table([cell]).splitlines() if "ttfa p50 against" in line]
    words = " ".join(row.split()[4:])
    assert words == f"9 blocks +0.1 % {when} <= +1.0 % +3.0 % {outcome.value}"


def test_what_was_compared_and_not_judged_is_shown_without_a_verdict() -> None:
    late = ComparedMetric(
        label="ttfa late", metric="ttfa_sound_ms", statistic="late", margin=0.02, band=0.14
    )
    change = ChangeVerdict(
        outcome=Outcome.INCONCLUSIVE,
        reason="shown, and not judged",
        statistic="late",
        scale="ratio",
        unit="",
        margin=0.02,
        look="end",
        blocks=9,
        left_out=0,
        effect=0.006,
        high=0.031,
    )
    ungated = (UngatedChange(metric=late, change=change),)
    comparison = Comparison(against="before", blocks=9, ungated=ungated)
    cell = structs.replace(result("test_a", Outcome.PASS), comparison=comparison)
    rows = [line.split() for line in terminal.table([cell]).splitlines()]
    shown = [
        "ttfa",
        "late",
        "against",
        "before",
        "9",
        "blocks",
        "+0.6",
        "%",
        "<=",
        "+3.1",
        "%",
        "-",
    ]
    assert [*shown, "not", "judged"] in rows


def test_missing_baselines_are_a_line_for_all_and_no_row_a_cell() -> None:
    missing = Verdict(
        subject="baseline",
        outcome=Outcome.INCONCLUSIVE,
        reason="the only baselines of this cell are of other machines",
        gate="baseline",
        revision="0123456789abcdef",
    )
    nowhere = structs.replace(missing, revision=None)
    cells = [
        structs.replace(result("test_a"), verdicts=(missing,)),
        structs.replace(result("test_b", Outcome.PASS), verdicts=(missing,)),
        structs.replace(result("test_c"), verdicts=(nowhere,)),
    ]
    first, second = terminal.no_baseline_lines(cells)
    assert first.startswith("2 cells have no baseline of this machine; --ttsperf-compare=measure")
    assert first.endswith("saved from: 0123456789ab")
    assert second.startswith("1 cell has no baseline, and no revision to compare with; save them")
    assert terminal.remarks(cells) == []
    assert "baseline" not in terminal.table(cells)
    assert "INCONCLUSIVE" not in terminal.table(cells)
    assert "3 INCONCLUSIVE" in terminal.counts(cells)
    assert "other machines" in terminal.failures(cells, [Outcome.INCONCLUSIVE])
    assert terminal.no_baseline_lines([result("test_d", Outcome.PASS)]) == []
