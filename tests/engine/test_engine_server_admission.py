"""Places: first come, first served, and none is lost by those who do not wait any more."""

from __future__ import annotations

import asyncio

import pytest

from engine.server.admission import AdmissionQueue, Slot
from engine.server.errors import ApiError


async def settled() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def hold(places: AdmissionQueue, name: str, order: list[str], end: asyncio.Event) -> None:
    async with Slot(places):
        order.append(name)
        await end.wait()


@pytest.mark.asyncio
async def test_first_come_first_served() -> None:
    places, order, end = AdmissionQueue(1, 5, 10), [], asyncio.Event()
    tasks = [asyncio.create_task(hold(places, name, order, end)) for name in "abc"]
    await settled()
    assert (order, places.active_count, places.waiting_count) == (["a"], 1, 2)
    end.set()
    await asyncio.gather(*tasks)
    assert (order, places.active_count, places.waiting_count) == (["a", "b", "c"], 0, 0)


@pytest.mark.asyncio
async def test_who_rested_goes_first() -> None:
    places, order, end = AdmissionQueue(1, 5, 10), [], asyncio.Event()
    async with Slot(places) as place:
        tasks = [asyncio.create_task(hold(places, name, order, end)) for name in "ab"]
        place.yield_()
        await settled()
        assert order == ["a"]
        back = asyncio.create_task(place.reacquire())
        await settled()
        end.set()
        await back
        assert order == ["a"]
    await asyncio.gather(*tasks)
    assert (order, places.active_count) == (["a", "b"], 0)


@pytest.mark.asyncio
@pytest.mark.parametrize("handed_over", [False, True])
async def test_who_leaves_the_queue_takes_no_place_along(handed_over: bool) -> None:
    places, order, end = AdmissionQueue(1, 5, 10), [], asyncio.Event()
    place: Slot
    async with Slot(places) as place:
        first = asyncio.create_task(hold(places, "first", order, end))
        second = asyncio.create_task(hold(places, "second", order, end))
        await settled()
        if handed_over:
            place.yield_()  # to the first, who leaves before it has noticed
        first.cancel()
        await settled()
    await settled()
    assert order == ["second"]
    end.set()
    await asyncio.gather(first, second, return_exceptions=True)
    assert (places.active_count, places.waiting_count) == (0, 0)


@pytest.mark.asyncio
async def test_too_many_and_too_long_are_told() -> None:
    places = AdmissionQueue(1, 1, 0.01)
    async with Slot(places):
        waiting = asyncio.create_task(places.acquire())
        await settled()
        with pytest.raises(ApiError, match="found 2 requests spoken or waiting") as caught:
            await places.acquire()
        assert (caught.value.status, caught.value.retry_s) == (429, 1)
        with pytest.raises(ApiError, match=r"found no place within 0\.01 s"):
            await waiting
    assert (places.active_count, places.waiting_count) == (0, 0)
