"""espeak-ng as it is: how it is loaded, how much it can take, and what it reads.

Also a program. An engine runs this file in a process of its own (see espeak_process), with nothing
but the standard library, so that a text that espeak dies of costs that process only:

    python espeak.py LIBRARY DATA VERSION

VERSION is piper-tts's: packages, and so their versions, are out of sight here.
Standard input is a socket. A request is a line of JSON, [language, [text, ...]]; so is its answer,
{"clauses": [[[phonemes, mark], ...], ...]} or {"error": message}.
"""

from __future__ import annotations

import contextlib
import ctypes
import importlib.util
import json
import os
import re
import resource
import signal
import sys
from collections.abc import Sequence
from types import ModuleType

# A run of letters with stops ("p.m. p.m.") is put together in a buffer of 80 bytes that espeak does
# not watch. It dies of a hundred bytes of letters, and writes astray from 81 on. One letter is four
# bytes at most, and only a full stop makes it part of a run: 16 stops are 17 letters, 68 bytes.
MAX_STOPS = 16
MAX_CHARS = 400  # more than a segment has; what is longer is a word in many parts
MAX_S = 10  # of one request; whoever asked has given up by then
LEAKY = frozenset(
    [
        "1.3.0",
        "1.4.0",
        "1.4.1",
        "1.4.2",
        "1.5.0",
        "1.6.0",
        "1.6.1",
        "1.7.0",
        "1.8.0",
    ]
)
"""Versions of piper-tts whose binding counts a clause once too often: each was tried.

A newer one is tried, and added if it does, before pyproject's bound lets it in.
"""
FOREIGN = re.compile(r"\([^)]*\)")  # espeak's remark that it changes to another language and back


def load(library: str, data: str) -> ModuleType:
    """The binding to espeak-ng, by itself: the rest of its package takes long."""
    spec = importlib.util.spec_from_file_location("_tts_engine.espeakbridge", library)
    assert spec is not None
    assert spec.loader is not None
    bridge = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(bridge)
    bridge.initialize(data)
    return bridge


class Espeak:
    """espeak-ng in this process: one for all, one language at a time, not safe for threads."""

    def __init__(self, bridge: ModuleType, version: str) -> None:
        """`version` is that of piper-tts, which has brought the bridge."""
        self._bridge = bridge
        self._is_leaky = version in LEAKY
        self._language: str | None = None

    def read(
        self,
        language: str,
        text: str,
    ) -> list[tuple[str, str]]:
        """Clauses: phonemes, words apart, and the mark that ends each.

        The text is one of readable_parts(): of others espeak may die. Raises what the binding
        raises: RuntimeError for a language that espeak lacks, ValueError for characters that are
        no text.
        """
        if language != self._language:  # each choice costs 1.4 KB that espeak never gives back
            self._language = None  # stays so if espeak has no such language
            self._bridge.set_voice(language)
            self._language = language
        clauses = self._read_clauses(text)
        # Of "Wait.." espeak remembers a stop, and says "dot" before whatever is read next.
        self._read_clauses("")
        return [(FOREIGN.sub("", phonemes), mark) for phonemes, mark, _ in clauses]

    def _read_clauses(self, text: str) -> list[tuple[str, str, bool]]:
        clauses: list[tuple[str, str, bool]] = self._bridge.get_phonemes(text)
        if self._is_leaky:
            free_in_time(clauses)
        return clauses


def readable_parts(text: str) -> list[str]:
    """The text in parts that espeak can take, cut between words where there are any."""
    parts = []
    end = _readable_end(text)
    while end < len(text):
        space = text.rfind(" ", 1, end + 1)
        if space > 0:
            end = space
        parts.append(text[:end])
        text = text[end:]
        end = _readable_end(text)
    return [*parts, text]


def _readable_end(text: str) -> int:
    """How many of the characters espeak can take at once."""
    end = min(len(text), MAX_CHARS)
    stop = -1
    for _ in range(MAX_STOPS):
        stop = text.find(".", stop + 1, end)
        if stop < 0:
            return end
    return stop + 1


def free_in_time(clauses: Sequence[object]) -> None:
    """Take back the reference too many that a LEAKY binding leaves on each clause.

    Without that none is ever freed: 2.3 MB in a thousand texts. Nobody else can hold a clause that
    was made just now, so a count above that of a tuple held in the same way is the binding's.
    """
    (fair,) = [sys.getrefcount(one) for one in [tuple(range(3))]]
    counts = [sys.getrefcount(one) for one in clauses]
    for clause, count in zip(clauses, counts, strict=True):
        if count == fair + 1:
            ctypes.pythonapi.Py_DecRef(ctypes.py_object(clause))


# The program ------------------------------------------------------------------------------------


def serve(library: str, data: str, version: str) -> None:
    """Answer requests until nobody can ask any more."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for whoever asks
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # no core file of a crash
    # Loaded before the first request: a voice is opening meanwhile.
    espeak = Espeak(load(library, data), version)
    requests = open(0, "rb", closefd=False)  # noqa: SIM115 - until the end
    while request := requests.readline():
        signal.alarm(MAX_S)  # a hang ends by itself, even if whoever asked is dead
        answer = memoryview(_answer(espeak, request))
        signal.alarm(0)
        while answer:
            answer = answer[os.write(0, answer) :]


def _answer(espeak: Espeak, request: bytes) -> bytes:
    answer: dict[str, object]
    try:
        language, texts = json.loads(request)
        answer = {"clauses": [espeak.read(language, text) for text in texts]}
    except Exception as error:
        answer = {"error": f"{type(error).__name__}: {error}"}
    return json.dumps(answer).encode() + b"\n"


if __name__ == "__main__":
    with open(os.devnull, "wb") as nowhere:
        os.dup2(nowhere.fileno(), 1)  # espeak may print
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # nobody waits any more
        serve(*sys.argv[1:])
