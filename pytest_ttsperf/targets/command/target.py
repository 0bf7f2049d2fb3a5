"""A program as target: `cmd:piper --model x --output-raw`, audio on its standard output.

With `protocol=once`, the default, each trial starts the program anew: a cold start, counted from
the moment at which it is executed. With `protocol=lines` it goes on living, reads one
line for each text and says by `end` where its answer is over: warm. No shell is used. POSIX only.
"""

from __future__ import annotations

import shlex
import shutil
import subprocess
import tempfile
from typing import NamedTuple

from pytest_ttsperf import secrets
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
from pytest_ttsperf.records import Mode, Recording, TargetInfo, TargetSpec, Usage
from pytest_ttsperf.targets import spec as targets_spec
from pytest_ttsperf.targets import tracing
from pytest_ttsperf.targets.base import Inspection
from pytest_ttsperf.targets.command.framing import WAYS, open_framing
from pytest_ttsperf.targets.command.process import CommandProcess, Read, describe_exit
from pytest_ttsperf.targets.decoders.base import is_mixed
from pytest_ttsperf.targets.decoders.factory import detect_decoder
from pytest_ttsperf.targets.python.samples import is_rate

PREFIX = "cmd:"
TEXT = "{text}"
OPTIONS = ("protocol", "end", "rate")
CLOSE_S = 5.0
FIRST_TEXT = "Hello, this is the first sentence."


class CommandUsage(NamedTuple):
    """What one run of a program took, beside its recording."""

    phases_ms: dict[str, float]
    cpu_ns: int | None
    usage: Usage | None


class CommandTarget:
    """A program; see `targets.Target` for the protocol."""

    def __init__(
        self,
        spec: TargetSpec,
        *,
        offered: dict[str, str],
        demanded: tuple[str, ...] = (),
        timeout_s: float = 60.0,
    ) -> None:
        """`offered` fills `{provider}` and `{voice}` in the arguments."""
        self._spec = spec
        self._offered = offered
        self._demanded = demanded
        self._timeout_s = timeout_s
        self.isolated = not is_once(spec)
        self._arguments: list[str] = []
        self._rate: int | None = None
        self._end: str | None = None
        self._running: CommandProcess | None = None
        self.spent: CommandUsage | None = None
        """Of the last trial, where that was a process of its own."""

    @property
    def is_once(self) -> bool:
        """Whether each trial starts the program anew, so that all of them are cold."""
        return is_once(self._spec)

    def open(self) -> TargetInfo:
        """Read the command line and, if the program is to live, start it."""
        self._arguments = self._words()
        self._take_options()
        if self.is_once:
            return TargetInfo(
                pid=None,
                sample_rate=self._rate,
                is_rate_supposed=self._rate is not None,
                target_warnings=tracing.remarks(),
                tracers=tuple(tracing.from_outside()),
            )
        self._running = CommandProcess(self._arguments, self._spec.label, subprocess.PIPE)
        started_ns = REAL.perf_counter_ns()
        executed_ns = self._running.executed_ns
        return TargetInfo(
            pid=self._running.pid,
            sample_rate=self._rate,
            is_rate_supposed=self._rate is not None,
            phases_ms={"process": (started_ns - executed_ns) / 1e6},
            process_ns=executed_ns,
            target_warnings=tracing.remarks(),
            tracers=tuple(tracing.from_outside()),
        )

    def warm(self) -> None:
        """One sentence, which waits until a program that lives has loaded what it needs.

        MeasurementError for a program that starts anew for each text.
        """
        if self.is_once:
            raise MeasurementError(
                f"target {self._spec.label} starts a process for each text, so nothing of it is "
                "ever warm; measure it cold (have the test ask for the fixture cold_engine), or "
                "keep it running with --ttsperf-target-option protocol=lines, if it can read "
                "line by line"
            )
        self._line(FIRST_TEXT)

    def record(self, text: str, mode: Mode) -> Recording:
        """One timed synthesis; bytes become samples after the last of them."""
        self.spent = None
        if self.is_once:
            request_ns, reads, end_ns = self._once(text)
        else:
            request_ns, reads, end_ns = self._line(text)
        return self._recording(request_ns, reads, end_ns, mode)

    def inspect(self) -> Inspection:
        """A program tells no placement."""
        return Inspection(None, cost(), tuple(tracing.from_outside()))

    def close(self) -> str | None:
        """End the program and all that it started; safe to call twice."""
        running, self._running = self._running, None
        if running is None:
            return None
        code = running.ended(CLOSE_S)
        running.kill()
        if code is None:
            return f"it did not end within {CLOSE_S:g} s of the end of its input, and was killed"
        return None if code == 0 else f"it ended badly ({describe_exit(code)})"

    # What was asked for

    def _words(self) -> list[str]:
        text = self._spec.spec
        is_whole = not text.startswith(PREFIX)  # all of it comes by a variable
        line = (targets_spec.resolve(text) if is_whole else text).removeprefix(PREFIX)
        try:
            words = shlex.split(line)
        except ValueError as error:
            raise TargetNotFound(
                f"found the command {secrets.mask(line)!r}, which cannot be read ({error}); wanted "
                "words as in a shell, quoted where they hold blanks"
            ) from error
        if not words:
            raise TargetNotFound("found cmd: with nothing behind it; wanted cmd:program arguments")
        if not is_whole:  # word by word, so that a value with blanks is one
            words = [targets_spec.resolve(word) for word in words]
        if shutil.which(words[0]) is None:
            raise TargetNotFound(
                f"found no program {words[0]!r} on PATH; install it, or write its path"
            )
        for name in ("provider", "voice"):
            words = self._filled(words, name)
        if not self.is_once and any(TEXT in word for word in words):
            raise TargetShapeError(
                f"found {TEXT} in the command and protocol=lines; wanted a program that reads its "
                "texts line by line: leave one of the two out"
            )
        return words

    def _filled(self, words: list[str], name: str) -> list[str]:
        place = "{" + name + "}"
        wanted = any(place in word for word in words)
        if wanted and name not in self._offered:
            raise TargetShapeError(f"found {place} in the command; wanted --ttsperf-{name} too")
        if not wanted and name in self._demanded:
            raise TargetShapeError(
                f"{name} {self._offered.get(name)!r} was asked for, but the command has no place "
                f"for it; write {place} where it belongs, or leave out --ttsperf-{name}"
            )
        return [word.replace(place, self._offered[name]) for word in words] if wanted else words

    def _take_options(self) -> None:
        options = targets_spec.resolve_options(self._spec.options)
        unknown = sorted({*options} - {*OPTIONS})
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
        end, rate = options.get("end"), options.get("rate")
        if self.is_once and end is not None:
            raise TargetShapeError(f"found end={end!r} without protocol=lines; add that")
        if not self.is_once:
            if end is None:
                raise TargetShapeError(f"found protocol=lines without an end, wanted {WAYS}")
            open_framing(str(end))
            self._end = str(end)
        if rate is not None and not is_rate(rate):
            raise TargetShapeError(f"found rate={rate!r}, wanted a sample rate in Hz, as 22050")
        self._rate = None if rate is None else int(rate)

    # A process for each text

    def _once(self, text: str) -> tuple[int, list[Read], int]:
        in_arguments = any(TEXT in word for word in self._arguments)
        arguments = [word.replace(TEXT, text) for word in self._arguments]
        with tempfile.TemporaryFile() as told:
            if not in_arguments:
                told.write(text.encode() + b"\n")
                told.seek(0)
            running = CommandProcess(arguments, self._spec.label, told)
            started_ns = REAL.perf_counter_ns()
            request_ns = running.executed_ns
            try:
                with sample_peak_memory(running.pid) as footprint:
                    reads, end_ns = running.read(None, self._timeout_s)
                    footprint.look()
                code = running.ended(CLOSE_S)
                if code is None:
                    running.timed_out(f"did not end within {CLOSE_S:g} s of closing its output")
                if code != 0:
                    raise TargetFailed(
                        f"target {self._spec.label} failed ({describe_exit(code)}).\n"
                        f"Its last words:\n{running.last_words()}"
                    )
                if not any(read.audio for read in reads):
                    raise TargetShapeError(
                        f"target {self._spec.label} wrote nothing to its standard output; wanted "
                        "WAV or raw 16-bit PCM there (piper: --output-raw). "
                        f"Its last words:\n{running.last_words()}"
                    )
            finally:
                running.kill()
        cpu_s = running.cpu_s
        self.spent = CommandUsage(
            phases_ms={"process": (started_ns - request_ns) / 1e6},
            cpu_ns=None if cpu_s is None else int(cpu_s * 1e9),
            usage=_usage(footprint.peak_bytes, cpu_s),
        )
        return request_ns, reads, end_ns

    # A process that goes on living

    def _line(self, text: str) -> tuple[int, list[Read], int]:
        if self._running is None or self._end is None:
            raise TargetCrashed(f"target {self._spec.label} is not open, or has ended")
        if len(text.splitlines()) != 1:
            raise TargetShapeError(
                f"found a text of {len(text.splitlines())} lines, wanted one: with protocol=lines "
                "a line is a text"
            )
        try:
            self._running.refuse_leftovers()
            answer = open_framing(self._end)
            request_ns = REAL.perf_counter_ns()
            self._running.write(text.encode() + b"\n", self._timeout_s)
            reads, end_ns = self._running.read(answer, self._timeout_s)
        except BaseException:  # also Ctrl-C: what it says next would be the answer to another text
            self._running.kill()
            self._running = None
            raise
        return request_ns, reads, end_ns

    # From bytes to samples

    def _recording(self, request_ns: int, reads: list[Read], end_ns: int, mode: Mode) -> Recording:
        import numpy as np

        container = detect_decoder(b"".join(read.audio for read in reads[:64]), self._rate)
        pieces = [container.feed(read.audio) for read in reads]
        pieces[-1] = np.concatenate([pieces[-1], container.finish()])  # came with the last byte
        rate = container.sample_rate
        if rate is None:
            raise TargetShapeError(
                f"target {self._spec.label} wrote no whole header; wanted audio behind one"
            )
        if is_mixed(container.notes):
            raise TargetShapeError(
                f"target {self._spec.label} wrote audio of several channels; wanted mono"
            )
        if self._rate not in (None, rate):
            raise TargetShapeError(
                f"target {self._spec.label} wrote audio at {rate} Hz, and rate={self._rate} was "
                "given; leave that out"
            )
        sound = np.concatenate(pieces)
        whole = mode == "nonstream"
        return Recording(
            request_ns=request_ns,
            arrivals_ns=(end_ns,) if whole else tuple(read.at_ns for read in reads),
            frame_counts=(len(sound),) if whole else tuple(len(piece) for piece in pieces),
            end_ns=end_ns,
            sample_rate=rate,
            cpu_ns=self.spent and self.spent.cpu_ns,
            pcm=sound.astype("<f4", copy=False).tobytes(),
        )


def is_once(spec: TargetSpec) -> bool:
    """Whether a command's spec says that each text is a process of its own."""
    return str(spec.options.get("protocol", "once")) != "lines"


def _usage(peak_bytes: int, cpu_s: float | None) -> Usage | None:
    """None for a run so short that its memory was never seen."""
    if not peak_bytes or cpu_s is None:
        return None
    return Usage(rss_bytes=peak_bytes, rss_peak_bytes=peak_bytes, uss_bytes=None, cpu_s=cpu_s)
