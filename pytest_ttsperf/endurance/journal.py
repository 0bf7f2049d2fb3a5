"""The raw trials of a soak, appended as they come, so that one that was killed goes on.

A line of JSON each: what the soak is of, then each process of the target that begins, its trials,
and a slice after its trials. What stands behind the last slice of a process that ended was broken
off in the midst of one, and is left out. A line that is not whole is that of a writer that was
killed; it is cut off.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

import msgspec

from pytest_ttsperf import files, real
from pytest_ttsperf.errors import MeasurementError
from pytest_ttsperf.nouns import plural
from pytest_ttsperf.records import SoakHead, SoakLine, SoakSession, SoakSlice, Trial

DIFFERENCES = {
    "cell": "the cell",
    "fingerprint": "the machine or what runs on it",
    "spec": "how long it is",
    "revision": "the commit",
    "plugin_version": "the version of pytest-ttsperf",
}
"""How a head may differ, as people read it."""


@dataclass
class EarlierSoak:
    """What a journal holds of a soak that was broken off."""

    head: SoakHead | None = None
    sessions: list[SoakSession] = field(default_factory=list)
    slices: list[SoakSlice] = field(default_factory=list)
    trials: list[Trial] = field(default_factory=list)
    """Those of whole slices."""
    left_out: int = 0
    """Trials of slices that were broken off."""
    is_finished: bool = False
    whole_bytes: int = 0
    """Up to where its lines are whole."""
    pending: list[Trial] = field(default_factory=list)
    """Trials that no slice has yet."""

    @property
    def next_session(self) -> int:
        """The number of the process that goes on with it."""
        return 1 + max((session.number for session in self.sessions), default=-1)


class Journal:
    """An open journal, to which this process alone appends."""

    def __init__(
        self,
        path: Path,
        file: BinaryIO,
        earlier: EarlierSoak,
        remark: str | None,
    ) -> None:
        self.path = path
        self.earlier = earlier
        """Empty where the soak begins anew."""
        self.remark = remark
        """That it goes on, or why it does not; None where there is nothing to say."""
        self._file = file
        self._encoder = msgspec.json.Encoder()

    def begin(self, head: SoakHead) -> None:
        """Note what the soak is of, in the place of all that was there."""
        self.earlier = EarlierSoak(head=head)
        self._file.seek(0)
        self._file.truncate()
        self._append(SoakLine(head=head))

    def go_on(self) -> None:
        """Cut off what is not whole at its end, to append there."""
        self._file.seek(self.earlier.whole_bytes)
        self._file.truncate()

    def begin_session(self) -> int:
        """Note that a process of the target begins to speak; its number."""
        number = self.earlier.next_session
        started = real.now().isoformat(timespec="seconds")
        self._append(SoakLine(session=SoakSession(number=number, started=started)))
        return number

    def add_trial(self, trial: Trial) -> None:
        """Append a raw trial."""
        self._append(SoakLine(trial=trial))

    def add_slice(self, soak_slice: SoakSlice) -> None:
        """Append a slice behind its trials; with it they are on the disk."""
        self._append(SoakLine(slice=soak_slice))
        os.fsync(self._file.fileno())

    def finish(self) -> None:
        """Note that the soak came to its end, so that the next one begins anew."""
        self._append(SoakLine(is_finished=True))
        os.fsync(self._file.fileno())

    def _append(self, line: SoakLine) -> None:
        try:
            self._file.write(self._encoder.encode(line) + b"\n")
            self._file.flush()
        except OSError as error:
            raise MeasurementError(
                f"{self.path}, which has the trials of this soak, cannot be written: "
                f"{files.reason_of(error)}; mend that, or choose another folder with "
                "--ttsperf-artifacts, and run again: it goes on from the last slice"
            ) from error


@contextmanager
def open_journal(path: Path, head: SoakHead) -> Iterator[Journal]:
    """The journal of a soak while the block runs: gone on with where it is of the same soak.

    MeasurementError where it cannot be written, is damaged, or another run writes to it just now.
    """
    with _open_locked(path) as file:
        earlier = read_lines(path, file.read())
        reason = _reason_to_begin_anew(earlier, head)
        remark = reason or None
        if reason is None:
            remark = _describe_resumption(path, earlier)
        journal = Journal(path, file, earlier, remark)
        if reason is None:
            journal.go_on()
        else:
            journal.begin(head)
        yield journal


@contextmanager
def _open_locked(path: Path) -> Iterator[BinaryIO]:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    except OSError as error:
        raise MeasurementError(
            f"{path}, which is to have the trials of this soak, cannot be written: "
            f"{files.reason_of(error)}; choose another folder with --ttsperf-artifacts"
        ) from error
    with os.fdopen(descriptor, "r+b") as file:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise MeasurementError(
                f"another run soaks this cell just now and writes to {path}; wait for its end, or "
                "choose another folder with --ttsperf-artifacts"
            ) from error
        yield file


def read_lines(path: Path, body: bytes) -> EarlierSoak:
    """What a journal says. MeasurementError for one that is damaged in its midst."""
    decoder = msgspec.json.Decoder(SoakLine)
    earlier = EarlierSoak()
    *whole, _ = body.split(b"\n")
    for number, text in enumerate(whole, start=1):
        try:
            line = decoder.decode(text)
        except msgspec.DecodeError as error:
            raise MeasurementError(
                f"{path}, line {number}: {error}; it has the trials of a soak that was broken off. "
                "Delete it, and the soak begins anew"
            ) from error
        earlier.whole_bytes += len(text) + 1
        _add_line(earlier, line)
    _leave_out_pending(earlier)
    return earlier


def _add_line(earlier: EarlierSoak, line: SoakLine) -> None:
    earlier.head = line.head or earlier.head
    earlier.is_finished = earlier.is_finished or line.is_finished
    if line.session is not None:
        earlier.sessions.append(line.session)
        _leave_out_pending(earlier)
    if line.trial is not None:
        earlier.pending.append(line.trial)
    if line.slice is not None:
        earlier.slices.append(line.slice)
        earlier.trials += earlier.pending
        earlier.pending.clear()


def _leave_out_pending(earlier: EarlierSoak) -> None:
    """The slice that they were of was broken off."""
    earlier.left_out += len(earlier.pending)
    earlier.pending.clear()


def _reason_to_begin_anew(earlier: EarlierSoak, head: SoakHead) -> str | None:
    """Why the soak of a journal is not gone on with; empty where that needs no word."""
    if earlier.head is None or earlier.is_finished or not earlier.slices:
        return ""
    for name, what in DIFFERENCES.items():
        if getattr(earlier.head, name) != getattr(head, name):
            return (
                f"a soak that was broken off after {len(earlier.slices)} slices is not gone on "
                f"with, as {what} is another now; it begins anew"
            )
    return None


def _describe_resumption(path: Path, earlier: EarlierSoak) -> str:
    requests = sum(each.requests for each in earlier.slices)
    left_out = ""
    if earlier.left_out:
        left_out = f", without {plural(earlier.left_out, 'request')} of a slice that was not whole"
    return (
        f"goes on with a soak that was begun at {earlier.sessions[0].started} and broken off after "
        f"{len(earlier.slices)} slices and {requests:,} requests{left_out} (to begin anew, delete "
        f"{path})"
    )


def name_after_run(path: Path, run_id: str) -> Path:
    """Give a finished journal the name of its run, beside the old place; where it is then."""
    finished = path.with_name(f"{path.stem}_{run_id}{path.suffix}")
    with contextlib.suppress(OSError):
        path.replace(finished)
        return finished
    return path
