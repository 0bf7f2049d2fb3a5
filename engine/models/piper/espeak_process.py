"""espeak-ng in a process of its own: what it dies or hangs of is an error for that text alone.

There is one such process for all piper voices of an engine's process. It starts when the first of
them opens and ends with the last one, and in any case when this process ends, however it does.
"""

from __future__ import annotations

import contextlib
import importlib.util
import itertools
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import weakref
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from ...errors import EngineClosed, ModelError, TextUnspeakable, VoiceNotInstalled
from .espeak import readable_parts

REMEDY = "pip install 'pytest-ttsperf[piper]', or piper-tts by itself"
PROGRAM = Path(__file__).with_name("espeak.py")
PATIENCE_S = 5.0  # for an answer, which takes some milliseconds
MAX_TEXTS = 64  # in a request, so that a very long text holds nobody up
RECEIVED_BYTES = 65536  # at once
END_S = 1.0  # for an end after the last request


class Clause(NamedTuple):
    """What the reader makes of a clause: phonemes, words apart, and the mark that ends it."""

    phonemes: str
    mark: str


class ReaderError(Exception):
    """A request was not answered as it should be; the message says why."""


class ReaderDied(ReaderError):
    """The process ended before it answered."""


class Child(NamedTuple):
    """A process that runs, and the way to it."""

    process: subprocess.Popen[bytes]
    channel: socket.socket

    def ask(self, request: bytes) -> bytes:
        """The line it answers with, without an end if it ends before. Raises OSError.

        No file around the socket reads it: that would have a lock, which a fork may find taken.
        """
        self.channel.sendall(request)
        line = b""
        while not line.endswith(b"\n"):
            more = self.channel.recv(RECEIVED_BYTES)
            if not more:
                break
            line += more
        return line

    def stop(self, *, kill: bool = False) -> int:
        """End it, and take its exit status. It ends by itself when nobody can ask any more."""
        self.channel.close()
        if kill:
            self.process.kill()
        try:
            return self.process.wait(END_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            return self.process.wait()


class EspeakProcess:
    """The process, started when it is needed and again after it died. Safe for threads and fork."""

    def __init__(
        self,
        command: Callable[[], Sequence[str]],
        *,
        patience_s: float = PATIENCE_S,
    ) -> None:
        """`command` is what to run, looked up at the first start."""
        self._command = command
        self._patience_s = patience_s
        self._lock = threading.RLock()
        self._child: Child | None = None
        _processes.add(self)

    @property
    def pid(self) -> int | None:
        """Of the process that runs just now, if any."""
        child = self._child
        if child is None:
            return None
        return child.process.pid

    def start(self) -> None:
        """Start the process if it does not run, and do not wait for it. Raises ModelError."""
        with self._lock:
            if self._child is None:
                self._start()

    def read(
        self,
        language: str,
        texts: Sequence[str],
    ) -> list[list[Clause]]:
        """The clauses of each text.

        Raises ReaderError for what espeak dies of, hangs on or refuses, ModelError if it cannot be
        started.
        """
        request = json.dumps([language, list(texts)]).encode() + b"\n"
        with self._lock:
            answer = self._exchange(request)
        if "error" in answer:
            raise ReaderError(answer["error"])
        return [_to_clauses(clauses) for clauses in answer["clauses"]]

    def close(self) -> None:
        """End the process. The next text would start it again."""
        with self._lock:
            child = self._take_child()
            if child is not None:
                child.stop()

    def forget(self) -> None:
        """In a process that was forked off: the child is the parent's."""
        self._lock = threading.RLock()
        child = self._take_child()
        if child is not None:
            child.process.returncode = 0  # not ours to wait for
            child.channel.close()

    def _take_child(self) -> Child | None:
        child = self._child
        self._child = None
        return child

    def _exchange(self, request: bytes) -> dict[str, Any]:
        if self._child is not None and self._child.process.poll() is not None:
            self._drop()  # somebody killed it, or memory ran out: no fault of this text
        child = self._child or self._start()
        line = b""
        try:
            line = child.ask(request)
        except TimeoutError as error:
            self._drop(kill=True)
            raise ReaderError(f"no answer within {self._patience_s:g} s") from error
        except OSError:
            pass  # it is dead, as an answer without an end is
        except BaseException:
            self._drop(kill=True)  # else the next text would be given this one's answer
            raise
        if not line.endswith(b"\n"):
            raise ReaderDied(_describe_end(self._drop()))
        try:
            answer: dict[str, Any] = json.loads(line)
        except ValueError as error:
            self._drop(kill=True)
            raise ReaderError("a garbled answer") from error
        return answer

    def _drop(self, *, kill: bool = False) -> int:
        child = self._take_child()
        assert child is not None
        return child.stop(kill=kill)

    def _start(self) -> Child:
        command = self._command()
        with _starting:  # nobody forks off a copy of our end meanwhile
            ours, theirs = socket.socketpair()
            try:
                process = subprocess.Popen(command, stdin=theirs.fileno())
            except OSError as error:
                ours.close()
                raise ModelError(
                    f"found no way to run {command[0]!r} ({error}), wanted a Python to read in for "
                    "piper voices; set sys.executable to one"
                ) from error
            finally:
                theirs.close()
            ours.settimeout(self._patience_s)
            child = self._child = Child(process, ours)
        return child


def _to_clauses(rows: list[list[Any]]) -> list[Clause]:
    return [Clause(*row) for row in rows]


def _describe_end(code: int) -> str:
    if code >= 0:
        return f"its process ended with status {code}"
    try:
        return f"its process ended by {signal.Signals(-code).name}"
    except ValueError:
        return f"its process ended by signal {-code}"


# Forks ------------------------------------------------------------------------------------------

_starting = threading.Lock()
_processes: weakref.WeakSet[EspeakProcess] = weakref.WeakSet()


def _forget_all() -> None:
    _starting.release()
    for process in list(_processes):
        process.forget()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=_starting.acquire,
        after_in_parent=_starting.release,
        after_in_child=_forget_all,
    )


# One for all ------------------------------------------------------------------------------------


def find_espeak() -> tuple[str, str]:
    """The library and the data that the package piper-tts brings. Raises VoiceNotInstalled."""
    spec = importlib.util.find_spec("piper")
    if spec and spec.origin:
        folder = Path(spec.origin).parent
        for pattern in ("espeakbridge*.so", "espeakbridge*.pyd"):
            for library in sorted(folder.glob(pattern)):
                return str(library), str(folder / "espeak-ng-data")
    raise VoiceNotInstalled(
        f"found no package piper with espeakbridge, wanted it to read for piper voices; {REMEDY}"
    )


def find_version() -> str:
    """The version of piper-tts; "" where the package piper is there without saying it."""
    import importlib.metadata  # late: whoever reads with another family needs it not

    try:
        return importlib.metadata.version("piper-tts")
    except importlib.metadata.PackageNotFoundError:
        return ""


def command() -> list[str]:
    """How the program is run: without the user's settings and packages, which it does not need.

    It sees no package, so that the version is looked up here.
    """
    return [sys.executable, "-I", "-S", str(PROGRAM), *find_espeak(), find_version()]


@contextlib.contextmanager
def start_early() -> Iterator[None]:
    """Start the process while something else is done; without a reader it ends with that."""
    _enter()
    try:
        shared.start()
        yield
    finally:
        _leave()


class EspeakReader:
    """Texts -> clauses in one language. Readers share the process, which ends with the last."""

    def __init__(self, language: str) -> None:
        """Raises VoiceNotInstalled, or ModelError if espeak does not read that language."""
        self._language = language
        self._leave = weakref.finalize(self, _leave)
        _enter()
        try:
            shared.read(language, ["a"])
        except ReaderDied as error:
            self.close()
            raise ModelError(
                f"found that espeak-ng does not start ({error}), wanted it to read for piper "
                "voices; get piper-tts anew"
            ) from error
        except ReaderError as error:
            self.close()
            raise ModelError(
                f"found no language {language!r} in espeak-ng ({error}), wanted what the voice's "
                "configuration names; get the voice anew, or a newer piper-tts"
            ) from error

    def __call__(self, texts: Sequence[str]) -> list[list[Clause]]:
        """The clauses of each text. Raises TextUnspeakable, or EngineClosed after close()."""
        parts_of = [readable_parts(text) for text in texts]
        parts = list(itertools.chain.from_iterable(parts_of))
        clauses: list[list[Clause]] = []
        for at in range(0, len(parts), MAX_TEXTS):
            clauses += self._read(parts[at : at + MAX_TEXTS])
        unassigned = iter(clauses)
        clauses_of = []
        for some in parts_of:
            clauses_of_parts = itertools.islice(unassigned, len(some))
            clauses_of.append(list(itertools.chain.from_iterable(clauses_of_parts)))
        return clauses_of

    def _read(self, texts: Sequence[str]) -> list[list[Clause]]:
        if not self._leave.alive:
            raise EngineClosed("found a closed reader, wanted an open one; make a new Engine")
        try:
            return shared.read(self._language, texts)
        except ReaderError as error:
            raise TextUnspeakable(
                f"found a text that espeak-ng cannot read ({error}): {texts[0][:40]!r}, wanted one "
                "that it can; leave out what is unusual in it, or choose a voice of another family"
            ) from error

    def close(self) -> None:
        """Need the process no more."""
        self._leave()


shared = EspeakProcess(command)
_readers: list[None] = []  # one for each that is open
_counting = threading.RLock()  # a reader may be let go of, and so leave, at any line


def _enter() -> None:
    with _counting:
        _readers.append(None)


def _leave() -> None:
    with _counting:
        _readers.pop()
        if not _readers:
            shared.close()
