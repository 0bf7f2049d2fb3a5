"""How one listener reaches the target: a connection, the engine itself, or a program.

Whatever it is, an answer is only stamped while a window runs, and decoded after it, so that
decoding delays nobody. How long an answer sounds, for which its listener may have to wait, is
counted in bytes or frames; only of a compressed format nothing but its decoder says it, and then it
is decoded by its own listener after its end.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol

from pytest_ttsperf.load.generator import player
from pytest_ttsperf.measure.recorder import Stamped
from pytest_ttsperf.records import Mode, Recording
from pytest_ttsperf.targets.command.target import CommandTarget
from pytest_ttsperf.targets.python.adapter import PythonAdapter
from pytest_ttsperf.targets.python.calling import SynthesisCall
from pytest_ttsperf.targets.server.adapter import ServerAdapter
from pytest_ttsperf.targets.server.client import Client, Unanswered

NS_PER_S = 1_000_000_000
AHEAD_NS = 1_000_000
"""So long before it is due a listener looks whether its connection is still there."""


@dataclass(slots=True)
class Answer:
    """One answer as it came."""

    end_ns: int
    over_ns: int
    """When it was clear that nothing follows; the end, where the target says so."""
    is_cut: bool
    """Whether it was hung up."""
    raw: Any
    """What its channel decodes."""
    recording: Recording | None = None
    """Once it was decoded."""


class Channel(Protocol):
    """One listener's way to the target. Whatever `prepare` and `ask` raise ends one request."""

    prepares_at_once: bool
    """Whether to prepare for the next request takes so long that it is done after the last one."""
    ahead_ns: int
    """Else: how long before it is due."""

    def prepare(self) -> None:
        """Do what is no part of a request; costs little where there is nothing to do."""

    def ask(self, text: str, stop_after: int | None) -> Answer:
        """One answer to its end, or hung up after so many chunks."""

    def played_ns(self, answer: Answer) -> int | None:
        """When it has been played, if playback began with its first sound; None without sound."""

    def decode(self, answer: Answer) -> Recording:
        """What was recorded of it. TargetError for what is no sound."""

    def abort(self) -> None:
        """End an answer that takes too long, from another thread, as far as that is possible."""

    def close(self) -> None:
        """Close what is the listener's alone."""


class ServerChannel:
    """A client of its own; its connection stays open or not, as the target's option says.

    Servers end connections that are idle for some seconds, and a listener who listens to an answer
    is. Whether that has happened is looked up just before a request; where it happens in this very
    moment the request is sent once more, over a new connection, as HTTP clients do (RFC 9112,
    9.3.1). Its latency counts on from when it was due.
    """

    prepares_at_once = False
    ahead_ns = AHEAD_NS

    def __init__(self, client: Client, adapter: ServerAdapter, mode: Mode) -> None:
        """`adapter` is of the same server, and knows what its answers are like."""
        self._client = client
        self._adapter = adapter
        self._mode = mode
        self._has_answered = False
        self._is_aborted = False

    def prepare(self) -> None:
        """See `Channel`."""
        self._client.prepare()

    def ask(self, text: str, stop_after: int | None) -> Answer:
        """See `Channel`."""
        self._is_aborted = False
        try:
            raw = self._client.fetch(text, stop_after=stop_after)
        except Unanswered:
            if self._is_aborted or not self._has_answered:
                raise
            self._client.prepare()
            raw = self._client.fetch(text, stop_after=stop_after)
        self._has_answered = True
        return Answer(raw.end_ns, raw.over_ns, raw.is_cut, raw)

    def played_ns(self, answer: Answer) -> int | None:
        """See `Channel`."""
        bytes_per_s = self._adapter.bytes_per_s
        if bytes_per_s is None:
            return _play_decoded(self, answer)
        return _play_bytes(answer, answer.raw.reads, bytes_per_s, self._mode)

    def decode(self, answer: Answer) -> Recording:
        """See `Channel`."""
        return self._adapter.decode(answer.raw, self._mode)

    def abort(self) -> None:
        """See `Channel`."""
        self._is_aborted = True
        self._client.abort()

    def close(self) -> None:
        """See `Channel`."""
        self._client.close()


class ProgramChannel:
    """A program of its own: for each text, or one that lives on.

    One that is hung up is ended, as there is no other word for it; where it lives on it is started
    again before the next text, and that is not a part of any request. So is the process that looks
    after each program: it takes tens of milliseconds, and is got ready after the answer before.
    """

    prepares_at_once = True
    ahead_ns = 0

    def __init__(
        self,
        program: CommandTarget,
        mode: Mode,
        bytes_per_s: Callable[[], float | None],
    ) -> None:
        """`program` is open. `bytes_per_s` is that of its sound, where it is linear."""
        self._program = program
        self._mode = mode
        self._bytes_per_s = bytes_per_s

    @property
    def pid(self) -> int | None:
        """Of a program that lives on."""
        return self._program.pid

    def prepare(self) -> None:
        """See `Channel`."""
        self._program.prepare()

    def ask(self, text: str, stop_after: int | None) -> Answer:
        """See `Channel`."""
        raw = self._program.fetch(text, stop_after=stop_after)
        return Answer(raw.end_ns, raw.end_ns, raw.is_cut, raw)

    def played_ns(self, answer: Answer) -> int | None:
        """See `Channel`."""
        bytes_per_s = self._bytes_per_s()
        if bytes_per_s is None:
            return _play_decoded(self, answer)
        return _play_bytes(answer, answer.raw.reads, bytes_per_s, self._mode)

    def decode(self, answer: Answer) -> Recording:
        """See `Channel`."""
        return self._program.decode(answer.raw, self._mode)

    def abort(self) -> None:
        """Nothing: a program has a time limit of its own."""

    def close(self) -> None:
        """See `Channel`."""
        self._program.close()


class EngineChannel:
    """A call of the engine, which all listeners of its process share."""

    prepares_at_once = False
    ahead_ns = 0

    def __init__(self, adapter: PythonAdapter, mode: Mode) -> None:
        self._adapter = adapter
        self._call: SynthesisCall = adapter.call_of(mode)

    def prepare(self) -> None:
        """Nothing: the engine is open."""

    def ask(self, text: str, stop_after: int | None) -> Answer:
        """See `Channel`; for an engine that is called from threads."""
        return _to_answer(self._call.record(text, stop_after=stop_after))

    async def ask_async(self, text: str, stop_after: int | None) -> Answer:
        """The same for an engine that is awaited, in the event loop of its adapter."""
        return _to_answer(await self._call.record_async(text, stop_after=stop_after))

    def played_ns(self, answer: Answer) -> int | None:
        """See `Channel`."""
        stamped: Stamped = answer.raw
        return player.play(
            (at_ns, self._adapter.duration_ns(chunk)) for at_ns, chunk in stamped.arrivals
        )

    def decode(self, answer: Answer) -> Recording:
        """See `Channel`."""
        return self._adapter.decode(answer.raw)

    def abort(self) -> None:
        """Nothing: a thread cannot be ended; see `listeners.watch`."""

    def close(self) -> None:
        """Nothing: the engine is closed with its process."""


def _to_answer(stamped: Stamped) -> Answer:
    return Answer(stamped.end_ns, stamped.end_ns, stamped.is_cut, stamped)


def _play_bytes(
    answer: Answer,
    reads: list[tuple[int, bytes]],
    bytes_per_s: float,
    mode: Mode,
) -> int | None:
    if mode == "nonstream":
        size = sum(len(data) for _, data in reads)
        return player.play([(answer.end_ns, int(size * NS_PER_S / bytes_per_s))])
    return player.play((at_ns, int(len(data) * NS_PER_S / bytes_per_s)) for at_ns, data in reads)


def _play_decoded(channel: Channel, answer: Answer) -> int | None:
    """By what its decoder says; what it makes is not made twice."""
    answer.recording = channel.decode(answer)
    return player.play(_durations(answer.recording))


def _durations(recording: Recording) -> Iterator[tuple[int, int]]:
    """Arrival and duration of each chunk, in ns."""
    rate = recording.sample_rate
    for at_ns, frames in zip(recording.arrivals_ns, recording.frame_counts, strict=True):
        yield at_ns, frames * NS_PER_S // rate
