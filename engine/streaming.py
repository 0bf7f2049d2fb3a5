"""How chunks get from the engine to a listener: one ahead, in turn, and until they are stopped.

A stream is pulled. While one chunk is being listened to, a helping thread makes the next one; but a
listener who comes back at once finds nothing begun, and makes it on the spot: handing work from
thread to thread costs more than it saves to one who does not wait.
"""

from __future__ import annotations

import asyncio
import itertools
import queue
import threading
import weakref
from collections import deque
from collections.abc import AsyncIterable, Callable, Generator, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Generic, Protocol, Self, TypeVar

from .audio import Chunk
from .errors import EngineBusy, OptionTypeError
from .timing import StageSpan

if TYPE_CHECKING:  # compiling the rules takes a while, and naming the engine has to stay cheap
    from .text.normalise import Unreadable

T = TypeVar("T")
Action = Callable[[], object]
Chunks = Generator[Chunk, None, None]

PATIENCE_S = 0.002  # so long the helper leaves the next chunk to a listener who comes back
TIDY_EVERY = 64  # tasks
END_S = 1.0  # how long closing waits for the helper at most


class Stoppable(Protocol):
    """Ends the work a stream is doing, from any thread."""

    is_set: bool

    def set(self) -> None:
        """End it, and call the listeners."""

    def add_listener(self, listener: Action) -> None:
        """Have set() call the listener, from the thread that sets."""

    def remove_listener(self, listener: Action) -> None:
        """Undo add_listener()."""


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
        if self._try_claim():
            self._make()
        else:
            self._done.wait()
        if self._error is not None:
            raise self._error
        return self._items

    def help(self) -> None:
        """Make it, unless somebody claims it soon."""
        if not self._claimed.wait(PATIENCE_S) and self._try_claim():
            self._make()

    def drop(self) -> None:
        """Make sure that nobody is making it, or will."""
        if not self._try_claim():
            self._done.wait()

    def _try_claim(self) -> bool:
        is_first = self._claim.acquire(blocking=False)
        self._claimed.set()
        return is_first

    def _make(self) -> None:
        try:
            self._items = list(itertools.islice(self._source, 1))
        except BaseException as error:
            self._error = error
        finally:
            self._done.set()


Tasks = queue.SimpleQueue[PrefetchTask[Chunk] | None]


class Prefetcher:
    """One thread that works on tasks, started when the first one comes.

    It ends with close(), with the prefetcher, or with the interpreter, which must not be torn down
    under a run.
    """

    def __init__(self, tidy: Action = lambda: None) -> None:
        """`tidy` is called between two tasks now and then."""
        self._tidy = tidy
        self._tasks: Tasks = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._end: Action | None = None

    def offer(self, task: PrefetchTask[Chunk]) -> None:
        """Let the thread work on the task when it has time."""
        with self._lock:
            if self._end is None:
                thread = threading.Thread(
                    target=_work,
                    args=(self._tasks, self._tidy),
                    daemon=True,
                )
                thread.start()
                self._end = weakref.finalize(self, _end, self._tasks, thread)
        self._tasks.put(task)

    def close(self) -> None:
        """End the thread, after the task it is working on."""
        with self._lock:
            if self._end is not None:
                self._end()


def _work(tasks: Tasks, tidy: Action) -> None:
    for count in itertools.count(1):
        task = tasks.get()
        if task is None:
            return
        task.help()
        if count % TIDY_EVERY == 0:
            tidy()


def _end(tasks: Tasks, thread: threading.Thread) -> None:
    tasks.put(None)
    if thread is not threading.current_thread():
        thread.join(END_S)


def prefetch_one(source: Iterator[Chunk], prefetcher: Prefetcher) -> Chunks:
    """The same items; while one is out, the next may already be made."""
    task = PrefetchTask(source)
    try:
        while items := task.take():
            task = PrefetchTask(source)
            prefetcher.offer(task)
            yield from items
    finally:
        task.drop()


class StreamLimiter:
    """At most so many streams at once; the others wait, first come, first served."""

    def __init__(self, limit: int | None) -> None:
        self._limit = limit
        self._changed = threading.Condition()
        self._holders: dict[object, int] = {}  # streams with a turn, and the thread each began in
        self._waiting: deque[object] = deque()
        self._is_closed = False

    @contextmanager
    def turn(self, stop: Stoppable) -> Iterator[None]:
        """Hold a turn while the body runs. See enter()."""
        stream = object()
        self.enter(stream, stop)
        try:
            yield
        finally:
            self.leave(stream)

    def enter(self, stream: object, stop: Stoppable) -> None:
        """Wait for a turn, or, without getting one, until `stop` is set or the limiter closed.

        Raises EngineBusy where waiting could never end: every turn belongs to this very thread.
        """
        if self._limit is None:
            return
        stop.add_listener(self._wake)
        try:
            with self._changed:
                self._wait(stream, stop, self._limit)
        finally:
            stop.remove_listener(self._wake)

    def _wait(self, stream: object, stop: Stoppable, limit: int) -> None:
        self._waiting.append(stream)
        try:
            while not (stop.is_set or self._is_closed):
                if len(self._holders) >= limit:
                    self._check_others(limit)
                elif self._waiting[0] is stream:
                    self._holders[stream] = threading.get_ident()
                    return
                self._changed.wait()
        finally:
            self._waiting.remove(stream)
            self._changed.notify_all()  # another one is the first now

    def _check_others(self, limit: int) -> None:
        """Raise EngineBusy if nobody but the waiting thread itself could give a turn back."""
        threads = set(self._holders.values())
        if threads == {threading.get_ident()}:
            raise EngineBusy(
                f"found {len(self._holders)} streams begun in this thread and not ended, "
                f"wanted fewer than max_streams={limit}; end or close() one first"
            )

    def leave(self, stream: object) -> None:
        """Give the turn back, if the stream has one."""
        with self._changed:
            self._holders.pop(stream, None)
            self._changed.notify_all()

    def close(self) -> None:
        """Let nobody wait any longer."""
        with self._changed:
            self._is_closed = True
            self._changed.notify_all()

    def _wake(self) -> None:
        with self._changed:
            self._changed.notify_all()


class Stream:
    """Chunks as they are made, to be iterated over with `for` or `async for`.

    close() ends it, from any thread, also while a chunk is being made; so does dropping the last
    reference to it.
    """

    def __init__(
        self,
        chunks: Chunks,
        stop: Stoppable,
        bridge: AsyncTextBridge | None = None,
        spans: Callable[[], list[StageSpan]] = list,
        unreadable: Callable[[], list[Unreadable]] = list,
    ) -> None:
        self._chunks = chunks
        self._stop = stop
        self._bridge = bridge
        self._spans = spans
        self._unreadable = unreadable
        self._lock = threading.Lock()

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Chunk:
        if self._bridge is not None:
            self._bridge.require_running()
        with self._lock:
            return next(self._chunks)

    def stages(self) -> list[StageSpan]:
        """The spans of this stream so far."""
        return self._spans()

    def unreadable(self) -> list[Unreadable]:
        """What is left out of the text, as no voice can say it: emoji, other scripts.

        Of a complete text all of it, of one that is still being written what was found so far.
        """
        return self._unreadable()

    def close(self) -> None:
        """End it: work on the next chunk is cancelled, and nothing follows."""
        self._stop.set()
        if self._bridge is not None:
            self._bridge.close()
        with self._lock:
            self._chunks.close()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Chunk:
        if self._bridge is not None:
            self._bridge.start()
        chunk = await asyncio.to_thread(next, self, None)
        if chunk is None:
            raise StopAsyncIteration
        return chunk

    async def aclose(self) -> None:
        """close(), without holding up the event loop."""
        self._stop.set()
        await asyncio.to_thread(self.close)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def __del__(self) -> None:
        self._stop.set()


class AsyncTextBridge:
    """Carries the text of an asynchronous source from its event loop to the thread that speaks."""

    def __init__(self, source: AsyncIterable[str]) -> None:
        self._source = source
        self._parts: queue.SimpleQueue[str | BaseException | None] = queue.SimpleQueue()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to pull, in the event loop that is running."""
        if self._task is None:
            self._task = asyncio.create_task(self._pull())

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
        if self._task is None:
            return
        loop = self._task.get_loop()
        if not loop.is_closed():
            loop.call_soon_threadsafe(self._task.cancel)

    def __iter__(self) -> Iterator[str]:
        while True:
            part = self._parts.get()
            if part is None:
                return
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
