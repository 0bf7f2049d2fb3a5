"""What a verdict on streaming says, of scripted samples that the judge has decided."""

from __future__ import annotations

import pytest
from msgspec import structs

from pytest_ttsperf.judge import delivery, limits
from pytest_ttsperf.records import Outcome, Sample, Threshold, Verdict

STREAMED = Threshold(
    marker="cadence", keyword="streamed", metric="all_at_once", statistic="p50", limit=0.5
)


def judged(values: list[float | None], threshold: Threshold = STREAMED) -> Verdict:
    sample = Sample(metric="all_at_once", values=tuple(values))
    verdict = limits.judge(threshold, sample, declared=len(values))
    shares = [None if value is None else 0.55 + 0.43 * value for value in values]
    return delivery.put_in_words(verdict, values, shares)


def test_all_at_once_fails_and_says_when_audio_came() -> None:
    verdict = judged([1.0] * 11)
    assert verdict.outcome is Outcome.FAIL
    assert verdict.reason == (
        "sends all at once: in 11 of 11 trials no audio came before all of it was made; "
        "on average it came after 98% of the answer's time"
    )


def test_a_stream_passes_with_odd_ones_among_its_trials() -> None:
    verdict = judged([0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0])
    assert verdict.outcome is Outcome.PASS
    assert verdict.reason == (
        "streamed: in 9 of 11 trials audio came while the rest was made; "
        "on average it came after 55% of the answer's time"
    )


def test_what_is_mixed_is_open_and_says_what_more_trials_may_do() -> None:
    verdict = judged([1.0, 0.0] * 5)
    assert verdict.outcome is Outcome.INCONCLUSIVE
    assert verdict.reason.startswith("in 5 of 10 trials all audio came at once, in the others")
    assert f"{verdict.trials_needed} further trials may prove which it is" in verdict.reason


@pytest.mark.parametrize(("missing", "words"), [(1, "1 more trial"), (2, "2 more trials")])
def test_trials_that_show_neither_meet_no_limit(missing: int, words: str) -> None:
    verdict = judged([0.0] * 20 + [None] * missing)
    assert f"; {words} showed neither, which meets no limit" in verdict.reason
    assert "of 20 trials" in verdict.reason


def test_where_nothing_was_measured_the_reason_stays() -> None:
    verdict = judged([None] * 5)
    assert verdict.outcome is Outcome.FAIL
    assert verdict.reason.startswith("not measured in any of 5 trials")


def test_an_override_is_named() -> None:
    overridden = structs.replace(STREAMED, limit=1.0, declared=0.5, overridden_by="--ttsperf-limit")
    verdict = judged([1.0] * 11, overridden)
    assert verdict.outcome is Outcome.PASS
    assert "overridden by --ttsperf-limit" in verdict.reason


def test_subject_is_what_the_mark_says() -> None:
    assert judged([1.0] * 11).subject == "cadence streamed"


def test_windows_of_many_listeners_say_what_their_figures_mean() -> None:
    verdict = delivery.explain_windows(judged([1.0] * 11))
    assert verdict.outcome is Outcome.FAIL
    assert verdict.reason.endswith("so judge one listener as well)")
