"""Which runs may join the stored ones: those that did the same work."""

from __future__ import annotations

import pytest
from msgspec import structs

from pytest_ttsperf.baseline.admission import BANDS, find_limits, refusal_reason
from pytest_ttsperf.records import Baseline, Outcome, Summary, Verdict
from tests.unit.judge.factories import CELL, figures, result, run

LENGTH, LEVEL, WORDS = BANDS


def summary(speech_s=4.0, level_dbfs=-23.0, wer=None):
    found = figures()
    found["speech_s"] = Summary(metric="speech_s", n=60, missing=0, p50=speech_s)
    found["active_level_dbfs"] = Summary(
        metric="active_level_dbfs", n=60, missing=0, p50=level_dbfs
    )
    if wer is not None:
        found["wer"] = Summary(metric="wer", n=20, missing=0, mean=wer)
    return found


def baseline(*runs):
    return Baseline(cell=CELL, fingerprint="linux-1", runs=runs)


def stored(count=5, **more):
    return baseline(*[run(f"run{i}", summary(**more)) for i in range(count)])


def refused(stored_runs, **more):
    return refusal_reason(result(summary(**more)), stored_runs, "now")


def test_the_first_run_is_saved():
    assert refused(None) is None
    assert refused(baseline()) is None


@pytest.mark.parametrize("outcome", [Outcome.FAIL, Outcome.INVALID])
def test_a_broken_run_is_refused(outcome):
    verdict = Verdict(subject="s", outcome=outcome, reason="because")
    broken = structs.replace(result(summary()), verdicts=(verdict,))
    assert f"{outcome.value}, not saved" in refusal_reason(broken, None, "now")


@pytest.mark.parametrize(
    ("more", "is_refused"),
    [
        ({"speech_s": 4.35}, False),
        ({"speech_s": 4.45}, True),
        ({"speech_s": 3.68}, False),
        ({"speech_s": 3.60}, True),
        ({"speech_s": None}, False),
        ({"level_dbfs": -24.9}, False),
        ({"level_dbfs": -25.1}, True),
        ({"level_dbfs": -21.1}, False),
        ({"level_dbfs": -20.9}, True),
    ],
)
def test_a_run_outside_of_a_band_is_refused(more, is_refused):
    assert (refused(stored(), **more) is not None) == is_refused
    assert (refused(stored(1), **more) is not None) == is_refused


def test_the_reason_has_what_was_found_the_band_the_count_and_the_remedy():
    reason = refused(stored(), speech_s=5.2, level_dbfs=-29.0)
    assert (
        "length of its speech is 5.2 s, and by the first 5 stored runs it is 3.636 to 4.4 s"
        in reason
    )
    assert (
        "level of its speech is -29 dBFS, and by the first 5 stored runs it is -25 to -21 dBFS"
        in reason
    )
    assert f"ttsperf baseline accept {CELL.slug}" in reason


def test_more_wrong_words_are_refused_and_fewer_are_welcome():
    before = stored(wer=0.15)
    assert (
        "mean word error rate is 0.35, and by the first 5 stored runs it is at most 0.3"
        in refused(before, wer=0.35)
    )
    assert refused(before, wer=0.28) is None
    assert refused(before, wer=0.0) is None
    assert refused(before) is None, "nobody asked for words"
    assert refused(stored(), wer=0.9) is None, "no stored run has them"


def test_only_runs_since_the_accepted_one_tell():
    old = [run(f"run{i}", summary(4.0)) for i in range(5)]
    accepted = structs.replace(run("x", summary(5.2)), accepted="2025-11-01T00:00:00+00:00")
    assert refused(baseline(*old, accepted), speech_s=5.2) is None
    assert refused(baseline(*old, accepted), speech_s=4.0) is not None


def test_runs_of_other_texts_tell_nothing():
    of_old = [structs.replace(each, corpus="0ld") for each in stored(speech_s=6.0).runs]
    now = structs.replace(result(summary()), corpus="new")
    assert refusal_reason(now, baseline(*of_old), "now") is None
    assert refusal_reason(structs.replace(now, corpus=None), baseline(*of_old), "now") is not None


def test_a_run_is_not_measured_against_itself():
    """A test that is run again in the same run takes the place of its first attempt."""
    itself = baseline(run("now", summary(4.0)))
    assert refused(itself, speech_s=5.2) is None


def test_many_small_steps_lead_nowhere():
    """The first runs tell the band, not those that it let in."""
    runs = [run(f"run{i}", summary(4.0)) for i in range(5)]
    length_s = 4.0
    for number in range(20):
        length_s *= 1.03
        if refused(baseline(*runs), speech_s=length_s) is None:
            runs.append(run(f"drift{number}", summary(length_s)))
    assert len(runs) == 5 + 3
    assert refused(baseline(*runs), speech_s=4.0 * 1.15) is not None


def test_a_cell_whose_own_runs_spread_gets_a_wider_band():
    lengths_s = (3.6, 3.8, 4.0, 4.2, 4.4)
    runs = [run(f"run{i}", summary(length_s)) for i, length_s in enumerate(lengths_s)]
    assert refused(baseline(*runs), speech_s=4.7) is None
    assert refused(baseline(*runs[1:]), speech_s=4.7) is not None, "four runs tell no spread"
    limits = find_limits(LENGTH, runs, 60)
    assert limits.runs == 5
    assert limits.least < 3.0 < 5.0 < limits.most


@pytest.mark.parametrize("value", [0.0, None])
def test_a_length_that_is_none_makes_no_band(value):
    assert find_limits(LENGTH, [run("a", summary(value))], 60) is None


@pytest.mark.parametrize(("trials", "is_refused"), [(5, False), (60, True)])
def test_few_texts_may_be_shorter_or_longer_by_themselves(trials, is_refused):
    """Each run speaks other texts, and a median of five of them is not that of all."""
    few = [run(f"run{i}", of_texts(summary(4.0), trials)) for i in range(2)]
    made = structs.replace(result(of_texts(summary(4.5), trials)), corpus="a1b2")
    assert (refusal_reason(made, baseline(*few), "now") is not None) == is_refused
    same_text = structs.replace(made, corpus=None)
    assert refusal_reason(same_text, baseline(*few), "now") is not None


def of_texts(figures, trials):
    """The same figures, of so many trials."""
    return {name: structs.replace(figure, n=trials) for name, figure in figures.items()}
