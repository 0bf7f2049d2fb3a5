"""A run as its pages show it: worst first, in three lines, cold beside warm."""

from __future__ import annotations

from pathlib import Path

from msgspec import structs

from pytest_ttsperf.records import CellResult, Git, Outcome, TargetProcess, TrustNote, Verdict
from pytest_ttsperf.report import page_build
from tests.unit.report.analysis import cases_of_speed, cases_of_the_rest
from tests.unit.report.factories import (
    ENVIRONMENT,
    FAILED,
    MACHINE,
    PASSED,
    QUIET,
    RTF,
    by_metric,
    cell,
    crowd_result,
    figures,
    result,
    run_of,
    trials,
    verdict,
    window,
)

OTHER = cell(test="tests/perf/test_voice.py::test_other[cpu]")
GOOD = result(cell=OTHER, verdicts=(PASSED,), summary=by_metric(figures("ttfa_ms", 31.4, 48.2)))
BAD = result(verdicts=(FAILED,), summary=by_metric(figures("ttfa_ms", 600.0, 644.6, n=25)))


def test_the_worst_cell_stands_first_and_is_named_in_the_summary() -> None:
    model = page_build.build(run_of(GOOD, BAD))
    assert [page.outcome for page in model.cells] == [Outcome.FAIL, Outcome.PASS]
    assert model.outcome is Outcome.FAIL
    verdict_line, worst_line, next_line = model.summary
    assert verdict_line == "1 cell FAIL, 1 cell PASS (verdicts: 1 FAIL, 1 PASS)."
    assert worst_line.startswith("Worst: test_reply[cpu] short stream warm: ttfa p95: because of")
    assert next_line


def test_a_likely_cause_and_its_next_step_are_in_the_summary() -> None:
    late = structs.replace(cases_of_speed.LATE_FIRST_CHUNK, verdicts=(FAILED,))
    model = page_build.build(run_of(late))
    _, worst, following = model.summary
    assert "Most likely: the first chunk waits for a whole sentence" in worst
    assert following.startswith("Next: cut the first segment shorter")
    (page,) = model.cells
    assert page.findings[0].rule == "segmentation"


def test_a_run_that_is_all_well_says_how_near_its_limits_are() -> None:
    tight = structs.replace(PASSED, value=450.0)
    rtf = verdict(Outcome.PASS, 0.1, RTF)
    model = page_build.build(run_of(structs.replace(GOOD, verdicts=(rtf, tight))))
    _, nearest, _ = model.summary
    assert "ttfa p95 450 of 500 ms" in nearest
    assert model.cells[0].headline == page_build.ALL_WELL


def test_a_run_without_a_baseline_says_that_and_not_that_all_is_well() -> None:
    lacking = Verdict(
        subject="baseline", outcome=Outcome.INCONCLUSIVE, reason="there is none", gate="baseline"
    )
    model = page_build.build(run_of(structs.replace(GOOD, verdicts=(PASSED, lacking))))
    assert model.cells[0].outcome is Outcome.INCONCLUSIVE
    assert model.cells[0].headline == page_build.NOT_COMPARED


def test_an_empty_run_has_three_lines_as_well() -> None:
    model = page_build.build(run_of())
    assert len(model.summary) == 3
    assert all(line.endswith(".") for line in model.summary)
    assert model.outcome is None
    assert model.cells == ()


def test_a_run_that_was_broken_off_says_so() -> None:
    model = page_build.build(run_of(GOOD, finished=False))
    assert "not finished" in model.summary[0]
    assert not model.is_finished


def test_a_cell_without_limits_is_not_judged() -> None:
    bare = structs.replace(GOOD, verdicts=())
    model = page_build.build(run_of(bare))
    (page,) = model.cells
    assert page.outcome is None
    assert page.headline == page_build.NOTHING_JUDGED
    assert "without limits" in model.summary[0]


def test_what_voids_a_cell_is_its_headline() -> None:
    doubt = verdict(
        Outcome.INVALID, None, subject="cache", gate="trust", metric=None, threshold=None
    )
    void = result(
        verdicts=(verdict(Outcome.INVALID, 48.2), doubt), notes=(cases_of_the_rest.CACHED,)
    )
    (page,) = page_build.build(run_of(void)).cells
    assert page.headline.startswith("cache: ")
    assert [cause.rule for cause in page.findings] == ["not_believable"]


def test_a_traceback_is_in_no_headline_and_stands_below() -> None:
    named = "5 of 5 failed, the first so: target engine:Engine raised ValueError: no"
    error = f"{named}\nTraceback (most recent call last):\n  File engine.py, line 7"
    void = verdict(
        Outcome.INVALID, None, subject="failed", reason=error, gate="trust", metric=None,
        threshold=None,
    )  # fmt: skip
    note = TrustNote(guard="failed", text=error, invalid=True)
    model = page_build.build(run_of(result(verdicts=(void,), notes=(note,))))
    (page,) = model.cells
    assert page.headline == f"failed: {named}"
    assert page.findings[0].evidence == (f"failed: {named}",)
    assert not any("\n" in line for line in model.summary)
    assert "Traceback" in page.rows[0].reason


def test_anchors_are_unique_and_plain() -> None:
    twins = [result(cell=cell(voice=voice)) for voice in ("heart", "joe", "ä/b")]
    model = page_build.build(run_of(*twins))
    anchors = [page.anchor for page in model.cells]
    assert len(set(anchors)) == 3
    assert all(anchor.replace("-", "").isalnum() and anchor.isascii() for anchor in anchors)


def test_evidence_counts_trials_processes_and_early_ends() -> None:
    ready = cases_of_speed.placed("cpu").ready
    assert ready is not None
    processes = tuple(
        TargetProcess(process=number, fingerprint="f", ready=ready, start_s=0.1)
        for number in range(3)
    )
    early = structs.replace(BAD, processes=processes, stopped_early=True)
    (page,) = page_build.build(run_of(early)).cells
    assert page.evidence == "25 of 59 trials in 3 processes, stopped early"
    crowd = crowd_result(window(), verdicts=(PASSED,))
    (page,) = page_build.build(run_of(crowd)).cells
    assert page.evidence == "1 window of 20 s, 70 requests"


# Cold beside warm


def test_cold_stands_beside_warm() -> None:
    cold = structs.replace(
        cases_of_speed.SLOW_OPENING, summary=by_metric(figures("ttfa_sound_ms", 4200.0, n=5))
    )
    warm = cases_of_speed.WARM
    model = page_build.build(run_of(cold, warm))
    (pair,) = model.phase_pairs
    (row,) = pair.rows
    assert (row.cold, row.warm, row.cold_n, row.warm_n) == (4200.0, 48.2, 5, 59)
    assert (row.cold_text, row.warm_text, row.ratio_text) == ("4200 ms", "48.2 ms", "87.1 x")
    assert [fact.label for fact in pair.start_phases] == ["process", "import", "open", "first run"]
    anchors = {page.anchor for page in model.cells}
    assert {pair.cold_anchor, pair.warm_anchor} == anchors


def test_another_voice_is_no_counterpart() -> None:
    warm = structs.replace(cases_of_speed.WARM, cell=cell(voice="joe"))
    assert page_build.build(run_of(cases_of_speed.COLD_SLOW, warm)).phase_pairs == ()


def test_of_several_warm_cells_that_with_most_trials_counts() -> None:
    few = structs.replace(
        cases_of_speed.WARM, cell=OTHER, summary=by_metric(figures("ttfa_sound_ms", 9.0, n=3))
    )
    model = page_build.build(run_of(cases_of_speed.COLD_SLOW, few, cases_of_speed.WARM))
    (pair,) = model.phase_pairs
    assert pair.rows[0].warm_n == 59


def labels_of_pairs(*results: CellResult) -> list[str]:
    return [pair.label for pair in page_build.build(run_of(*results)).phase_pairs]


def test_a_pair_is_called_by_what_cold_and_warm_have_in_common() -> None:
    pair = (cases_of_speed.COLD_SLOW, cases_of_speed.WARM)
    assert labels_of_pairs(*pair) == ["cpu heart short stream"]


def test_of_several_targets_each_pair_names_its_own() -> None:
    pair = (cases_of_speed.COLD_SLOW, cases_of_speed.WARM)
    other = [
        structs.replace(each, cell=structs.replace(each.cell, target="engine:Other"))
        for each in pair
    ]
    assert labels_of_pairs(*pair, *other) == [
        "engine:Engine cpu heart short stream",
        "engine:Other cpu heart short stream",
    ]
    assert labels_of_pairs(*pair, other[1])[0].startswith("engine:Engine "), "of one pair, too"


def test_a_target_in_the_label_of_a_pair_has_no_secrets() -> None:
    address = "https://user:verysecret@host/v1"
    pair = [
        structs.replace(each, cell=structs.replace(each.cell, target=address))
        for each in (cases_of_speed.COLD_SLOW, cases_of_speed.WARM)
    ]
    [label] = labels_of_pairs(*pair, GOOD)
    assert label.endswith(" cpu heart short stream")
    assert "host" in label
    assert "verysecret" not in label


def test_two_cold_tests_of_the_same_are_told_apart() -> None:
    again = structs.replace(
        cases_of_speed.COLD_SLOW, cell=cell(phase="cold", test="tests/test_b.py::test_again[cpu]")
    )
    labels = labels_of_pairs(cases_of_speed.COLD_SLOW, again, cases_of_speed.WARM)
    assert sorted(labels) == [
        "cpu heart short stream, tests/perf/test_voice.py::test_cold[cpu]",
        "cpu heart short stream, tests/test_b.py::test_again[cpu]",
    ]


# The machine


def test_the_environment_and_what_puts_it_in_doubt() -> None:
    machine = structs.replace(MACHINE, affinity=2, cpu_quota=1.5)
    environment = structs.replace(
        ENVIRONMENT,
        machine=machine,
        git=Git(revision="ed2939f35358994036562dc4d8bac72c2b5552c8", branch="main", dirty=True),
    )
    loud = structs.replace(GOOD, machine_load=structs.replace(QUIET, others_cores=1.2))
    model = page_build.build(run_of(loud, environment=environment))
    facts = {fact.label: fact.value for fact in model.environment}
    assert facts["processor"] == "Scripted, 4 cores, 2 of them for this process, a quota of 1.5"
    assert facts["revision"] == "ed2939f35358 (main), changed since"
    tree, load = model.disturbances
    assert "working tree" in tree
    assert load == "test_other[cpu] short stream warm: others kept 1.2 of 2 cores busy"


def test_a_quiet_machine_disturbs_nothing() -> None:
    assert page_build.build(run_of(GOOD)).disturbances == ()


def test_the_run_can_be_repeated_and_its_secrets_stay_secret() -> None:
    typed = ("-m", "perf", "--ttsperf-target-option=api_key=sk-abcdefghijklmnop")
    environment = structs.replace(ENVIRONMENT, arguments=typed)
    model = page_build.build(run_of(GOOD, environment=environment))
    assert model.again.startswith("pytest -m perf ")
    assert "sk-abcdefghijklmnop" not in model.again


def test_the_artifact_is_named_beside_the_page(tmp_path: Path) -> None:
    model = page_build.build(run_of(GOOD), tmp_path / "run_101959.json")
    assert model.artifact == "run_101959.json"
    assert page_build.build(run_of(GOOD)).artifact is None


def test_a_cell_has_its_parts_and_its_notes() -> None:
    note = TrustNote(guard="trend", text="rtf rises by 6 %")
    full = structs.replace(GOOD, trials=trials(5), notes=(note,))
    (page,) = page_build.build(run_of(full)).cells
    assert page.raw_trials == 5
    assert page.notes == ("trend: rtf rises by 6 %",)
    assert page.cadence is not None
    assert page.timelines
    assert page.distributions
    assert page.changes is None
    assert page.capacity is None
