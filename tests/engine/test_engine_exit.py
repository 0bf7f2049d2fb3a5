"""The interpreter ends while daemon threads speak: no call into onnxruntime is cut off."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from engine.engine import Engine
from engine.runtime.exit_guard import Cancelled, ExitGuard

ROOT = Path(__file__).parents[2]
PATIENCE_S = 30

SPEAK_AND_END = """
import sys
import threading
from engine import Engine

engine = Engine(sys.argv[1])
speaking = threading.Event()

def speak():
    while True:
        for _ in engine.stream("Nobody waits for the thread that says this. " * 40):
            speaking.set()

for _ in range(2):
    threading.Thread(target=speak, daemon=True).start()
assert speaking.wait(60)
print("over", flush=True)
"""

OPEN_AND_END = """
import threading
from engine import Engine

Engine().close()

def open_engines():
    while True:
        Engine().close()

threading.Thread(target=open_engines, daemon=True).start()
print("over", flush=True)
"""

SPEAK_AT_THE_END = """
import atexit
from engine import Engine

engine = Engine()

@atexit.register
def say_goodbye():
    print(engine.synthesize("Goodbye, and thank you.").frame_count)
"""


def run(program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", program, *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("name", ["heart", "joe"])
def test_a_process_ends_in_order_while_daemon_threads_speak(voice: Engine, name: str) -> None:
    if name == "joe" and importlib.util.find_spec("piper") is None:
        pytest.skip("found no package piper: pip install 'pytest-ttsperf[piper]'")
    for _ in range(3):  # without the guard three in four abort
        ended = run(SPEAK_AND_END, name)
        assert (ended.returncode, ended.stdout) == (0, "over\n"), ended.stderr
        assert "terminate called" not in ended.stderr


def test_a_process_ends_in_order_while_a_daemon_thread_opens_voices(voice: Engine) -> None:
    ended = run(OPEN_AND_END)
    assert (ended.returncode, ended.stdout) == (0, "over\n"), ended.stderr


def test_the_main_thread_speaks_to_the_very_end(voice: Engine) -> None:
    ended = run(SPEAK_AT_THE_END)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert int(ended.stdout) == voice.synthesize("Goodbye, and thank you.").frame_count


class Call:
    """A call that a thread is in until it is stopped."""

    def __init__(self, guard: ExitGuard, *, daemon: bool = True) -> None:
        self.began = threading.Event()
        self.stopped = threading.Event()
        self.over = threading.Event()
        self._guard = guard
        self._thread = threading.Thread(target=self._run, daemon=daemon)
        self._thread.start()
        assert self.began.wait(PATIENCE_S)

    def set(self) -> None:
        self.stopped.set()

    def join(self) -> None:
        self._thread.join(PATIENCE_S)
        assert not self._thread.is_alive()

    def _run(self) -> None:
        with self._guard.call(self):
            self.began.set()
            assert self.stopped.wait(PATIENCE_S)
            self.over.set()


def test_the_end_stops_the_calls_of_daemon_threads_and_waits_for_them() -> None:
    guard = ExitGuard()
    calls = [Call(guard), Call(guard)]
    guard.end()
    assert all(call.over.is_set() for call in calls)
    for call in calls:
        call.join()


def test_the_end_leaves_calls_of_other_threads_alone() -> None:
    guard = ExitGuard()
    call = Call(guard, daemon=False)
    guard.end()
    assert not call.stopped.is_set()
    call.set()
    call.join()


def test_no_daemon_thread_begins_a_call_after_the_end() -> None:
    guard = ExitGuard()
    guard.end()
    refused: list[bool] = []

    def try_to_call() -> None:
        try:
            with guard.call():
                refused.append(False)
        except Cancelled:
            refused.append(True)

    thread = threading.Thread(target=try_to_call, daemon=True)
    thread.start()
    thread.join(PATIENCE_S)
    assert refused == [True]
    with guard.call():
        pass  # the main thread may


def test_a_forked_process_does_not_wait_for_threads_it_has_not() -> None:
    guard = ExitGuard()
    call = Call(guard)
    guard.reset()
    guard.end()
    assert not call.stopped.is_set()
    call.set()
    call.join()
