"""How one listener reaches the target: here an engine that is imported; others have files beside.

Whatever it is, an answer is only stamped while a window runs, and decoded after it, so that
decoding delays nobody. How long an answer sounds, for which its listener may have to wait, is
counted in bytes or frames; only of a compressed format nothing but its decoder says it, and then it
is decoded by its own listener after its end.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from pytest_ttsperf.load.generator import player
from pytest_ttsperf.measure.recorder import Stamped
from pytest_ttsperf.records import Mode, Recording
from pytest_ttsperf.targets.python.adapter import PythonAdapter
from pytest_ttsperf.targets.python.calling import SynthesisCall

NS_PER_S = 1_000_000_000


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


class EngineChannel:
    """A call of the engine, which all listeners of its process share.

    It hangs up by the `close()` or `aclose()` of what the engine has returned; an iterator that has
    neither is dropped, and the engine may not notice.
    """

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


def play_bytes(
    answer: Answer,
    reads: Sequence[tuple[int, bytes]],
    bytes_per_s: float,
    mode: Mode,
) -> int | None:
    """When an answer has been played whose sound takes so many bytes a second."""
    if mode == "nonstream":
        size = sum(len(data) for _, data in reads)
        return player.play([(answer.end_ns, int(size * NS_PER_S / bytes_per_s))])
    return player.play((at_ns, int(len(data) * NS_PER_S / bytes_per_s)) for at_ns, data in reads)


def play_decoded(channel: Channel, answer: Answer) -> int | None:
    """The same by what its decoder says; what it makes is stored, and not made twice."""
    answer.recording = channel.decode(answer)
    return player.play(_durations(answer.recording))


def _durations(recording: Recording) -> Iterator[tuple[int, int]]:
    """Arrival and duration of each chunk, in ns."""
    rate = recording.sample_rate
    for at_ns, frames in zip(recording.arrivals_ns, recording.frame_counts, strict=True):
        yield at_ns, frames * NS_PER_S // rate
