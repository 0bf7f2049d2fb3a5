"""The listeners of one process: they send what is due, stamp what comes, and follow it to its end.

A request is due at an instant, and its latency counts from there, whenever it was sent: so a target
that holds up the generator cannot hide it (no coordinated omission). In an open loop that instant
is drawn beforehand, and nobody waits for an answer. In a closed loop it is when the answer before
has been played, or has ended; there a target that is slow is asked less often by nature, as it
would be by people.

All threads stand ready before the window begins, and nothing is started within it.
"""

from __future__ import annotations

import asyncio
import itertools
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from queue import SimpleQueue

from msgspec import structs

from pytest_ttsperf.errors import StatusRefused, TargetError, TargetTimeout
from pytest_ttsperf.load.generator.channels import Answer, Channel, EngineChannel
from pytest_ttsperf.load.generator.protocol import PrepareRequest
from pytest_ttsperf.real import REAL
from pytest_ttsperf.records import OfferedRequest, RequestEnd

NS_PER_S = 1_000_000_000
RETRY_S = 1.0
"""After a refusal or a failure a listener of a closed loop waits so long, as a person would: one
that asked again at once would count a thousand refusals where there is one listener."""
REFUSALS = (429, 503)
"""HTTP statuses by which a server says that it has too much to do."""
HAND_ON_NS = 1_000_000
"""Before a request of an open loop is due: a thread wakes in a tenth of that."""
WATCH_S = 0.05
TELL_S = 0.25


@dataclass(slots=True)
class SentRequest:
    """One request on its way, and afterwards what came of it."""

    request: OfferedRequest
    due_ns: int
    channel: Channel | None
    """None for one that was never sent, as too many were under way."""
    lateness_ns: int | None = None
    sent_ns: int | None = None
    end_ns: int | None = None
    answer: Answer | None = None
    error: Exception | None = None
    is_timed_out: bool = False

    @property
    def ended(self) -> RequestEnd:
        """How it ended."""
        if self.channel is None:
            return "capped"
        if self.error is not None:
            is_refusal = isinstance(self.error, StatusRefused) and self.error.status in REFUSALS
            return "refused" if is_refusal else "failed"
        if self.answer is not None and self.answer.is_cut:
            return "hung_up"
        return "answered"

    @property
    def failure(self) -> str | None:
        """The kind of its refusal or failure; None where there is none."""
        error = self.error
        if error is None:
            return None
        if isinstance(error, StatusRefused):
            return f"HTTP {error.status}"
        if isinstance(error, TargetError) and error.__cause__ is not None:
            return type(error.__cause__).__name__
        return type(error).__name__


class Window:
    """What all listeners of a window share: its instants, and the requests under way."""

    def __init__(self, plan: PrepareRequest) -> None:
        self.plan = plan
        self.begun_ns = 0
        self.sent: list[SentRequest] = []
        self._under_way: dict[int, SentRequest] = {}

    @property
    def closes_ns(self) -> int:
        """No request that is due later is sent."""
        return self.begun_ns + self.plan.closes_ns

    def turns(self, requests: Sequence[OfferedRequest]) -> Iterable[OfferedRequest]:
        """What a listener of a closed loop asks for: until the window closes, or once each."""
        if not self.plan.is_repeated:
            return requests
        return repeat_requests(requests, self.plan.turn_size)

    def is_over(self, due_ns: int) -> bool:
        """Whether a listener of a closed loop sends nothing any more that is due then."""
        return self.plan.is_repeated and due_ns >= self.closes_ns

    def due_ns(self, request: OfferedRequest) -> int:
        """When a request is due that has an instant of its own."""
        assert request.at_ns is not None
        return self.begun_ns + request.at_ns

    def cap(self, request: OfferedRequest) -> None:
        """Note a request that is not sent."""
        self.sent.append(SentRequest(request, self.due_ns(request), None))

    def ask(
        self,
        channel: Channel,
        request: OfferedRequest,
        due_ns: int,
        free_ns: int = 0,
    ) -> SentRequest:
        """Wait until it is due, send it, and follow it to its end.

        `free_ns` is since when the listener was free to send it. Where it has to connect first, as
        the target has closed its connection, it begins to send with that: how long a target takes
        to let it in is no lateness.
        """
        sent = self._begin(channel, request, due_ns)
        try:
            wait_until(due_ns - channel.ahead_ns)
            sent.sent_ns = max(due_ns, REAL.perf_counter_ns())
            channel.prepare()
            if REAL.perf_counter_ns() < due_ns:
                wait_until(due_ns)
                sent.sent_ns = REAL.perf_counter_ns()
            sent.lateness_ns = sent.sent_ns - max(due_ns, free_ns)
            sent.answer = channel.ask(request.text, request.hang_up_after)
        except Exception as error:
            sent.error = error
        self._end(sent)
        return sent

    async def ask_async(
        self,
        channel: EngineChannel,
        request: OfferedRequest,
        due_ns: int,
        free_ns: int = 0,
    ) -> SentRequest:
        """The same in an event loop, where nothing is to be prepared."""
        sent = self._begin(channel, request, due_ns)
        try:
            await sleep_until(due_ns)
            sent.sent_ns = REAL.perf_counter_ns()
            sent.lateness_ns = sent.sent_ns - max(due_ns, free_ns)
            async with asyncio.timeout(self.plan.timeout_s) as limit:
                sent.answer = await channel.ask_async(request.text, request.hang_up_after)
        except TimeoutError as error:  # ours, or the engine's
            sent.is_timed_out = limit.expired()
            sent.error = error
        except Exception as error:
            sent.error = error
        self._end(sent)
        return sent

    def next_due_ns(self, sent: SentRequest) -> int:
        """When the listener of a closed loop asks again.

        An answer that was hung up is played no further. Its channel may take a while to hang up;
        the next request is due all the same, as the listener has begun to wait for it.
        """
        load = self.plan.load
        answer = sent.answer
        if answer is None or sent.channel is None:
            assert sent.end_ns is not None
            return sent.end_ns + int((RETRY_S + load.think_s) * NS_PER_S)
        over_ns = answer.over_ns
        if load.pace == "played" and not answer.is_cut:
            over_ns = max(over_ns, self._played_ns(sent.channel, sent, answer))
        return over_ns + int(load.think_s * NS_PER_S)

    def free_ns(self, sent: SentRequest) -> int:
        """Since when a listener can send again, if that is later than its answer ended; else 0.

        To hang up takes a target as long as it takes, and to start a program as well: neither is
        lateness of the generator.
        """
        is_held_up = sent.ended == "hung_up"
        if sent.channel is not None and sent.channel.prepares_at_once:
            is_held_up = True
        if not is_held_up:
            return 0
        return REAL.perf_counter_ns()

    def _played_ns(self, channel: Channel, sent: SentRequest, answer: Answer) -> int:
        """When an answer has been played; its end, where it turns out to be no sound."""
        try:
            return channel.played_ns(answer) or answer.over_ns
        except Exception as error:
            sent.error = error
            return answer.over_ns

    def abort_late(self, timeout_s: float) -> SentRequest | None:
        """End answers that take too long; the first whose channel could not be ended is returned.

        That is one which goes on twice as long.
        """
        now_ns = REAL.perf_counter_ns()
        for sent in list(self._under_way.values()):
            if sent.sent_ns is None or sent.channel is None:
                continue
            seconds = (now_ns - sent.sent_ns) / NS_PER_S
            if seconds > timeout_s:
                sent.is_timed_out = True
                sent.channel.abort()
            if seconds > timeout_s + WATCH_S + max(1.0, timeout_s):
                return sent
        return None

    def _begin(self, channel: Channel, request: OfferedRequest, due_ns: int) -> SentRequest:
        sent = SentRequest(request, due_ns, channel)
        self._under_way[id(sent)] = sent
        self.sent.append(sent)
        return sent

    def _end(self, sent: SentRequest) -> None:
        sent.end_ns = REAL.perf_counter_ns()
        if sent.is_timed_out:  # what was cut looks like an end, or like a broken connection
            sent.error = TargetTimeout(f"no whole answer within {self.plan.timeout_s:g} s")
        if sent.error is not None:
            sent.answer = None
        if sent.answer is not None:
            sent.end_ns = sent.answer.end_ns
            if not self.plan.is_decoded and self.plan.load.pace == "greedy":
                sent.answer.raw = None  # nobody wants its sound, and there are thousands
        del self._under_way[id(sent)]


def wait_until(due_ns: int) -> None:
    """Sleep until an instant; not at all where it has passed."""
    left_ns = due_ns - REAL.perf_counter_ns()
    if left_ns > 0:
        REAL.sleep(left_ns / NS_PER_S)


async def sleep_until(due_ns: int) -> None:
    """The same in an event loop, whose timers are exact to a millisecond."""
    while (left_ns := due_ns - REAL.perf_counter_ns()) > 0:
        await asyncio.sleep(left_ns / NS_PER_S)


def requests_of(requests: Iterable[OfferedRequest]) -> dict[int, list[OfferedRequest]]:
    """The requests of a closed loop by listener, in their order."""
    found: dict[int, list[OfferedRequest]] = {}
    for request in requests:
        found.setdefault(request.listener, []).append(request)
    return found


def repeat_requests(requests: Sequence[OfferedRequest], turn_size: int) -> Iterator[OfferedRequest]:
    """The requests of one listener, and again from the first, with indexes that go on."""
    for turn in itertools.count():
        for request in requests:
            yield structs.replace(request, index=request.index + turn * turn_size)


class ThreadedListeners:
    """Listeners that have a thread each: of servers, programs, and engines that block.

    In an open loop a thread takes what comes, the one that became idle last before the others, so
    that few connections are open and these are in use. A request finds no thread where as many are
    under way as may be, and is capped.
    """

    def __init__(self, window: Window, new_channels: Callable[[int], Sequence[Channel]]) -> None:
        """Have threads and channels ready: they wait for `begin`."""
        self._window = window
        self._go = threading.Event()
        self._is_open = window.plan.load.rate is not None
        self._threads: list[threading.Thread] = []
        self._idle: deque[SimpleQueue[OfferedRequest | None]] = deque()
        self._inboxes: list[SimpleQueue[OfferedRequest | None]] = []
        if self._is_open:
            self._prepare_open(new_channels)
        else:
            self._prepare_closed(new_channels)
        for thread in self._threads:
            thread.start()

    def begin(self) -> None:
        """Let them go; the window has an instant at which it begins."""
        self._go.set()

    def is_busy(self) -> bool:
        """Whether any of them is still at work."""
        return any(thread.is_alive() for thread in self._threads)

    def _prepare_closed(self, new_channels: Callable[[int], Sequence[Channel]]) -> None:
        listeners = requests_of(self._window.plan.requests)
        channels = new_channels(len(listeners))
        for channel, requests in zip(channels, listeners.values(), strict=True):
            _prepare_early(channel)
            self._add_thread(self._listen, channel, requests)

    def _prepare_open(self, new_channels: Callable[[int], Sequence[Channel]]) -> None:
        """Connections are opened by the first request that needs one, as in any pool."""
        plan = self._window.plan
        count = min(plan.most_in_flight, len(plan.requests))
        for channel in new_channels(count):
            if channel.prepares_at_once:
                _prepare_early(channel)
            inbox: SimpleQueue[OfferedRequest | None] = SimpleQueue()
            self._inboxes.append(inbox)
            self._idle.append(inbox)
            self._add_thread(self._serve, channel, inbox)
        self._add_thread(self._send_all)

    def _add_thread(self, target: Callable[..., None], *arguments: object) -> None:
        thread = threading.Thread(
            target=target,
            args=arguments,
            name=f"ttsperf listener {len(self._threads)}",
            daemon=True,  # an answer that never ends must not keep the process
        )
        self._threads.append(thread)

    def _listen(self, channel: Channel, requests: Sequence[OfferedRequest]) -> None:
        """One listener of a closed loop."""
        self._go.wait()
        window = self._window
        due_ns = window.due_ns(requests[0])
        free_ns = 0
        for request in window.turns(requests):
            if window.is_over(due_ns):
                return
            sent = window.ask(channel, request, due_ns, free_ns)
            due_ns = window.next_due_ns(sent)
            if channel.prepares_at_once:
                _prepare_early(channel)
                due_ns = max(due_ns, REAL.perf_counter_ns())
            free_ns = window.free_ns(sent)

    def _send_all(self) -> None:
        """Hand on each request of an open loop shortly before it is due, whatever is under way."""
        self._go.wait()
        window = self._window
        for request in window.plan.requests:
            wait_until(window.due_ns(request) - HAND_ON_NS)
            try:
                inbox = self._idle.pop()
            except IndexError:
                window.cap(request)
            else:
                inbox.put(request)
        for inbox in self._inboxes:
            inbox.put(None)

    def _serve(self, channel: Channel, inbox: SimpleQueue[OfferedRequest | None]) -> None:
        """One thread of an open loop: follows a request to its end, and is idle again."""
        while (request := inbox.get()) is not None:
            self._window.ask(channel, request, self._window.due_ns(request))
            if channel.prepares_at_once:
                _prepare_early(channel)
            self._idle.append(inbox)


def _prepare_early(channel: Channel) -> None:
    """What it cannot do now it will say when it is asked."""
    try:
        channel.prepare()
    except TargetError:
        return


class AwaitedListeners:
    """Listeners of an engine that is awaited: tasks of its event loop, in the thread it has."""

    def __init__(self, window: Window, channel: EngineChannel) -> None:
        self._window = window
        self._channel = channel

    async def run(self) -> None:
        """All of a window; every request has ended when it returns."""
        if self._window.plan.load.rate is not None:
            await self._send_all()
            return
        listeners = requests_of(self._window.plan.requests)
        await asyncio.gather(*map(self._listen, listeners.values()))

    async def _listen(self, requests: Sequence[OfferedRequest]) -> None:
        window = self._window
        due_ns = window.due_ns(requests[0])
        free_ns = 0
        for request in window.turns(requests):
            if window.is_over(due_ns):
                return
            sent = await window.ask_async(self._channel, request, due_ns, free_ns)
            due_ns = window.next_due_ns(sent)
            free_ns = window.free_ns(sent)

    async def _send_all(self) -> None:
        window = self._window
        under_way: set[asyncio.Task[SentRequest]] = set()
        for request in window.plan.requests:
            due_ns = window.due_ns(request)
            await sleep_until(due_ns - HAND_ON_NS)
            if len(under_way) >= window.plan.most_in_flight:
                window.cap(request)
                continue
            task = asyncio.create_task(window.ask_async(self._channel, request, due_ns))
            under_way.add(task)
            task.add_done_callback(under_way.discard)
        await asyncio.gather(*under_way)


def watch(window: Window, is_busy: Callable[[], bool], tell: Callable[[float], None]) -> None:
    """Wait until all listeners are done; end answers that take too long, and tell how far it is.

    TargetTimeout where an answer cannot be ended: a thread of an engine that hangs.
    """
    last_ns = 0
    while is_busy():
        REAL.sleep(WATCH_S)
        stuck = window.abort_late(window.plan.timeout_s)
        if stuck is not None:
            raise TargetTimeout(
                f"an answer did not end within {window.plan.timeout_s:g} s, and what makes it "
                f"cannot be ended by itself (text: {stuck.request.text[:60]!r}); "
                "--ttsperf-timeout allows more"
            )
        now_ns = REAL.perf_counter_ns()
        if now_ns - last_ns >= TELL_S * NS_PER_S:
            last_ns = now_ns
            tell((now_ns - window.begun_ns) / NS_PER_S)
