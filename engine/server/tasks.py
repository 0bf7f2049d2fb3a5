"""Work that goes on until something else happens."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any


async def run_until(work: Coroutine[Any, Any, None], end: Coroutine[Any, Any, object]) -> None:
    """Run `work` until it is done or `end` returns; whichever is left is cancelled and awaited.

    Raises what `work` raised.
    """
    working = asyncio.create_task(work)
    ending = asyncio.create_task(end)
    try:
        await asyncio.wait((working, ending), return_when=asyncio.FIRST_COMPLETED)
    finally:
        working.cancel()
        ending.cancel()
        await asyncio.gather(working, ending, return_exceptions=True)
    if not working.cancelled():
        working.result()
