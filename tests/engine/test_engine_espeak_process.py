"""espeak-ng in a process of its own: it really dies, hangs and is killed, and others are heard."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import psutil
import pytest

from engine.engine import Engine
from engine.errors import EngineClosed, ModelError, TextUnspeakable
from engine.models.piper import espeak_process
from engine.models.piper.espeak_process import (
    EspeakProcess,
    EspeakReader,
    ReaderDied,
    ReaderError,
    command,
)
from tests.engine.dying_reader import DEADLY, let_the_reader_die

pytest.importorskip("piper")

DOTTED_FOR_LONG = "p.m. " * 10000  # uncut, a new espeak dies of it; of 49 only most of the time
HARMLESS = "Nothing to fear."
DOTTED = [
    "p.m. " * 1000,
    "a.b." * 49,
    "p.m. " * 60,
    "w.w.w. " * 60,
    "A.B.C., " * 60,
    "é." * 60,
    "a . b . " * 60,
]


@pytest.fixture
def process() -> Iterator[EspeakProcess]:
    process = EspeakProcess(command)
    yield process
    process.close()


@pytest.fixture
def reader() -> Iterator[EspeakReader]:
    reader = EspeakReader("en-us")
    yield reader
    reader.close()


def is_gone(pid: int) -> bool:
    """Whether the process ends; zombies count as being there."""
    try:
        psutil.Process(pid).wait(10)
    except psutil.NoSuchProcess:
        return True
    except psutil.TimeoutExpired:
        return False
    return True


def test_a_text_that_espeak_dies_of_is_an_error_for_that_text_alone(process: EspeakProcess) -> None:
    before = process.read("en-us", [HARMLESS])
    victim = process.pid
    with pytest.raises(ReaderDied, match=r"SIGSEGV|SIGABRT|SIGBUS"):
        process.read("en-us", [DOTTED_FOR_LONG])
    assert victim is not None
    assert not psutil.pid_exists(victim)  # nor is it a zombie
    assert process.read("en-us", [HARMLESS]) == before
    assert process.pid != victim


def test_what_kills_the_process_is_unspeakable(
    reader: EspeakReader, monkeypatch: pytest.MonkeyPatch
) -> None:
    let_the_reader_die(monkeypatch)
    with pytest.raises(TextUnspeakable, match=r"cannot read \(its process ended by SIG"):
        reader([DEADLY])
    assert reader([HARMLESS]) == EspeakReader("en-us")([HARMLESS])


def test_a_text_is_read_after_somebody_killed_the_process(process: EspeakProcess) -> None:
    before = process.read("en-us", [HARMLESS])
    victim = process.pid
    assert victim is not None
    os.kill(victim, signal.SIGKILL)
    os.waitid(os.P_PID, victim, os.WEXITED | os.WNOWAIT)
    assert process.read("en-us", [HARMLESS]) == before


def test_a_hang_is_waited_for_only_so_long() -> None:
    process = EspeakProcess(command, patience_s=2.0)  # enough for a start on a busy machine
    before = process.read("en-us", [HARMLESS])
    victim = process.pid
    assert victim is not None
    os.kill(victim, signal.SIGSTOP)
    with pytest.raises(ReaderError, match=r"no answer within 2 s"):
        process.read("en-us", [HARMLESS])
    assert not psutil.pid_exists(victim)
    assert process.read("en-us", [HARMLESS]) == before
    process.close()


def test_a_wait_that_is_broken_off_leaves_no_answer_for_the_next_text(
    process: EspeakProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = process.read("en-us", [HARMLESS])
    child = process._child
    assert child is not None

    def interrupted(*_: object) -> bytes:
        child.channel.send(b'["en-us", ["Something else."]]\n')
        raise KeyboardInterrupt

    monkeypatch.setattr(type(child), "ask", interrupted)
    with pytest.raises(KeyboardInterrupt):
        process.read("en-us", ["Something else."])
    monkeypatch.undo()
    assert process.read("en-us", [HARMLESS]) == before


def test_characters_that_are_no_text_are_an_error(process: EspeakProcess) -> None:
    for text in ("a\0b", "a\ud800b"):
        with pytest.raises(ReaderError):
            process.read("en-us", [text])
    first = process.pid
    assert process.read("en-us", [HARMLESS])
    assert process.pid == first


@pytest.mark.parametrize("text", ["Wait..", "a.b..", "It is 5 ft..", "p.m.m.."])
def test_nothing_of_a_text_is_left_for_the_next(process: EspeakProcess, text: str) -> None:
    """espeak keeps the last stop of such a text, and said "dot" before somebody else's."""
    before = process.read("en-us", [HARMLESS])
    process.read("en-us", [text])
    assert process.read("en-us", [HARMLESS]) == before


def test_threads_get_their_own_answers(process: EspeakProcess) -> None:
    texts = [f"Number {number}." for number in range(40)]
    expected = [process.read("en-us", [text]) for text in texts]
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(lambda text: process.read("en-us", [text]), texts)) == expected


def test_a_program_that_is_no_reader_is_told() -> None:
    with pytest.raises(ModelError, match="found no way to run '/nowhere/python'"):
        EspeakProcess(lambda: ["/nowhere/python"]).start()
    with pytest.raises(ReaderDied, match="its process ended with status 3"):
        EspeakProcess(lambda: [sys.executable, "-c", "raise SystemExit(3)"]).read("en-us", ["a"])
    garbled = EspeakProcess(lambda: [sys.executable, "-c", "import os; os.write(0, b'?\\n')"])
    with pytest.raises(ReaderError, match="a garbled answer"):
        garbled.read("en-us", ["a"])


# One for all ------------------------------------------------------------------------------------


def test_readers_share_a_process_that_ends_with_the_last() -> None:
    english, german = EspeakReader("en-us"), EspeakReader("de")
    pid = espeak_process.shared.pid
    assert pid is not None
    assert english(["wind"]) != german(["wind"])
    english.close()
    english.close()
    assert german(["wind"])
    assert espeak_process.shared.pid == pid
    with pytest.raises(EngineClosed):
        english(["wind"])
    del german  # let go of, never closed
    assert espeak_process.shared.pid is None
    assert not psutil.pid_exists(pid)


def test_a_process_that_was_started_early_ends_if_no_reader_comes() -> None:
    with espeak_process.start_early():
        pid = espeak_process.shared.pid
        assert pid is not None
    assert espeak_process.shared.pid is None
    assert not psutil.pid_exists(pid)


@pytest.mark.parametrize("text", DOTTED)
def test_dotted_letters_are_read_whole(reader: EspeakReader, text: str) -> None:
    short = reader([text[: len(text) // 10]])[0]
    pid = espeak_process.shared.pid
    (clauses,) = reader([text])
    assert espeak_process.shared.pid == pid
    assert sum(len(c.phonemes) for c in clauses) > 5 * sum(len(c.phonemes) for c in short)


def test_a_text_of_very_many_parts_is_read_in_many_requests(reader: EspeakReader) -> None:
    words = [f"word{number}" for number in range(3 * espeak_process.MAX_TEXTS)]
    long_text = " ".join(words)
    whole, *alone = reader([long_text, *words])
    assert len(alone) == len(words)
    assert alone[-1] == reader([words[-1]])[0]
    assert sum(len(c.phonemes) for c in whole) > len(long_text) / 2


# With its parent --------------------------------------------------------------------------------

PARENT = """
import sys
from engine.models.piper.espeak_process import EspeakReader, shared
reader = EspeakReader("en-us")
print(shared.pid, flush=True)
sys.stdin.readline()
"""


def start_parent(program: str = PARENT) -> tuple[subprocess.Popen[str], int]:
    """A process that reads, and the pid of its reader."""
    parent = subprocess.Popen(
        [sys.executable, "-c", program],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert parent.stdout is not None
    return parent, int(parent.stdout.readline())


def test_it_ends_with_a_parent_that_was_killed() -> None:
    parent, pid = start_parent()
    assert psutil.pid_exists(pid)
    parent.kill()
    parent.communicate()
    assert is_gone(pid)


def test_it_ends_with_a_parent_that_left_quietly() -> None:
    parent, pid = start_parent()
    _, errors = parent.communicate("\n")
    assert (parent.returncode, errors) == (0, "")
    assert is_gone(pid)


FORK = """
import os, sys
from engine.models.piper.espeak_process import EspeakReader, shared
reader = EspeakReader("en-us")
expected, mine = reader(["Nothing to fear."]), shared.pid
print(mine, flush=True)
down, up = os.pipe()
pid = os.fork()
if pid == 0:
    assert shared.pid is None
    assert reader(["Nothing to fear."]) == expected
    assert shared.pid not in (None, mine)
    os.write(up, str(shared.pid).encode())
    sys.stdin.readline()
    os._exit(0)
print(int(os.read(down, 99)), flush=True)
assert reader(["Nothing to fear."]) == expected
assert shared.pid == mine
sys.stdin.readline()
"""


def test_a_fork_gets_a_process_of_its_own() -> None:
    parent, pid = start_parent(FORK)
    assert parent.stdout is not None
    forked = int(parent.stdout.readline())
    assert psutil.pid_exists(pid)
    parent.kill()  # the forked one lives on, and holds nothing of its parent's
    assert is_gone(pid)
    assert psutil.pid_exists(forked)
    _, errors = parent.communicate("\n")
    assert errors == ""
    assert is_gone(forked)


def test_a_fork_while_another_thread_reads_can_read(reader: EspeakReader) -> None:
    expected = reader([HARMLESS])
    over = threading.Event()

    def keep_reading() -> None:
        while not over.is_set():
            reader([HARMLESS])

    busy = threading.Thread(target=keep_reading)
    busy.start()
    try:
        for _ in range(10):
            pid = os.fork()
            if pid == 0:
                signal.alarm(30)
                os._exit(0 if reader([HARMLESS]) == expected else 1)
            assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    finally:
        over.set()
        busy.join()


def test_an_engine_speaks_dotted_letters_and_takes_its_reader_along() -> None:
    with Engine("joe") as engine:
        pid = espeak_process.shared.pid
        assert pid is not None
        assert engine.synthesize("a.b." * 49).frame_count > engine.sample_rate
        with Engine("joe"):
            assert espeak_process.shared.pid == pid
        assert psutil.pid_exists(pid)
    assert not psutil.pid_exists(pid)
