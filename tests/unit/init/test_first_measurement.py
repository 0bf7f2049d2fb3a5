"""How much is measured at first, and that no limit is made of what cannot be believed."""

from __future__ import annotations

import pytest
from msgspec import structs

from pytest_ttsperf.errors import MeasurementError, TargetError
from pytest_ttsperf.experiment.plan import TargetFactory
from pytest_ttsperf.init import first_measurement
from pytest_ttsperf.records import TargetSpec, TrustNote
from tests.unit.init.factories import summary_of
from tests.unit.judge.factories import result
from tests.unit.metrics.factories import recording, sound, trial

STREAMED = [(50.0, 200.0), (100.0, 200.0)]


def measured_result(*, error=None, **changed):
    trials = (trial(recording(STREAMED), heard=sound()), trial(None, index=1, error=error))
    if error is None:
        trials = trials[:1]
    return structs.replace(result(), trials=trials, **changed)


@pytest.mark.parametrize(
    ("seconds", "per_trial_s", "count"),
    [(60.0, 0.01, 59), (60.0, 1.0, 48), (60.0, 5.0, 10), (10.0, 0.5, 10), (3600.0, 1.0, 59)],
)
def test_as_many_trials_as_prove_a_p95_or_as_a_minute_holds(seconds, per_trial_s, count):
    assert first_measurement.count_trials(seconds, per_trial_s) == count


def test_what_is_invalid_gives_no_limits():
    note = TrustNote(guard="cache", text="a cache answers", invalid=True)
    with pytest.raises(MeasurementError, match="not to be believed: a cache answers"):
        first_measurement._require_believable(measured_result(notes=(note,)))
    harmless = TrustNote(guard="steady", text="not steady after 16 warm-ups")
    found = measured_result(notes=(harmless,))
    assert first_measurement._require_believable(found) is found


def test_a_trial_that_failed_gives_no_limits():
    with pytest.raises(TargetError, match=r"1 of 2 trials of engine:Engine failed, .* gone"):
        first_measurement._require_believable(measured_result(error="gone"))


def test_what_sends_all_at_once_gets_no_player():
    found = measured_result()
    assert first_measurement._figures(found, summary_of(is_streamed=True)).prebuffer_ms == 100
    assert first_measurement._figures(found, summary_of(is_streamed=None)).prebuffer_ms == 100
    assert first_measurement._figures(found, summary_of(is_streamed=False)).prebuffer_ms is None


@pytest.mark.starts
def test_a_target_that_says_the_same_for_each_text_is_not_believed():
    tone = TargetFactory(spec=TargetSpec(spec="pytest_ttsperf.doctor.tone_target:Tone"))
    with pytest.raises(MeasurementError, match="not to be believed"):
        first_measurement.measure_first(tone, 1.0, lambda _: None)
