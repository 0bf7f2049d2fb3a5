"""What follows from recorded trials, without any process: defaults, pooling, judging."""

from __future__ import annotations

import pytest
from msgspec import structs

from pytest_ttsperf.experiment import cell as cell_run
from pytest_ttsperf.experiment import plan as plans
from pytest_ttsperf.records import (
    Cell,
    CellResult,
    Outcome,
    Phase,
    Recording,
    Sound,
    TargetInfo,
    TargetProcess,
    TargetSpec,
    Threshold,
    Trial,
    TrustNote,
    Usage,
)

MS = 1_000_000


def limit(statistic: str, value: float = 100.0) -> Threshold:
    return Threshold(
        marker="ttfa", keyword=f"{statistic}_ms", metric="ttfa_ms", statistic=statistic, limit=value  # type: ignore[arg-type]
    )  # fmt: skip


def trial(index: int, first_ms: float, *, rss_mb: int = 100, process: int = 0) -> Trial:
    return Trial(
        index=index, kind="trial", process=process, text=f"Text number {index} of a short preset.",
        recording=Recording(
            request_ns=0, arrivals_ns=(int(first_ms * MS), int((first_ms + 50) * MS)),
            frame_counts=(24_000, 24_000), end_ns=int((first_ms + 51) * MS), sample_rate=24_000,
        ),
        sound=Sound(onset_frame=0, last_frame=48_000, silence_share=0.0, active_level_dbfs=-20.0),
        usage=Usage(rss_bytes=rss_mb * 10**6, rss_peak_bytes=rss_mb * 10**6, uss_bytes=None,
                    cpu_s=0.05),
    )  # fmt: skip


def result(firsts_ms: list[float], *thresholds: Threshold, phase: Phase = "warm") -> CellResult:
    cell = Cell(
        test="t", target="x:X", provider="default", voice="default", preset="short", mode="stream",
        phase=phase,
    )  # fmt: skip
    return cell_run.derive(
        CellResult(
            cell=cell, fingerprint="f", declared_trials=len(firsts_ms), ready=None,
            trials=tuple(trial(i, ms) for i, ms in enumerate(firsts_ms)), thresholds=thresholds,
        )
    )  # fmt: skip


@pytest.mark.parametrize(
    ("phase", "statistics", "trials"),
    [
        ("warm", [], 59), ("warm", ["p50"], 59), ("warm", ["p95", "max"], 59),
        ("warm", ["p95", "p99"], 299), ("cold", ["p95"], 5), ("cold", [], 5),
    ],
)  # fmt: skip
def test_default_trials(phase: Phase, statistics: list[str], trials: int) -> None:
    assert plans.default_trials(phase, [limit(s) for s in statistics]) == trials


def test_judging_keeps_every_reason() -> None:
    judged = cell_run.judge(result([50.0] * 5, limit("p50"), limit("p50", 10.0), limit("p95")))
    assert [v.outcome for v in judged.verdicts] == [
        Outcome.PASS, Outcome.FAIL, Outcome.INCONCLUSIVE
    ]  # fmt: skip
    assert judged.outcome is Outcome.FAIL


def test_an_invalid_note_voids_the_cell() -> None:
    void = structs.replace(
        result([50.0] * 5, limit("p50")), notes=(TrustNote(guard="x", text="why", invalid=True),)
    )
    judged = cell_run.judge(void)
    assert judged.outcome is Outcome.INVALID
    assert judged.verdicts[0].reason == "why"


def test_pooling_judges_all_trials_and_keeps_processes_apart() -> None:
    first, second = result([50.0] * 3, limit("p50")), result([60.0] * 3, limit("p50"))
    both = cell_run.pool(first, second)
    assert [t.process for t in both.trials] == [0, 0, 0, 1, 1, 1]
    assert both.declared_trials == 6
    assert both.summary["ttfa_ms"].p50 == pytest.approx(55.0)
    assert cell_run.judge(first).outcome is Outcome.INCONCLUSIVE
    assert cell_run.judge(both).outcome is Outcome.PASS


def stopped(firsts_ms: list[float], declared: int, *thresholds: Threshold) -> CellResult:
    return structs.replace(
        result(firsts_ms, *thresholds), declared_trials=declared, stopped_early=True
    )


def test_a_sample_that_ended_early_declared_what_it_made() -> None:
    early = cell_run.judge(stopped([50.0, 150.0, 50.0, 50.0, 150.0], 59, limit("p50")))
    assert early.declared_trials == 59
    assert early.verdicts[0].outcome is Outcome.INCONCLUSIVE  # by the level before the end
    both = cell_run.judge(cell_run.pool(early, result([50.0] * 15, limit("p50"))))
    assert (both.declared_trials, both.stopped_early) == (20, False)
    assert both.verdicts[0].outcome is Outcome.PASS
    again = cell_run.pool(result([50.0] * 5, limit("p50")), stopped([150.0] * 3, 9, limit("p50")))
    assert (again.declared_trials, again.stopped_early) == (14, True)
    assert cell_run.judge(again).verdicts[0].outcome is Outcome.INCONCLUSIVE


def test_each_judgement_of_a_full_sample_is_a_look() -> None:
    first = structs.replace(result([50.0] * 3, limit("p50")), looks=3)
    assert cell_run.pool(first, first).earlier_looks == 0  # measured twice, not yet judged
    second = cell_run.pool(cell_run.judge(first), first)
    assert (second.looks, second.earlier_looks) == (3, 1)
    third = cell_run.pool(cell_run.judge(second), first)
    assert third.earlier_looks == 2
    early = cell_run.judge(stopped([150.0] * 3, 59, limit("p50")))
    assert cell_run.pool(early, first).earlier_looks == 0


def test_what_was_judged_passes_later_only_where_a_rerun_was_announced() -> None:
    unannounced = result([50.0] * 4, limit("p50"))
    assert cell_run.judge(unannounced).outcome is Outcome.INCONCLUSIVE
    pooled = cell_run.pool(cell_run.judge(unannounced), unannounced)
    assert cell_run.judge(pooled).outcome is Outcome.INCONCLUSIVE
    announced = structs.replace(unannounced, looks=2)
    pooled = cell_run.pool(cell_run.judge(announced), announced)
    assert cell_run.judge(pooled).outcome is Outcome.PASS


def test_default_trials_where_looks_share_the_error() -> None:
    counts = [plans.default_trials("warm", [], looks) for looks in (1, 2, 3, 4)]
    assert counts == [59, 72, 80, 86]
    assert plans.default_trials("cold", [], 2) == 6


def test_memory_range_is_that_of_one_process() -> None:
    """Two processes of different size have no range between them; the worst one counts."""
    trials = [trial(0, 50, rss_mb=100), trial(1, 50, rss_mb=110)]
    trials += [trial(2, 50, rss_mb=300, process=1), trial(3, 50, rss_mb=303, process=1)]
    both = cell_run.derive(structs.replace(result([50.0]), trials=tuple(trials)))
    assert both.memory.rss_range_mb == pytest.approx(10.0)
    assert both.memory.rss_peak_mb == pytest.approx(303.0)


def process(number: int, idle_mb: int) -> TargetProcess:
    idle = Usage(
        rss_bytes=idle_mb * 10**6, rss_peak_bytes=idle_mb * 10**6, uss_bytes=None, cpu_s=1.0
    )  # fmt: skip
    return TargetProcess(
        process=number, fingerprint="f", ready=TargetInfo(pid=1), idle=idle, start_s=1.0
    )  # fmt: skip


def test_each_process_has_a_baseline_of_its_own() -> None:
    trials = (trial(0, 50, rss_mb=100), trial(1, 50, rss_mb=300, process=1))
    spread = structs.replace(
        result([50.0]), trials=trials, processes=(process(0, 90), process(1, 280))
    )
    assert cell_run.derive(spread).memory.rss_baseline_mb == pytest.approx(280.0)
    # It is that of the process, and not that of the first one.
    second = structs.replace(spread, trials=trials[1:])
    assert cell_run.derive(second).memory.rss_baseline_mb == pytest.approx(280.0)
    first = structs.replace(spread, trials=trials[:1])
    assert cell_run.derive(first).memory.rss_baseline_mb == pytest.approx(90.0)


def test_processes_of_pooled_results_are_numbered_on() -> None:
    one = structs.replace(result([50.0]), processes=(process(0, 90),))
    spread = structs.replace(
        one,
        trials=(trial(1, 50), trial(2, 50, process=1)),
        processes=(process(0, 80), process(1, 70)),
    )
    both = cell_run.pool(cell_run.pool(one, spread), one)
    assert [each.process for each in both.processes] == [0, 1, 2, 3]
    assert [each.process for each in both.counted] == [0, 1, 2, 3]


def test_cold_processes_are_compared_with_each_other() -> None:
    trials = tuple(trial(i, 50, rss_mb=100 + i, process=i) for i in range(5))
    cold = cell_run.derive(structs.replace(result([50.0], phase="cold"), trials=trials))
    assert cold.memory.rss_range_mb == pytest.approx(4.0)


def test_limits_with_a_prebuffer_get_a_summary_of_their_own() -> None:
    threshold = structs.replace(limit("p50"), prebuffer_ms=100.0)
    assert "ttfa_ms@100ms" in result([50.0] * 3, threshold).summary


def test_going_on_with_fresh_texts() -> None:
    plan = plans.Plan(test="t", text="short", mode="stream", phase="warm", trials=3)
    assert plans.skip_spoken(plan, [result([50.0] * 4)]).first == 4
    other = structs.replace(plan_cell := result([50.0]).cell, preset="long")
    assert plans.skip_spoken(plan, [structs.replace(result([50.0]), cell=other)]).first == 0
    assert plan_cell.preset == "short"
    assert not set(plans.trial_texts(plan)) & set(plans.warmup_texts(plan, 16))


def test_target_label_names_its_options() -> None:
    spec = TargetSpec(spec="x:X", options={"threads": 2, "b": "c"})
    assert spec.label == "x:X(b='c', threads=2)"
