"""Figures of many listeners: over what was offered, by what each listener was there for."""

from __future__ import annotations

import pytest
from msgspec import structs

from pytest_ttsperf.metrics import definitions, load
from pytest_ttsperf.metrics.load import Stretch
from pytest_ttsperf.records import RequestEnd, Trial, TrialLoad
from tests.unit.judge.factories import threshold
from tests.unit.metrics.factories import MS, T0, recording, sound, trial

RTF = {"marker": "rtf", "keyword": "p95", "metric": "rtf"}


def request(
    index: int = 0,
    *,
    ttfa_ms: float = 100.0,
    ended: RequestEnd = "answered",
    listener: int = 0,
    kind: str = "trial",
    end_ms: float | None = None,
) -> Trial:
    """One request with a second of audio in two chunks, as many ms after it was due."""
    made = trial(
        recording([(ttfa_ms, 500), (ttfa_ms + 200, 500)]),
        index=index,
        kind=kind,
        heard=sound(),
    )
    end_ns = T0 + round((ttfa_ms + 200 if end_ms is None else end_ms) * MS)
    asked = TrialLoad(
        window=0,
        listener=listener,
        scheduled_ns=T0,
        sent_ns=T0,
        end_ns=end_ns,
        ended=ended,
    )
    return structs.replace(made, load=asked)


def test_what_was_not_served_was_not_measured() -> None:
    requests = [request(), request(1, ended="refused"), request(2, ended="failed")]
    assert load.sample("ttfa_ms", requests).values == (100.0, None, None)


def test_of_one_listener_a_sample_is_what_it_always_was() -> None:
    alone = [structs.replace(request(), load=None), trial(None, index=1, error="it raised")]
    for metric in definitions.METRICS:
        assert load.sample(metric, alone) == definitions.sample(metric, alone)


def test_who_hangs_up_counts_by_the_beginning_alone() -> None:
    requests = [request(), request(1, ended="hung_up", ttfa_ms=300)]
    assert load.sample("ttfa_ms", requests).values == (100.0, 300.0)
    assert len(load.sample("rtf", requests).values) == 1
    assert len(load.whole_answers(requests)) == 1


def test_metrics_of_a_part_are_metrics() -> None:
    assert set(definitions.METRICS) > load.OF_A_PART


def test_a_distance_from_a_target_is_the_sample_of_its_limit() -> None:
    limit = threshold("p50", 1.0, marker="quality", metric="ttfa_ms", target=90.0)
    assert load.limited_sample(limit, [request()]).values == (10.0,)


def test_a_request_has_to_meet_the_limit_that_holds_for_each() -> None:
    limits = [threshold("p50", 150.0), threshold("p95", 400.0), threshold("p95", 0.9, **RTF)]
    assert [limit.limit for limit in load.request_limits(limits)] == [400.0, 0.9]
    requests = [request(), request(1, ttfa_ms=300), request(2, ttfa_ms=500)]
    assert load.count_good(requests, limits) == 2
    assert load.count_good(requests, []) is None


def test_memory_is_of_no_single_request() -> None:
    memory = threshold("value", 3.0, marker="memory", metric="rss_range_mb")
    assert load.request_limits([memory]) == ()


def test_refused_requests_break_continuity_and_goodput() -> None:
    requests = [request(), request(1, ended="refused")]
    assert load.continuity(requests) == {"C50": 0.5, "C100": 0.5, "C250": 0.5}
    assert load.count_good(requests, [threshold("p95", 400.0)]) == 1
    assert load.continuity([]) == {}


def test_fairness_is_that_of_the_slowest_listener() -> None:
    requests = [request(place, listener=place % 2, ttfa_ms=100) for place in range(4)]
    requests += [request(place, listener=2, ttfa_ms=250) for place in (4, 5)]
    assert load.fairness(requests) == pytest.approx(2.5)
    assert load.fairness(requests[:1]) is None


def test_who_waits_since_the_lead_is_the_slowest() -> None:
    requests = [request(place, listener=place % 2) for place in range(4)]
    requests.append(request(9, listener=2, kind="warmup", ttfa_ms=900))
    assert load.fairness(requests) == pytest.approx(9)


def test_a_stream_is_open_until_it_was_played() -> None:
    (stream,) = load.open_streams([request()])
    assert stream == Stretch(T0, T0 + 1100 * MS)
    (stream,) = load.open_streams([request()], "greedy")
    assert stream == Stretch(T0, T0 + 300 * MS)
    (stream,) = load.open_streams([request(ended="hung_up")])
    assert stream == Stretch(T0, T0 + 300 * MS)


def test_what_was_never_sent_is_not_under_way() -> None:
    capped = request(ended="capped")
    assert capped.load is not None
    capped = structs.replace(capped, load=structs.replace(capped.load, sent_ns=None, end_ns=None))
    assert load.requests_under_way([capped]) == []
    assert load.open_streams([capped]) == []


def test_how_many_are_open_on_average_and_at_most() -> None:
    stretches = [Stretch(0, 100 * MS), Stretch(50 * MS, 150 * MS), Stretch(150 * MS, 200 * MS)]
    assert load.mean_at_once(stretches, Stretch(0, 200 * MS)) == pytest.approx(1.25)
    assert load.mean_at_once(stretches, Stretch(5, 5)) is None
    assert load.most_at_once(stretches) == 2
    assert load.most_at_once([]) == 0
    assert load.total_s(stretches) == pytest.approx(0.25)


def test_the_next_stream_of_a_listener_begins_where_the_last_one_ends() -> None:
    late_end = [Stretch(0, 100 * MS + 300), Stretch(100 * MS, 200 * MS)]
    assert load.most_at_once(late_end) == 1
