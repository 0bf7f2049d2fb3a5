"""A program as target: `cmd:piper --model x --output-raw`, audio on its standard output.

With `protocol=once`, the default, each trial starts the program anew: a cold start, counted from
the moment at which it is executed. With `protocol=lines` the program lives on and reads a line for
each text, and `end` says where its answer is over: warm. No shell is used. POSIX only.
"""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from typing import IO, NamedTuple

from pytest_ttsperf.errors import (
    MeasurementError,
    TargetCrashed,
    TargetFailed,
    TargetNotFound,
    TargetShapeError,
)
from pytest_ttsperf.measure.memory import sample_peak_memory
from pytest_ttsperf.measure.recorder import cost
from pytest_ttsperf.real import REAL
from pytest_ttsperf.records import Json, Mode, Recording, TargetInfo, Usage
from pytest_ttsperf.targets import command_line, tracing
from pytest_ttsperf.targets import spec as targets_spec
from pytest_ttsperf.targets.base import Inspection, Lifecycle, ProcessUsage, TargetRequest
from pytest_ttsperf.targets.child_process import describe_exit
from pytest_ttsperf.targets.command.framing import WAYS, open_framing
from pytest_ttsperf.targets.command.process import CLOSE_S, STILL_RUNS, CommandProcess, Read
from pytest_ttsperf.targets.decoders.base import Decoder, is_mixed
from pytest_ttsperf.targets.decoders.factory import detect_decoder
from pytest_ttsperf.targets.placement import ELSEWHERE
from pytest_ttsperf.targets.python.samples import is_rate

PREFIX = "cmd:"
TEXT = "{text}"
OPTIONS = ("protocol", "end", "rate")
FIRST_TEXT = "Hello, this is the first sentence."
HEADER_READS = 64
"""Of an answer: whatever its header is, that many reads hold it."""


class ProgramAnswer(NamedTuple):
    """One answer as it came: nothing of it is decoded yet."""

    request_ns: int
    reads: list[Read]
    end_ns: int
    is_cut: bool = False
    """Whether its program was ended before the answer was."""


class _Waiting(NamedTuple):
    """A program that is still to be started, and the file that it will read."""

    process: CommandProcess
    stdin: IO[bytes]


class CommandTarget:
    """A program; see `targets.base.Target` for the protocol."""

    can_swap_code = False
    is_proven_by_opening = False
    placement_remedy = ELSEWHERE

    def __init__(self, request: TargetRequest) -> None:
        """A provider and a voice fill `{provider}` and `{voice}` in the arguments."""
        self._spec = request.spec
        self._available = request.available
        self._requested = request.requested
        self._timeout_s = request.timeout_s
        self._is_once = str(request.spec.options.get("protocol", "once")) != "lines"
        self.lifecycle: Lifecycle = "per_text" if self._is_once else "kept"
        self.isolated = not self._is_once
        self._arguments: list[str] = []
        self._rate: int | None = None
        self._end: str | None = None
        self._running: CommandProcess | None = None
        self._waiting: _Waiting | None = None
        self.process_usage: ProcessUsage | None = None
        """Of the last trial, where that was a process of its own."""

    def open(self) -> TargetInfo:
        """Read the command line and, if the program is to live on, start it."""
        self._arguments = self._parse_command()
        self._take_options()
        pid = process_ns = None
        phases_ms = {}
        if not self._is_once:
            running = self._start_running()
            started_ns = REAL.perf_counter_ns()
            pid = running.pid
            process_ns = running.executed_ns
            phases_ms["process"] = (started_ns - process_ns) / 1e6
        return TargetInfo(
            pid=pid,
            sample_rate=self._rate,
            is_rate_supposed=self._rate is not None,
            phases_ms=phases_ms,
            process_ns=process_ns,
            target_warnings=tracing.remarks(),
            tracers=tuple(tracing.from_outside()),
        )

    def warm(self) -> None:
        """One sentence, which waits until a program that lives on has loaded what it needs.

        MeasurementError for a program that starts anew for each text.
        """
        if self._is_once:
            raise MeasurementError(
                f"target {self._spec.label} starts a process for each text, so nothing of it is "
                "ever warm; measure it cold (have the test ask for the fixture cold_engine), or "
                "keep it running with --ttsperf-target-option protocol=lines, if it can read "
                "line by line"
            )
        self._run_line(FIRST_TEXT)

    def record(self, text: str, mode: Mode) -> Recording:
        """One timed synthesis; bytes become samples after the last of them."""
        self.process_usage = None
        run = self._run_once if self._is_once else self._run_line
        return self.decode(run(text), mode)

    def prepare(self) -> None:
        """Have all ready for the next text that is no part of its time.

        A program that starts anew for each text is got ready to be started; one that lives on, and
        was ended over a text, is started again and warmed.
        """
        if self._is_once and self._waiting is None:
            stdin = tempfile.TemporaryFile()  # noqa: SIM115  (closed once its program has ended)
            try:
                self._waiting = _Waiting(CommandProcess(self._spec.label, stdin), stdin)
            except BaseException:
                stdin.close()
                raise
        if not self._is_once and self._running is None:
            self._start_running()
            self.warm()

    def fetch(self, text: str, *, stop_after: int | None = None) -> ProgramAnswer:
        """One answer, not decoded, and its memory not looked at.

        After so many reads, if a number is named, it is hung up: its program is ended.
        """
        if not self._is_once:
            return self._run_line(text, stop_after)
        waiting = self._start_waiting(text)
        process = waiting.process
        try:
            reads, end_ns = process.read(None, self._timeout_s, stop_after)
            is_cut = len(reads) == stop_after
            if not is_cut:
                self._require_success(process, reads)
        finally:
            process.kill()
            waiting.stdin.close()
        return ProgramAnswer(process.executed_ns, reads, end_ns, is_cut)

    @property
    def rate(self) -> int | None:
        """Of raw samples, in Hz, as its option says; None where its output says it."""
        return self._rate

    @property
    def pid(self) -> int | None:
        """Of the program that lives on; None where there is none."""
        if self._running is None:
            return None
        return self._running.pid

    def inspect(self) -> Inspection:
        """A program says nothing of its placement."""
        return Inspection(None, cost(), tuple(tracing.from_outside()))

    def close(self) -> str | None:
        """End the program and all that it started; safe to call twice."""
        waiting, self._waiting = self._waiting, None
        if waiting is not None:
            waiting.process.kill()
            waiting.stdin.close()
        process, self._running = self._running, None
        if process is None:
            return None
        code = process.close_input()
        process.kill()
        if code is None:
            return f"it did not end within {CLOSE_S:g} s of the end of its input, and was killed"
        if code != 0:
            return f"it ended badly ({describe_exit(code, STILL_RUNS)})"
        return None

    # The command line and the options

    def _parse_command(self) -> list[str]:
        words = self._split_command()
        command_line.require_program(words[0])
        for name in ("provider", "voice"):
            words = self._fill_in(words, name)
        if not self._is_once and _has_place(words, TEXT):
            raise TargetShapeError(
                f"found {TEXT} in the command and protocol=lines; wanted a program that reads its "
                "texts line by line: leave one of the two out"
            )
        return words

    def _split_command(self) -> list[str]:
        """The words of the command, with the values of variables in place."""
        text = self._spec.spec
        comes_by_variable = not text.startswith(PREFIX)
        if comes_by_variable:
            text = targets_spec.resolve(text)
        words = command_line.split_words(text.removeprefix(PREFIX))
        if not words:
            raise TargetNotFound("found cmd: with nothing behind it; wanted cmd:program arguments")
        if comes_by_variable:
            return words
        return [targets_spec.resolve(word) for word in words]  # a value with blanks stays one word

    def _fill_in(self, words: list[str], name: str) -> list[str]:
        """Put the provider or the voice where the command has a place for it."""
        place = "{" + name + "}"
        value = self._available.get(name)
        has_place = _has_place(words, place)
        if not has_place and name in self._requested:
            raise TargetShapeError(
                f"{name} {value!r} was asked for, but the command has no place "
                f"for it; write {place} where it belongs, or leave out --ttsperf-{name}"
            )
        if not has_place:
            return words
        if value is None:
            raise TargetShapeError(f"found {place} in the command; wanted --ttsperf-{name} too")
        return [word.replace(place, value) for word in words]

    def _take_options(self) -> None:
        options = targets_spec.resolve_options(self._spec.options)
        unknown = sorted(set(options) - set(OPTIONS))
        if unknown:
            raise TargetShapeError(
                f"found the option {unknown[0]} for a command; wanted {', '.join(OPTIONS)}: what "
                "the program itself takes stands in the command"
            )
        if options.get("protocol", "once") not in ("once", "lines"):
            raise TargetShapeError(
                f"found protocol={options['protocol']!r}, wanted once (a process for each text) or "
                "lines (a process that reads line by line)"
            )
        self._end = self._parse_end(options)
        rate = options.get("rate")
        if rate is not None and not is_rate(rate):
            raise TargetShapeError(f"found rate={rate!r}, wanted a sample rate in Hz, as 22050")
        self._rate = None if rate is None else int(rate)

    def _parse_end(self, options: Mapping[str, Json]) -> str | None:
        """How an answer ends; None where it ends with the process."""
        end = options.get("end")
        if self._is_once:
            if end is not None:
                raise TargetShapeError(f"found end={end!r} without protocol=lines; add that")
            return None
        if end is None:
            raise TargetShapeError(f"found protocol=lines without an end, wanted {WAYS}")
        open_framing(str(end))
        return str(end)

    # A process for each text

    def _start_waiting(self, text: str) -> _Waiting:
        """Start the program that waits for a text, with this one."""
        self.prepare()
        waiting, self._waiting = self._waiting, None
        assert waiting is not None
        try:
            if not _has_place(self._arguments, TEXT):
                waiting.stdin.write(text.encode() + b"\n")
                waiting.stdin.seek(0)
            waiting.process.start([word.replace(TEXT, text) for word in self._arguments])
        except BaseException:
            waiting.process.kill()
            waiting.stdin.close()
            raise
        return waiting

    def _run_once(self, text: str) -> ProgramAnswer:
        waiting = self._start_waiting(text)
        process = waiting.process
        started_ns = REAL.perf_counter_ns()
        request_ns = process.executed_ns
        try:
            with sample_peak_memory(process.pid) as memory:
                reads, end_ns = process.read(None, self._timeout_s)
                memory.look()
            self._require_success(process, reads)
        finally:
            process.kill()
            waiting.stdin.close()
        cpu_s = process.cpu_s
        cpu_ns = None if cpu_s is None else int(cpu_s * 1e9)
        self.process_usage = ProcessUsage(
            phases_ms={"process": (started_ns - request_ns) / 1e6},
            cpu_ns=cpu_ns,
            usage=_usage(memory.peak_bytes, cpu_s),
        )
        return ProgramAnswer(request_ns, reads, end_ns)

    def _require_success(self, process: CommandProcess, reads: Sequence[Read]) -> None:
        """TargetError for a program that does not end, ends badly, or has written nothing."""
        label = self._spec.label
        code = process.close_input()
        if code is None:
            process.raise_timeout(f"did not end within {CLOSE_S:g} s of closing its output")
        if code != 0:
            raise TargetFailed(
                f"target {label} failed ({describe_exit(code, STILL_RUNS)}).\n"
                f"Its last words:\n{process.stderr_tail()}"
            )
        if not any(read.audio for read in reads):
            raise TargetShapeError(
                f"target {label} wrote nothing to its standard output; wanted "
                "WAV or raw 16-bit PCM there (piper: --output-raw). "
                f"Its last words:\n{process.stderr_tail()}"
            )

    # A process that lives on

    def _start_running(self) -> CommandProcess:
        process = CommandProcess(self._spec.label, subprocess.PIPE)
        process.start(self._arguments)
        self._running = process
        return process

    def _run_line(self, text: str, stop_after: int | None = None) -> ProgramAnswer:
        if self._running is None or self._end is None:
            raise TargetCrashed(f"target {self._spec.label} is not open, or has ended")
        lines = len(text.splitlines())
        if lines != 1:
            raise TargetShapeError(
                f"found a text of {lines} lines, wanted one: with protocol=lines a line is a text"
            )
        try:
            self._running.refuse_leftovers()
            framing = open_framing(self._end)
            request_ns = REAL.perf_counter_ns()
            self._running.write(text.encode() + b"\n", self._timeout_s)
            reads, end_ns = self._running.read(framing, self._timeout_s, stop_after)
        except BaseException:  # also Ctrl-C: what it says next would be the answer to another text
            self._running.kill()
            self._running = None
            raise
        is_cut = len(reads) == stop_after
        if is_cut:
            self._running.kill()
            self._running = None
        return ProgramAnswer(request_ns, reads, end_ns, is_cut)

    # From bytes to samples

    def decode(self, answer: ProgramAnswer, mode: Mode) -> Recording:
        """The recording of an answer; one that was hung up ends where it was cut."""
        import numpy as np

        request_ns, reads, end_ns, is_cut = answer
        head = b"".join(read.audio for read in reads[:HEADER_READS])
        decoder = detect_decoder(head, self._rate)
        pieces = [decoder.feed(read.audio) for read in reads]
        if not is_cut:
            pieces[-1] = np.concatenate([pieces[-1], decoder.finish()])  # came with the last byte
        pcm = np.concatenate(pieces).astype("<f4", copy=False)
        arrivals_ns = tuple(read.at_ns for read in reads)
        frame_counts = tuple(map(len, pieces))
        if mode == "nonstream":
            arrivals_ns = (end_ns,)
            frame_counts = (len(pcm),)
        cpu_ns = None
        if self.process_usage is not None:
            cpu_ns = self.process_usage.cpu_ns
        return Recording(
            request_ns=request_ns,
            arrivals_ns=arrivals_ns,
            frame_counts=frame_counts,
            end_ns=end_ns,
            sample_rate=self._sample_rate(decoder),
            cpu_ns=cpu_ns,
            pcm=pcm.tobytes(),
        )

    def _sample_rate(self, decoder: Decoder) -> int:
        """In Hz. TargetShapeError for audio that has no single rate, or more than one channel."""
        label = self._spec.label
        rate = decoder.sample_rate
        if rate is None:
            raise TargetShapeError(f"target {label} wrote no whole header; wanted audio behind one")
        if is_mixed(decoder.notes):
            raise TargetShapeError(f"target {label} wrote audio of several channels; wanted mono")
        if self._rate not in (None, rate):
            raise TargetShapeError(
                f"target {label} wrote audio at {rate} Hz, and rate={self._rate} was given; leave "
                "that out"
            )
        return rate


def _has_place(words: Sequence[str], place: str) -> bool:
    return any(place in word for word in words)


def _usage(peak_bytes: int, cpu_s: float | None) -> Usage | None:
    """None for a run so short that its memory was never seen."""
    if not peak_bytes or cpu_s is None:
        return None
    return Usage(
        rss_bytes=peak_bytes,
        rss_peak_bytes=peak_bytes,
        uss_bytes=None,
        cpu_s=cpu_s,
    )
