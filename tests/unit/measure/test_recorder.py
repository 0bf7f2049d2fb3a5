"""The recorder, on a scripted clock."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_ttsperf.measure.recorder import Stamped, cost, record, record_async


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


class Counted:
    """An iterator that counts what is taken from it, and whether it was closed."""

    def __init__(self, length: int) -> None:
        self.length = length
        self.taken = 0
        self.is_closed = False

    def __iter__(self) -> Counted:
        return self

    def __next__(self) -> int:
        if self.taken == self.length:
            raise StopIteration
        self.taken += 1
        return self.taken

    def close(self) -> None:
        self.is_closed = True

    def __aiter__(self) -> Counted:
        return self

    async def __anext__(self) -> int:
        if self.taken == self.length:
            raise StopAsyncIteration
        return next(self)

    async def aclose(self) -> None:
        self.is_closed = True


def record_awaited(source: Counted, stop_after: int | None) -> Stamped:
    async def synthesize(_: str) -> Counted:
        return source

    return asyncio.run(record_async(synthesize, "", stop_after=stop_after))


def record_plain(source: Counted, stop_after: int | None) -> Stamped:
    return record(lambda _: source, "", stop_after=stop_after)


@pytest.mark.parametrize("record_one", [record_plain, record_awaited])
@pytest.mark.parametrize(
    ("stop_after", "taken", "is_cut"),
    [(None, 4, False), (9, 4, False), (4, 4, True), (1, 1, True)],
)
def test_a_listener_hangs_up_after_so_many_chunks(
    record_one: Callable[[Counted, int | None], Stamped],
    stop_after: int | None,
    taken: int,
    is_cut: bool,
) -> None:
    source = Counted(4)
    stamped = record_one(source, stop_after)
    assert len(stamped.arrivals) == source.taken == taken
    assert stamped.is_cut is source.is_closed is is_cut
    assert stamped.source is source


def test_what_cannot_be_closed_is_left() -> None:
    stamped = record(lambda _: "abcd", "", stop_after=2)
    assert [chunk for _, chunk in stamped.arrivals] == ["a", "b"]
    assert stamped.is_cut


def test_the_time_that_hanging_up_takes_is_no_part_of_the_answer() -> None:
    clock = [0]

    class Slow(Counted):
        def close(self) -> None:
            clock[0] += 1000

    stamped = record(lambda _: Slow(4), "", stop_after=2, now_ns=lambda: clock[0])
    assert stamped.end_ns == 0
    assert clock == [1000]
