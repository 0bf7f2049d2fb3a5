"""The requests of a window as trials, and the window in figures."""

from __future__ import annotations

import pytest
from msgspec import UNSET

from pytest_ttsperf.load import windows
from pytest_ttsperf.records import Usage
from tests.unit.judge.factories import threshold
from tests.unit.load.factories import babble, request, window_record

TEXT = "a text of some length, said by one voice"
DURATION_S = babble(TEXT).size / 16_000


def summarise(requests, **more):
    record = window_record(requests)
    return windows.summarise_window(windows.trials_of(record, 2), record, index=2, **more)


def test_arrivals_of_the_lead_are_warmups_and_each_trial_says_its_window() -> None:
    record = window_record([request(4.9), request(5.0, index=1), request(25.0, index=2)])
    trials = windows.trials_of(record, 4, session=1)
    assert [trial.kind for trial in trials] == ["warmup", "trial", "warmup"]
    assert {trial.load.window for trial in trials} == {4}
    assert {trial.process for trial in trials} == {1}


def test_sound_is_analysed_and_dropped_unless_it_is_wanted() -> None:
    record = window_record([request(6)])
    (trial,) = windows.trials_of(record, 0)
    assert trial.sound.onset_frame is not None
    assert trial.level.peak > 0
    assert trial.recording.pcm is UNSET
    (trial,) = windows.trials_of(record, 0, keep_sound=True)
    assert isinstance(trial.recording.pcm, bytes)


def test_what_came_before_a_failure_is_no_answer() -> None:
    failed = request(6, failure="HTTP 500")
    failed.load = type(failed.load)(
        window=0, listener=0, scheduled_ns=failed.load.scheduled_ns, ended="failed"
    )
    (trial,) = windows.trials_of(window_record([failed]), 0)
    assert trial.recording is not None
    assert trial.sound is None


def test_all_that_was_offered_is_counted_by_how_it_ended() -> None:
    requests = [
        request(5.5),
        request(6, index=1, listener=1, ended="hung_up"),
        request(7, index=2, listener=2, ended="refused", failure="HTTP 503"),
        request(8, index=3, listener=3, ended="refused", failure="HTTP 503"),
        request(9, index=4, listener=4, ended="failed", failure="TargetTimeout"),
        request(10, index=5, listener=5, ended="capped"),
        request(1, index=6, listener=6, ended="refused", failure="HTTP 503"),
    ]
    window = summarise(requests)
    assert window.offered == 6
    assert (window.answered, window.hung_up, window.refused) == (1, 1, 2)
    assert (window.failed, window.capped) == (1, 1)
    assert window.failures == {"HTTP 503": 2, "TargetTimeout": 1}
    assert window.continuity["C50"] == pytest.approx(2 / 6)
    assert window.fairness is None


def test_percentiles_are_of_the_counted_arrivals_and_from_when_they_were_due() -> None:
    requests = [request(6 + index, index=index, ttfa_ms=100 + index) for index in range(5)]
    requests.append(request(1, index=9, ttfa_ms=4000))
    window = summarise(requests)
    assert window.ttfa_p50_ms == pytest.approx(102, abs=1)
    assert window.ttfa_p95_ms < 106
    assert window.rtf_p95 is not None


def test_stalls_make_continuity() -> None:
    stalls = [0, 0, 30, 80, 200, 900]
    requests = [
        request(6 + index, index=index, stall_ms=stall) for index, stall in enumerate(stalls)
    ]
    window = summarise(requests)
    assert window.stalled == 4
    assert window.longest_stall_ms == pytest.approx(900, abs=1)
    assert window.continuity == {
        "C50": pytest.approx(3 / 6),
        "C100": pytest.approx(4 / 6),
        "C250": pytest.approx(5 / 6),
    }


def test_goodput_is_of_all_that_was_offered_and_by_the_limit_that_holds_for_each() -> None:
    limits = [
        threshold("p50", 90.0),
        threshold("p95", 500.0),
        threshold("max", 0.0, marker="cadence", keyword="underruns", metric="underruns"),
    ]
    requests = [
        request(6),
        request(7, index=1, ttfa_ms=300),
        request(8, index=2, ttfa_ms=600),
        request(9, index=3, stall_ms=50),
        request(10, index=4, ended="refused", failure="HTTP 503"),
    ]
    assert summarise(requests, thresholds=limits).goodput == pytest.approx(2 / 20)
    assert summarise(requests).goodput is None


def test_the_slowest_listener_is_held_against_all() -> None:
    requests = []
    for index in range(12):
        listener = index % 3
        ttfa_ms = 400 if listener == 2 else 100
        requests.append(request(6 + index, index=index, listener=listener, ttfa_ms=ttfa_ms))
    assert summarise(requests).fairness == pytest.approx(4, abs=0.1)


def test_a_listener_who_waits_since_the_lead_is_seen() -> None:
    requests = [request(6 + index, index=index, listener=index % 2) for index in range(8)]
    requests.append(request(1, index=9, listener=2, ttfa_ms=20_000))
    assert summarise(requests).fairness > 50


def test_queue_time_is_what_the_server_tells() -> None:
    requests = [request(6 + index, index=index, queue_ms=10 * index) for index in range(5)]
    assert summarise(requests).queue_p50_ms == pytest.approx(20)
    assert summarise([request(6)]).queue_p50_ms is None


def test_how_many_are_under_way_is_counted_over_the_counted_seconds() -> None:
    requests = [
        request(5, ttfa_ms=10_000, chunks=1),
        request(15, index=1, ttfa_ms=10_000, chunks=1),
    ]
    assert summarise(requests).concurrency == pytest.approx(1, abs=0.01)
    assert summarise(requests).most_streams == 2


def test_a_stream_is_open_until_it_was_played_or_had_arrived() -> None:
    requests = [request(6, ttfa_ms=100)]
    played = summarise(requests).stream_s
    greedy = summarise(requests, pace="greedy").stream_s
    assert played == pytest.approx(0.1 + DURATION_S, abs=0.01)
    assert greedy == pytest.approx(0.1 + DURATION_S * 3 / 8, abs=0.01)


def test_what_the_tree_spent_is_in_the_window() -> None:
    usage = Usage(rss_bytes=5, rss_peak_bytes=9, uss_bytes=None, cpu_s=3.5)
    window = summarise([request(6)], usage=usage)
    assert (window.cpu_s, window.rss_bytes, window.rss_peak_bytes) == (3.5, 5, 9)
    assert summarise([request(6)]).cpu_s is None


def test_an_empty_window_has_counts_and_no_figures() -> None:
    window = summarise([])
    assert window.offered == 0
    assert window.ttfa_p50_ms is None
    assert window.stalled is None
    assert window.continuity == {}
