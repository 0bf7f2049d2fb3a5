"""How chunks get from the engine to whoever listens: one ahead, in turn, and until they stop.

A stream is pulled. While a chunk is being listened to, the next one is made, by a helping thread;
but a listener who comes back at once finds nothing begun, and makes it on the spot: handing work
from thread to thread costs more than it saves to one who does not wait.
"""

from __future__ import annotations

import asyncio
import itertools
import queue
import threading
import weakref
from collections import deque
from collections.abc import AsyncIterable, Callable, Generator, Iterator
from types import TracebackType
from typing import Generic, Protocol, Self, TypeVar

from .audio import Chunk
from .errors import EngineBusy, OptionTypeError
from .timing import StageSpan

T = TypeVar("T")

PATIENCE_S = 0.002  # so long the helper leaves the next chunk to a listener who comes back
TIDY_EVERY = 64  # steps
END_S = 1.0  # how long closing waits for the helper at most
LOOK_S = 0.02  # how often one who waits for a turn looks whether it is still wanted


class Stoppable(Protocol):
    """Ends the work a stream is doing, from any thread."""

    wanted: bool

    def set(self) -> None:
        """End it."""


class PrefetchTask(Generic[T]):
    """The next item of a source: made once, by whoever claims it first."""

    def __init__(self, source: Iterator[T]) -> None:
        self._source = source
        self._claim = threading.Lock()
        self._claimed = threading.Event()
        self._done = threading.Event()
        self._items: list[T] = []
        self._error: BaseException | None = None

    def take(self) -> list[T]:
        """The item in a list, which is empty at the end. Raises what the source raised."""
        if self._claims():
            self._make()
        else:
            self._done.wait()
        if self._error is not None:
            raise self._error
        return self._items

    def help(self) -> None:
        """Make it, unless somebody claims it soon."""
        if not self._claimed.wait(PATIENCE_S) and self._claims():
            self._make()

    def drop(self) -> None:
        """Make sure that nobody is making it, or will."""
        if not self._claims():
            self._done.wait()

    def _claims(self) -> bool:
        mine = self._claim.acquire(blocking=False)
        self._claimed.set()
        return mine

    def _make(self) -> None:
        try:
            self._items = list(itertools.islice(self._source, 1))
        except BaseException as error:
            self._error = error
        finally:
            self._done.set()


Steps = queue.SimpleQueue[PrefetchTask[Chunk] | None]


class Prefetcher:
    """One thread that makes steps, started when the first one comes.

    It ends with close(), with the helper, or with the interpreter, which must not be torn down
    under a run.
    """

    def __init__(self, tidy: Callable[[], object] = lambda: None) -> None:
        """`tidy` is called between two steps now and then."""
        self._tidy = tidy
        self._steps: Steps = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._end: Callable[[], object] | None = None

    def offer(self, step: PrefetchTask[Chunk]) -> None:
        """Let the thread make the step when it has time."""
        with self._lock:
            if self._end is None:
                work = threading.Thread(target=_work, args=(self._steps, self._tidy), daemon=True)
                work.start()
                self._end = weakref.finalize(self, _end, self._steps, work)
        self._steps.put(step)

    def close(self) -> None:
        """End the thread, after what it is at."""
        with self._lock:
            if self._end is not None:
                self._end()


def _work(steps: Steps, tidy: Callable[[], object]) -> None:
    made = 0
    while (step := steps.get()) is not None:
        step.help()
        made += 1
        if made % TIDY_EVERY == 0:
            tidy()


def _end(steps: Steps, work: threading.Thread) -> None:
    steps.put(None)
    if work is not threading.current_thread():
        work.join(END_S)


def prefetch_one(source: Iterator[Chunk], helper: Prefetcher) -> Generator[Chunk, None, None]:
    """The same items; while one is out, the next may already be made."""
    step = PrefetchTask(source)
    try:
        while items := step.take():
            step = PrefetchTask(source)
            helper.offer(step)
            yield from items
    finally:
        step.drop()


class StreamLimiter:
    """At most so many streams at once; the others wait, first come, first served."""

    def __init__(self, limit: int | None) -> None:
        self._limit = limit
        self._lock = threading.Lock()
        self._holders: dict[object, int] = {}  # who has a turn, and the thread it last ran in
        self._waiting: deque[object] = deque()

    def enter(self, who: object, stop: Stoppable) -> None:
        """Wait for a turn, or until the stream is stopped.

        Raises EngineBusy where waiting could never end: every turn belongs to this very thread.
        """
        if self._limit is None:
            return
        with self._lock:
            self._waiting.append(who)
        try:
            while not (self._enters(who) or stop.wanted):
                threading.Event().wait(LOOK_S)
        finally:
            with self._lock:
                self._waiting.remove(who)

    def _enters(self, who: object) -> bool:
        me = threading.get_ident()
        with self._lock:
            if self._waiting[0] is who and len(self._holders) < (self._limit or 0):
                self._holders[who] = me
                return True
            if self._holders and set(self._holders.values()) == {me}:
                raise EngineBusy(
                    f"found {len(self._holders)} streams begun in this thread and not ended, "
                    f"wanted fewer than max_streams={self._limit}; end or close() one first"
                )
        return False

    def leave(self, who: object) -> None:
        """Give the turn back."""
        with self._lock:
            self._holders.pop(who, None)


class Stream:
    """Chunks as they are made: iterate over it with `for` or `async for`.

    close() ends it, from any thread, also while a chunk is being made; so does letting go of it.
    """

    def __init__(
        self,
        chunks: Generator[Chunk, None, None],
        stop: Stoppable,
        pump: AsyncTextBridge | None = None,
        spans: Callable[[], list[StageSpan]] = list,
    ) -> None:
        self._chunks = chunks
        self._stop = stop
        self._pump = pump
        self._spans = spans
        self._lock = threading.Lock()

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Chunk:
        if self._pump is not None:
            self._pump.require_running()
        with self._lock:
            return next(self._chunks)

    def stages(self) -> list[StageSpan]:
        """The spans of this stream so far."""
        return self._spans()

    def close(self) -> None:
        """End it: what is being made is given up, and nothing follows."""
        self._stop.set()
        if self._pump is not None:
            self._pump.close()
        with self._lock:
            self._chunks.close()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Chunk:
        if self._pump is not None:
            self._pump.start()
        for chunk in await asyncio.to_thread(self._some):
            return chunk
        raise StopAsyncIteration

    async def aclose(self) -> None:
        """close(), without holding up the event loop."""
        self._stop.set()
        await asyncio.to_thread(self.close)

    def _some(self) -> list[Chunk]:
        try:
            return [next(self)]
        except StopIteration:
            return []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def __del__(self) -> None:
        self._stop.set()


class AsyncTextBridge:
    """Carries the text of an asynchronous source from its event loop to the thread that speaks."""

    def __init__(self, source: AsyncIterable[str]) -> None:
        self._source = source
        self._parts: queue.SimpleQueue[str | BaseException | None] = queue.SimpleQueue()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to pull, in the event loop that is running."""
        if self._task is None:
            self._loop = asyncio.get_running_loop()
            self._task = self._loop.create_task(self._pull())

    def require_running(self) -> None:
        """Raise OptionTypeError where nobody can pull."""
        if self._task is None:
            raise OptionTypeError(
                "found an asynchronous text in a plain loop, wanted `async for`; or give a "
                "plain iterable"
            )

    def close(self) -> None:
        """Stop pulling. From any thread."""
        self._parts.put(None)
        if self._loop is not None and self._task is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._task.cancel)

    def __iter__(self) -> Iterator[str]:
        while (part := self._parts.get()) is not None:
            if isinstance(part, BaseException):
                raise part
            yield part

    async def _pull(self) -> None:
        end: BaseException | None = None
        try:
            async for part in self._source:
                self._parts.put(part)
        except Exception as error:
            end = error
        finally:
            self._parts.put(end)


def close_on_error(
    chunks: Iterator[Chunk], enter: Callable[[], None], leave: Callable[[], None]
) -> Generator[Chunk, None, None]:
    """The same chunks, with a turn taken before the first and given back behind the last."""
    enter()
    try:
        yield from chunks
    finally:
        leave()
