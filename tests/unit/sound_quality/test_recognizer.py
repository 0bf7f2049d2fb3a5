"""The process of a recogniser, which is started and ended for real."""

from __future__ import annotations

import errno
import functools
import os
import signal
import subprocess
import sys
import time

import numpy as np
import psutil
import pytest

from pytest_ttsperf.errors import QualityError
from pytest_ttsperf.sound_quality import function_process, packages
from pytest_ttsperf.sound_quality.function_process import FunctionProcess
from pytest_ttsperf.sound_quality.recognizer import Recognizer
from tests.unit.sound_quality import listening

pytestmark = pytest.mark.usefixtures("traced_children")

NAME = listening.__name__
RATE = 24_000
SOME = np.linspace(-1, 1, 1000, dtype=np.float32)
LONG_S = 30.0


def is_running(pid):
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def wait_for(condition):
    deadline = time.monotonic() + LONG_S
    while not condition():
        assert time.monotonic() < deadline, "it took for ever"
        time.sleep(0.02)


@pytest.mark.starts
def test_samples_arrive_whole_and_one_process_serves_many_calls():
    long = np.ones(2_000_000, np.float32)
    with Recognizer(listening.describe) as recognizer:
        assert recognizer.transcribe(long, 48_000) == "float32 2000000 2000000.0 48000"
        assert recognizer.transcribe(np.empty(0, np.float32), 8_000) == "float32 0 0.0 8000"
        doubles = np.ones(10, np.float64)[::2]
        assert recognizer.transcribe(doubles, 8_000) == "float32 5 5.0 8000"


@pytest.mark.starts
def test_what_the_function_prints_is_no_answer_and_it_reads_no_request():
    with Recognizer(f"{NAME}:chatter") as recognizer:
        for _ in range(3):
            assert recognizer.transcribe(SOME, RATE) == "said ''"


@pytest.mark.starts
def test_an_error_of_the_function_is_told_and_the_process_goes_on():
    with FunctionProcess(f"{NAME}:fail") as process:
        for _ in range(2):
            with pytest.raises(QualityError, match="ValueError: no model for this rate"):
                process.call(SOME, RATE)


@pytest.mark.starts
@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("exit_with_words", r"(?s)ended \(exit code 7\).*the model is broken"),
        ("kill_itself", r"(?s)ended \(killed by SIGKILL\).*it said nothing"),
    ],
)
def test_the_end_of_the_process_is_told_with_its_last_words(name, words):
    with Recognizer(f"{NAME}:{name}", timeout_s=LONG_S) as recognizer:
        with pytest.raises(QualityError, match=words):
            recognizer.transcribe(SOME, RATE)
        with pytest.raises(QualityError, match="is not running"):
            recognizer.transcribe(SOME, RATE)


@pytest.mark.starts
def test_one_that_takes_too_long_is_ended():
    with Recognizer(f"{NAME}:hang") as recognizer:
        recognizer._timeout_s = 0.2  # for the call; the import may take longer
        pid = recognizer._process.pid
        with pytest.raises(QualityError, match=r"gave no answer within 0\.2 s"):
            recognizer.transcribe(SOME, RATE)
        assert not is_running(pid)


@pytest.mark.starts
def test_nothing_is_left_of_a_block_that_ends():
    with Recognizer(listening.start_a_child) as recognizer:
        process = recognizer._process.pid
        child = int(recognizer.transcribe(SOME, RATE))
        assert is_running(process)
        assert is_running(child)
    assert not is_running(process)
    wait_for(lambda: not is_running(child))
    with pytest.raises(QualityError, match="is not running"):
        recognizer.transcribe(SOME, RATE)


PARENT = f"""
import numpy as np
from pytest_ttsperf.sound_quality.recognizer import Recognizer
with Recognizer("{NAME}:note_and_hang") as recognizer:
    recognizer.transcribe(np.zeros(10, np.float32), 8000)
"""


@pytest.mark.starts
def test_a_killed_parent_leaves_nothing_even_of_a_call_under_way(tmp_path):
    environment = {**os.environ, listening.FOLDER: str(tmp_path)}
    environment["PYTHONPATH"] = os.pathsep.join(sys.path)
    note = tmp_path / "started"
    with subprocess.Popen([sys.executable, "-c", PARENT], env=environment) as parent:
        wait_for(lambda: note.exists() and note.read_text().count(" ") == 1)
        parent.send_signal(signal.SIGKILL)
    pids = [int(pid) for pid in note.read_text().split()]
    assert len(pids) == 2
    wait_for(lambda: not any(map(is_running, pids)))
    assert not any(map(is_running, pids))


IDLE_PARENT = """
import os, signal, sys
from pytest_ttsperf.sound_quality.recognizer import Recognizer
with Recognizer("tests.unit.sound_quality.listening:describe") as recognizer:
    print(recognizer._process.pid, flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.starts
def test_a_killed_parent_leaves_no_idle_process():
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(
        [sys.executable, "-c", IDLE_PARENT], env=environment, capture_output=True, check=False
    )
    assert done.returncode == -signal.SIGKILL
    pid = int(done.stdout)
    wait_for(lambda: not is_running(pid))


@pytest.mark.starts
def test_a_function_is_named_by_its_module_and_name():
    with Recognizer(listening.Model.transcribe) as recognizer:
        assert recognizer.name == f"{NAME}:Model.transcribe"
        assert recognizer.transcribe(SOME, RATE) == "static"


@pytest.mark.starts
@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("no_such_module:recognize", "ModuleNotFoundError: No module named 'no_such_module'"),
        (f"{NAME}:no_such_function", "AttributeError"),
        (f"{NAME}:NOT_CALLABLE", "found str, wanted a function"),
    ],
)
def test_what_cannot_be_imported_is_told_at_once(name, words):
    with pytest.raises(QualityError, match=words):
        Recognizer(name).open()


@pytest.mark.starts
def test_a_recognizer_gives_text_and_another_function_what_json_has():
    number = Recognizer(listening.give_a_number)
    with number, pytest.raises(QualityError, match="gave float, wanted str"):
        number.transcribe(SOME, RATE)
    with FunctionProcess(f"{NAME}:give_a_number") as process:
        assert process.call(SOME, RATE) == 1.5
    array = FunctionProcess(f"{NAME}:give_samples")
    with array, pytest.raises(QualityError, match="ndarray is not JSON serializable"):
        array.call(SOME, RATE)


UNIMPORTABLE = [
    pytest.param(lambda samples, rate: "", id="lambda"),
    pytest.param(listening.MODEL, id="object"),
    pytest.param(listening.MODEL.hear, id="bound method"),
    pytest.param(functools.partial(listening.describe), id="partial"),
    pytest.param("no colon", id="name without a colon"),
    pytest.param(":name", id="name without a module"),
]


@pytest.mark.parametrize("function", UNIMPORTABLE)
def test_what_another_process_cannot_import_is_refused(function):
    with pytest.raises(QualityError, match="runs in a process of its own"):
        Recognizer(function)


def test_a_closure_is_refused():
    def recognize(samples, sample_rate):
        return ""

    with pytest.raises(QualityError, match="cannot be imported by a name"):
        Recognizer(recognize)


def test_where_no_process_can_be_started_it_is_said(monkeypatch):
    def fail(*arguments, **keywords):
        raise OSError(errno.EAGAIN, os.strerror(errno.EAGAIN))

    monkeypatch.setattr(function_process, "Popen", fail)
    with pytest.raises(QualityError, match=r"no process can be started for .*describe"):
        Recognizer(listening.describe).open()


def test_without_its_package_the_extra_is_named(monkeypatch):
    monkeypatch.setattr(packages.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(QualityError, match=r"pip install 'pytest-ttsperf\[quality\]'"):
        Recognizer()
