"""The recorder, on a scripted clock."""

from __future__ import annotations

from collections.abc import Iterator

from hypothesis import given
from hypothesis import strategies as st

from pytest_ttsperf.measure.recorder import cost, record


@given(st.lists(st.integers(1, 10**9), max_size=20))
def test_every_chunk_gets_the_instant_at_which_it_was_there(waits_ns: list[int]) -> None:
    clock = [1000]

    def synthesize(text: str) -> Iterator[str]:
        for number, wait_ns in enumerate(waits_ns):
            clock[0] += wait_ns
            yield f"{text}{number}"

    stamped = record(synthesize, "chunk", now_ns=lambda: clock[0])
    assert stamped.request_ns == 1000
    assert [at for at, _ in stamped.arrivals] == [
        1000 + sum(waits_ns[: index + 1]) for index in range(len(waits_ns))
    ]
    assert [chunk for _, chunk in stamped.arrivals] == [f"chunk{i}" for i in range(len(waits_ns))]
    assert stamped.end_ns == 1000 + sum(waits_ns)


def test_the_clock_is_read_once_a_chunk_and_twice_beside() -> None:
    reads = iter(range(100))
    stamped = record(lambda _: "abc", "", now_ns=lambda: next(reads))
    assert stamped.request_ns == 0
    assert [at for at, _ in stamped.arrivals] == [1, 2, 3]
    assert stamped.end_ns == 4


def test_own_cost_is_measured_and_a_chunk_costs_less_than_a_trial() -> None:
    measured = cost(trials=51, chunks=64)
    assert measured.trials == 51
    assert 0 < measured.per_chunk_us < measured.ttfa_us * 64
