"""How many may speak at once, and how many may wait: first come, first served."""

from __future__ import annotations

import asyncio
from collections import deque
from types import TracebackType
from typing import Self

from .errors import RETRY_S, ApiError, busy


class AdmissionQueue:
    """So many streams are made at once. Lives in one event loop."""

    def __init__(self, limit: int, waiting: int, wait_s: float) -> None:
        self._limit = limit
        self._most_waiting = waiting
        self._wait_s = wait_s
        self._queue: deque[asyncio.Future[None]] = deque()
        self.taken = 0

    @property
    def waiting(self) -> int:
        """How many wait for a place."""
        return len(self._queue)

    @property
    def limit(self) -> int:
        """How many places there are."""
        return self._limit

    def place(self) -> Slot:
        """A place to take with `async with`."""
        return Slot(self)

    async def take(self, *, again: bool = False) -> None:
        """Wait for a place; who had one before goes first, and is always let in.

        Raises Problem 429 if too many wait already, or if it took too long.
        """
        if self.taken < self._limit and not self._queue:
            self.taken += 1
            return
        if not again and len(self._queue) >= self._most_waiting:
            raise busy(self.taken + self.waiting, self._limit + self._most_waiting)
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        (self._queue.appendleft if again else self._queue.append)(turn)
        try:
            await asyncio.wait({turn}, timeout=None if again else self._wait_s)
        except asyncio.CancelledError:
            self._leave(turn)
            raise
        if not turn.done():
            self._leave(turn)
            raise ApiError(
                429,
                f"found no place within {self._wait_s:g} s, wanted one; ask again later",
                code="busy",
                retry_s=RETRY_S,
            )

    def give(self) -> None:
        """Give a place back, to who waits longest."""
        if self._queue:
            self._queue.popleft().set_result(None)  # the place goes from hand to hand
        else:
            self.taken -= 1

    def _leave(self, turn: asyncio.Future[None]) -> None:
        """Wait no more. A place that was handed over in the same moment goes on to the next."""
        if turn.done():
            self.give()
        else:
            self._queue.remove(turn)


class Slot:
    """One place, that can be given back for a while."""

    def __init__(self, places: AdmissionQueue) -> None:
        self._places = places
        self._held = False

    async def __aenter__(self) -> Self:
        await self._places.take()
        self._held = True
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.rest()

    def rest(self) -> None:
        """Let others in."""
        if self._held:
            self._held = False
            self._places.give()

    async def resume(self) -> None:
        """Take a place again, ahead of those who had none yet."""
        if not self._held:
            await self._places.take(again=True)
            self._held = True
