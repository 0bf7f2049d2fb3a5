"""Processes that are guarded: real ones, that are really killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from pytest_ttsperf.targets import guardian
from pytest_ttsperf.targets.child_process import ChildProcess, environment

pytestmark = pytest.mark.starts

LINUX = pytest.mark.skipif(sys.platform != "linux", reason="prctl(2) and /proc are Linux's")
DAEMON = (
    "(setsid sh -c 'sleep 600 & echo $! > daemon.new; mv daemon.new daemon; exit' &) ; "
    "while [ ! -e daemon ]; do sleep 0.01; done; echo ready; sleep 600"
)
PATIENT_S = 20.0

Make = Callable[..., ChildProcess]


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    """Starts guarded processes in a folder of their own; all are ended."""
    started: list[ChildProcess] = []

    def start(*arguments: str, **more: object) -> ChildProcess:
        child = ChildProcess(**{"env": environment(), "cwd": str(tmp_path), **more})  # type: ignore[arg-type]
        started.append(child)
        if arguments:
            child.start(arguments)
        return child

    yield start
    for child in started:
        child.end()


def is_gone(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def wait_for(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + PATIENT_S
    while not condition():
        assert time.monotonic() < deadline, f"{what} did not happen"
        time.sleep(0.01)


def daemon(child: ChildProcess, folder: Path) -> int:
    """The process that the child has left behind, once it has."""
    assert child.stdout is not None
    assert child.stdout.readline() == b"ready\n"
    return int((folder / "daemon").read_text())


def test_a_process_ends_with_its_exit_code_its_time_and_its_words(make: Make) -> None:
    child = make("sh", "-c", "echo out; echo err >&2; exit 7")
    assert child.wait_for_exit_code(PATIENT_S) == 7
    assert child.poll() == 7
    assert child.cpu_s is not None
    assert child.cpu_s >= 0
    assert child.output_tail() == "out\nerr"
    child.end()
    child.end()


def test_output_that_is_ours_comes_straight_and_is_no_word(make: Make) -> None:
    child = make("sh", "-c", "cat; echo err >&2", stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert child.stdin is not None
    assert child.stdout is not None
    child.stdin.write(b"in")
    child.stdin.close()
    assert child.stdout.read() == b"in"
    assert child.wait_for_exit_code(PATIENT_S) == 0
    assert child.output_tail() == "err"


def test_signals_and_how_it_ended(make: Make) -> None:
    child = make("sleep", "600")
    assert child.poll() is None
    assert child.wait_for_exit_code(0.01) is None
    assert child.output_tail() == "(it said nothing)"
    child.send_signal(signal.SIGTERM)
    assert child.wait_for_exit_code(PATIENT_S) == -signal.SIGTERM
    child.send_signal(signal.SIGTERM)


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (["no-such-program-here"], FileNotFoundError),
        (["/"], PermissionError),
        (["echo", "a\0b"], ValueError),
    ],
)
def test_what_cannot_be_started_says_why(
    make: Make, arguments: list[str], error: type[Exception]
) -> None:
    child = make()
    with pytest.raises(error):
        child.start(arguments)


def test_a_program_gets_the_signals_that_it_would_get_from_subprocess(make: Make) -> None:
    ask = (
        "import signal, sys; names = 'SIGPIPE', 'SIGTERM', 'SIGCHLD', 'SIGHUP'; "
        "sys.stdout.write(str([signal.getsignal(getattr(signal, n)) for n in names]) + "
        "str(signal.pthread_sigmask(signal.SIG_BLOCK, [])))"
    )
    # Python itself ignores SIGPIPE, so the kernel is asked in its place where it tells.
    lines = "grep -E '^Sig(Ign|Blk)' /proc/self/status" if sys.platform == "linux" else "true"
    command = ["sh", "-c", f'{lines}; exec "$0" -c "$1"', sys.executable, ask]
    child = make(*command)
    assert child.wait_for_exit_code(PATIENT_S) == 0
    expected = subprocess.run(
        command, capture_output=True, text=True, start_new_session=True, env=environment()
    )
    assert child.output_tail() == expected.stdout


def test_no_descriptor_is_left_over(make: Make) -> None:
    list_them = "ls /dev/fd | tr '\\n' ' '"
    child = make("sh", "-c", list_them)
    assert child.wait_for_exit_code(PATIENT_S) is not None
    expected = subprocess.run(["sh", "-c", list_them], capture_output=True, text=True)
    assert child.output_tail() == expected.stdout.strip()


def test_the_start_is_counted_from_the_execution(make: Make) -> None:
    child = make()
    before_ns = time.perf_counter_ns()
    child.start([sys.executable, "-c", "import time; print(time.perf_counter_ns(), flush=True)"])
    assert child.wait_for_exit_code(PATIENT_S) is not None
    assert before_ns <= child.executed_ns <= int(child.output_tail())
    apart_ns = time.perf_counter_ns() - time.monotonic_ns()
    assert abs(child.executed_monotonic_ns + apart_ns - child.executed_ns) < 1e9


def test_much_talk_is_read_and_little_of_it_is_remembered(make: Make) -> None:
    child = make("sh", "-c", "head -c 300000000 /dev/zero | tr '\\0' x; echo; echo the end")
    try:
        guard = psutil.Process(child.pid).parent()
        peak = 0
        while child.poll() is None:
            peak = max(peak, guard.memory_info().rss)
    finally:
        words = child.output_tail()
    assert words.endswith("the end")
    assert len(words) <= guardian.TAIL_BYTES
    assert 0 < peak < 60e6, "far less than what was printed"


@LINUX
def test_what_a_process_prints_takes_no_disk(make: Make) -> None:
    child = make("sleep", "600")
    targets = {os.readlink(f"/proc/{child.pid}/fd/{number}") for number in (1, 2)}
    assert all(target.startswith("pipe:") for target in targets)


@LINUX
def test_a_daemon_ends_with_the_process_that_started_it(make: Make, tmp_path: Path) -> None:
    child = make("sh", "-c", DAEMON, stdout=subprocess.PIPE)
    pid = daemon(child, tmp_path)
    assert not is_gone(pid)
    child.end()
    assert is_gone(pid), "at once, not some time later"


@LINUX
def test_a_daemon_ends_though_its_starter_has_ended_before(make: Make, tmp_path: Path) -> None:
    child = make("sh", "-c", DAEMON, stdout=subprocess.PIPE)
    pid = daemon(child, tmp_path)
    child.send_signal(signal.SIGKILL)
    assert child.wait_for_exit_code(PATIENT_S) == -signal.SIGKILL
    child.end()
    assert is_gone(pid)


def test_without_adoption_the_children_that_are_seen_are_ended(make: Make, tmp_path: Path) -> None:
    code = (
        "import subprocess, sys, time; child = subprocess.Popen(['sleep', '600'], "
        "start_new_session=True); print(child.pid, flush=True); time.sleep(600)"
    )
    child = make(sys.executable, "-c", code, stdout=subprocess.PIPE, adopts=False)
    assert child.stdout is not None
    pid = int(child.stdout.readline())
    child.end()
    wait_for(lambda: is_gone(pid), "the end of the child")


def test_without_adoption_children_are_remembered(make: Make) -> None:
    code = (
        "import subprocess, sys; child = subprocess.Popen(['sleep', '600'], "
        "start_new_session=True, stdout=subprocess.DEVNULL); print(child.pid, flush=True); "
        "sys.stdin.read()"
    )
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    child = make(sys.executable, "-c", code, adopts=False, **pipes)
    assert child.stdin is not None
    assert child.stdout is not None
    pid = int(child.stdout.readline())
    child.remember_tree()
    child.stdin.close()
    assert child.wait_for_exit_code(PATIENT_S) == 0
    child.end()
    wait_for(lambda: is_gone(pid), "the end of the child")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_a_guardian_that_is_killed_takes_the_process_along(
    make: Make, number: signal.Signals
) -> None:
    child = make("sleep", "600")
    psutil.Process(child.pid).parent().send_signal(number)
    if sys.platform == "linux":
        wait_for(lambda: is_gone(child.pid), "the end of the process")
    assert child.wait_for_exit_code(PATIENT_S) == -signal.SIGKILL
    child.end()
    wait_for(lambda: is_gone(child.pid), "the end of the process")


def test_nothing_is_left_of_a_process_that_was_never_started(make: Make) -> None:
    child = make()
    pids = [child.pid, psutil.Process(child.pid).ppid()]
    child.end()
    assert all(is_gone(pid) for pid in pids)


FORKING = """
import os, sys, time
from pytest_ttsperf.targets.child_process import ChildProcess
child = ChildProcess(env=os.environ)
child.start(["sleep", "600"])
forked = os.fork()
if forked == 0:
    time.sleep(600)
print(child.pid, forked, flush=True)
time.sleep(600)
"""


@LINUX
def test_a_fork_of_pytest_that_lives_on_keeps_nothing_alive() -> None:
    """It has all descriptors of pytest, so that none of them is closed by the end of that."""
    parent = subprocess.Popen([sys.executable, "-c", FORKING], stdout=subprocess.PIPE)
    assert parent.stdout is not None
    pid, forked = map(int, parent.stdout.readline().split())
    try:
        parent.kill()
        parent.wait()
        wait_for(lambda: is_gone(pid), "the end of the process")
        assert not is_gone(forked)
    finally:
        os.kill(forked, signal.SIGKILL)
        parent.stdout.close()


def test_a_guardian_is_not_found_by_the_name_of_pytest(make: Make) -> None:
    words = psutil.Process(make("sleep", "600").pid).parent().cmdline()
    assert not any("pytest" in word for word in words[1:])


def test_the_environment_keeps_what_was_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COVERAGE_PROCESS_CONFIG", "x")
    monkeypatch.setenv("MINE", "y")
    monkeypatch.delenv("ORT_DISABLE_TELEMETRY", raising=False)
    assert environment()["ORT_DISABLE_TELEMETRY"] == "1"
    assert environment()["MINE"] == "y"
    assert "MINE" not in environment({"MINE"})
    assert "COVERAGE_PROCESS_CONFIG" not in environment()
    monkeypatch.setenv("ORT_DISABLE_TELEMETRY", "0")
    assert environment()["ORT_DISABLE_TELEMETRY"] == "0", "the user's own word counts"


# Parts of the guardian


def test_who_is_below_whom() -> None:
    parent_of = {2: 1, 3: 1, 4: 2, 5: 4, 6: 9}
    assert sorted(guardian.below(1, parent_of, deep=False)) == [2, 3]
    assert sorted(guardian.below(1, parent_of, deep=True)) == [2, 3, 4, 5]


@pytest.mark.parametrize(
    "list_all",
    [pytest.param(guardian._parents_by_proc, marks=LINUX), guardian._parents_by_ps],
)
def test_parents_are_those_of_the_system(list_all: Callable[[], object]) -> None:
    child = subprocess.Popen(["sleep", "600"])
    try:
        found = dict(list_all())  # type: ignore[call-overload]
    finally:
        child.kill()
        child.wait()
    assert found[child.pid] == os.getpid()
    assert found[os.getpid()] == os.getppid()


def test_arguments_come_in_pieces_and_may_hold_anything() -> None:
    read_end, write_end = os.pipe()
    body = b"say\0two\nlines\0\0"
    os.write(write_end, b"%d\n" % len(body))
    os.write(write_end, body)
    assert guardian.receive_arguments(read_end) == [b"say", b"two\nlines", b""]
    os.write(write_end, b"9\nhalf")
    os.close(write_end)
    assert guardian.receive_arguments(read_end) == []
    assert guardian.receive_arguments(read_end) == []
    os.close(read_end)
