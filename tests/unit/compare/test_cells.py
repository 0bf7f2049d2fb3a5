"""Which revision stored numbers are asked of, and which verdicts the answer stands in place of."""

from __future__ import annotations

import pytest
from msgspec import structs

from pytest_ttsperf.compare import cells, forecast, metrics
from pytest_ttsperf.compare.revisions import short_name
from pytest_ttsperf.errors import RevisionError
from pytest_ttsperf.experiment.plan import Plan, TargetFactory
from pytest_ttsperf.records import Outcome, TargetInfo, TargetProcess, TargetSpec, Verdict
from tests.unit.judge.factories import result

OLD, NEW = "a" * 40, "b" * 40


def verdict(subject="ttfa_sound p50", **more) -> Verdict:
    fields = {
        "outcome": Outcome.INCONCLUSIVE,
        "reason": "because",
        "gate": "baseline",
        "metric": "ttfa_sound_ms",
        "statistic": "p50",
        "limit": 100.0,
        "revision": NEW,
    }
    return Verdict(subject=subject, **{**fields, **more})


NO_BASELINE = verdict("baseline", metric=None, statistic=None, limit=None)
TOO_FEW = verdict(limit=None)


def compare(*verdicts, measure=False):
    """The verdicts after revisions were asked for that are not to be had, and which these were."""
    asked_for = []

    def version_of(revision):
        asked_for.append(revision)
        raise RevisionError(f"no revision {revision}")

    (compared,) = cells.compare_cells(
        [structs.replace(result(), verdicts=verdicts)],
        {},
        against=None,
        metrics_of=lambda phase, round_s: (),
        budget_s=1,
        version_of=version_of,
        tell=lambda text: None,
        measure=measure,
    )
    return compared.verdicts, asked_for


@pytest.mark.parametrize(
    ("found", "without", "measured"),
    [
        (verdict(), True, True),
        (verdict(outcome=Outcome.FAIL), True, True),
        (verdict(outcome=Outcome.PASS), False, False),
        (verdict(revision=None), False, False),
        (verdict(gate="change"), False, False),
        (NO_BASELINE, False, True),
        (TOO_FEW, False, True),
    ],
)
def test_what_needs_a_comparison(found, without, measured):
    one = structs.replace(result(), verdicts=(found,))
    assert cells.needs_comparison(one, measure=False) == without
    assert cells.needs_comparison(one, measure=True) == measured


def test_each_doubt_is_asked_of_its_own_revision():
    crept = verdict("rtf p50", metric="rtf", revision=OLD)
    found, asked_for = compare(verdict(), crept)
    assert asked_for == [NEW, OLD]
    assert found[0].reason == f"because. Measured beside it: no revision {NEW}"
    assert found[1].reason == f"because. Measured beside it: no revision {OLD}"
    assert [one.outcome for one in found] == [Outcome.INCONCLUSIVE] * 2


def test_two_doubts_of_one_revision_are_asked_once():
    _, asked_for = compare(verdict(), verdict("ttfa_sound p95", statistic="p95"))
    assert asked_for == [NEW]


def test_a_missing_baseline_makes_room_for_what_was_measured():
    limit = verdict("ttfa p50", gate="limit", revision=None, outcome=Outcome.PASS)
    found, asked_for = compare(limit, NO_BASELINE, measure=True)
    assert asked_for == [NEW]
    assert found[0] == limit
    assert [(one.subject, one.gate) for one in found[1:]] == [(f"against {'b' * 12}", "change")]
    assert compare(limit, NO_BASELINE) == ((limit, NO_BASELINE), [])


@pytest.mark.parametrize(
    ("text", "shown"),
    [(OLD, "a" * 12), ("a" * 64, "a" * 12), ("main", "main"), ("a" * 7, "a" * 7)],
)
def test_a_full_name_is_shown_by_its_first_digits(text, shown):
    assert short_name(text) == shown


def started_process(start_s):
    return TargetProcess(process=0, fingerprint="f", ready=TargetInfo(pid=1), start_s=start_s)


def test_the_budget_that_is_named_is_by_the_starts_and_trials_of_the_run():
    """Four processes that took 15 s each to start, in each of five blocks."""
    started = structs.replace(result(), processes=(started_process(10.0), started_process(20.0)))
    source = TargetFactory(spec=TargetSpec(spec="nowhere:Nothing"))
    plan = Plan(test="t", text="short", mode="stream", phase="warm", trials=2)
    rounds_s = []

    def metrics_of(phase, round_s):
        rounds_s.append(round_s)
        return metrics.choose_metrics(phase)

    (compared,) = cells.compare_cells(
        [started],
        {started.cell.id: (source, plan)},
        against=cells.ComparedVersion("another", spec=TargetSpec(spec="nowhere:Other")),
        metrics_of=metrics_of,
        budget_s=1e-6,
        version_of=None,
        tell=lambda text: None,
    )
    reason = compared.comparison.reason
    _, _, named = reason.partition("give ")
    assert float(named.split()[0]) > 1.1 * 5 * 4 * 15.0
    assert rounds_s == [pytest.approx(4 * forecast.mean_trial_s(started.counted))]


ASKED = {"preset": "piper", "connection": "fresh"}
MEASURED = "http://127.0.0.1:{port}"
STARTS = {"start": "now {port}"}


@pytest.mark.parametrize(
    ("measured", "named", "wanted"),
    [
        ({**ASKED, **STARTS}, {"start": "old {port}"}, {**ASKED, "start": "old {port}"}),
        (
            {**ASKED, **STARTS},
            {"start": "old {port}", "preset": "openai"},
            {"start": "old {port}", "preset": "openai", "connection": "keep"},
        ),
    ],
    ids=["only how it is started", "also how it is asked"],
)
def test_a_server_is_asked_as_the_measured_one_unless_it_is_named(measured, named, wanted):
    version = cells.ComparedVersion("old", spec=TargetSpec(spec=MEASURED, options=named))
    source = TargetFactory(spec=TargetSpec(spec=MEASURED, options=measured))
    assert version.of(source).spec.options == wanted


def test_one_that_runs_already_takes_over_how_and_not_by_what():
    version = cells.ComparedVersion("old", spec=TargetSpec(spec="http://127.0.0.1:8000"))
    source = TargetFactory(spec=TargetSpec(spec=MEASURED, options={**ASKED, **STARTS}))
    assert version.of(source).spec.options == ASKED


def test_a_program_names_all_of_its_options_or_none():
    source = TargetFactory(spec=TargetSpec(spec="cmd:now", options={"rate": 24000}))
    for named, wanted in (({}, {"rate": 24000}), ({"end": "length"}, {"end": "length"})):
        spec = TargetSpec(spec="cmd:old", options=named)
        assert cells.ComparedVersion("old", spec=spec).of(source).spec.options == wanted
