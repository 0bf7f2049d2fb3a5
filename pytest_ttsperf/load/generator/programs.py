"""Listeners of a program: each has one of its own."""

from __future__ import annotations

from collections.abc import Callable

from pytest_ttsperf import secrets
from pytest_ttsperf.load.generator.channels import Answer, play_bytes, play_decoded
from pytest_ttsperf.load.generator.protocol import OpenProgramsRequest
from pytest_ttsperf.measure import recorder
from pytest_ttsperf.records import Mode, Recording, TargetInfo, TargetSpec
from pytest_ttsperf.targets import tracing
from pytest_ttsperf.targets.base import TargetRequest
from pytest_ttsperf.targets.command.target import CommandTarget
from pytest_ttsperf.targets.decoders.factory import detect_decoder
from pytest_ttsperf.targets.decoders.pcm import Pcm
from pytest_ttsperf.targets.decoders.wav import Wav
from pytest_ttsperf.targets.worker import protocol as worker_protocol


class ProgramChannel:
    """A program of its own: for each text, or one that lives on.

    One that is hung up is ended, as there is no other word for it; where it lives on it is started
    and warmed again before the next text, and that is not a part of any request. Nor is the start
    of the process that looks after each program: it takes tens of milliseconds, and is done after
    the answer before.
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
            return play_decoded(self, answer)
        return play_bytes(answer, answer.raw.reads, bytes_per_s, self._mode)

    def decode(self, answer: Answer) -> Recording:
        """See `Channel`."""
        return self._program.decode(answer.raw, self._mode)

    def abort(self) -> None:
        """Nothing: a program has a time limit of its own."""

    def close(self) -> None:
        """See `Channel`."""
        self._program.close()


class Programs:
    """Programs of one command line, one for each listener."""

    def __init__(self, request: OpenProgramsRequest) -> None:
        secrets.remember(request.spec, request.options)
        self._request = TargetRequest(
            spec=TargetSpec(spec=request.spec, options=request.options),
            available=request.available,
            requested=request.requested,
            timeout_s=request.timeout_s,
        )
        self._first = CommandTarget(self._request)
        self.bytes_per_s: float | None = None
        """Of its sound, where it is linear; None until a text was spoken."""

    def open(self) -> TargetInfo:
        """Open the one that a single listener has."""
        return self._first.open()

    def answer(self, request: worker_protocol.Request) -> worker_protocol.Message:
        """What other workers do with one target, done by the first program."""
        if isinstance(request, worker_protocol.RecordRequest):
            recording = self.record(request.text, request.mode)
            return worker_protocol.RecordedReply(recording=recording)
        if isinstance(request, worker_protocol.InspectRequest):
            tracers = tuple(tracing.from_outside())
            return worker_protocol.InspectedReply(None, recorder.cost(), tracers)
        return worker_protocol.DoneReply()

    def record(self, text: str, mode: Mode) -> Recording:
        """One synthesis by a single listener, which shows what the sound is like."""
        self._first.prepare()
        answer = self._first.fetch(text)
        recording = self._first.decode(answer, mode)
        data = b"".join(read.audio for read in answer.reads)
        decoder = detect_decoder(data, self._first.rate)
        frames = sum(recording.frame_counts)
        if isinstance(decoder, Pcm | Wav) and frames:
            self.bytes_per_s = len(data) * recording.sample_rate / frames
        return recording

    def new_channel(self, mode: Mode) -> ProgramChannel:
        """A further program; one that lives on is warm."""
        program = CommandTarget(self._request)
        try:
            program.open()
            if program.lifecycle == "kept":
                program.warm()
        except BaseException:
            program.close()
            raise
        return ProgramChannel(program, mode, lambda: self.bytes_per_s)

    def close(self) -> None:
        """Close the first; the others are their channels' to close."""
        self._first.close()
