"""Admission control: who may synthesise now, who has to wait, and who is turned away.

A slot is the right to synthesise. It is held for as long as the client reads what it is sent.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Self

from .errors import busy_error, too_many_requests

SEND_PATIENCE_S = 0.05  # a client that has not taken a chunk by then is a slow one

Turn = asyncio.Future[None]


class AdmissionQueue:
    """So many slots, handed out first come, first served. Belongs to one event loop."""

    def __init__(self, limit: int, max_waiting: int, wait_s: float) -> None:
        self.limit = limit
        self.active_count = 0
        self._max_waiting = max_waiting
        self._wait_s = wait_s
        self._turns: deque[Turn] = deque()

    @property
    def waiting_count(self) -> int:
        """How many wait for a slot."""
        return len(self._turns)

    async def acquire(self) -> None:
        """Wait for a slot. Raises ApiError 429 if too many wait already, or after `wait_s`."""
        if self._take_free_slot():
            return
        if self.waiting_count >= self._max_waiting:
            open_count = self.active_count + self.waiting_count
            raise too_many_requests(open_count, self.limit + self._max_waiting)
        await self._wait(self._turns.append, self._wait_s)

    async def reacquire(self) -> None:
        """Wait for a slot ahead of everybody else, however long it takes."""
        if not self._take_free_slot():
            await self._wait(self._turns.appendleft, None)

    def release(self) -> None:
        """Give a slot back. It passes directly to whoever is first in the queue."""
        if self._turns:
            self._turns.popleft().set_result(None)
        else:
            self.active_count -= 1

    def _take_free_slot(self) -> bool:
        is_free = self.active_count < self.limit and not self._turns
        if is_free:
            self.active_count += 1
        return is_free

    async def _wait(self, enqueue: Callable[[Turn], None], timeout_s: float | None) -> None:
        turn: Turn = asyncio.get_running_loop().create_future()
        enqueue(turn)
        try:
            await asyncio.wait({turn}, timeout=timeout_s)
        except asyncio.CancelledError:
            self._leave(turn)
            raise
        if not turn.done():
            self._leave(turn)
            raise busy_error(
                f"found no place within {self._wait_s:g} s, wanted one; ask again later"
            )

    def _leave(self, turn: Turn) -> None:
        """Stop waiting. A slot that was handed over at the same moment goes to the next one."""
        if turn.done():
            self.release()
        else:
            self._turns.remove(turn)


class Slot:
    """One slot, held inside `async with`, and released for a while between yield_ and reacquire."""

    def __init__(self, admission: AdmissionQueue) -> None:
        self._admission = admission
        self._is_held = False

    async def __aenter__(self) -> Self:
        await self._admission.acquire()
        self._is_held = True
        return self

    async def __aexit__(self, *_: object) -> None:
        self.yield_()

    def yield_(self) -> None:
        """Let others have it."""
        if self._is_held:
            self._is_held = False
            self._admission.release()

    async def reacquire(self) -> None:
        """Take a slot again, ahead of those who have had none yet."""
        if not self._is_held:
            await self._admission.reacquire()
            self._is_held = True


async def send_with_backpressure(slot: Slot, send: Awaitable[None], stall_s: float) -> bool:
    """Await a send, and yield the slot to others while the client is slow to read.

    False if the client still has not read it `stall_s` seconds later.
    """
    sending = asyncio.ensure_future(send)
    try:
        await asyncio.wait({sending}, timeout=SEND_PATIENCE_S)
        if not sending.done():
            slot.yield_()
            await asyncio.wait({sending}, timeout=stall_s)
            if not sending.done():
                return False
            await slot.reacquire()
        await sending
    finally:
        sending.cancel()
    return True
