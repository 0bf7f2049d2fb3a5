"""Functions that the tests of a recogniser's process have it call."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

FOLDER = "LISTENING_FOLDER"
"""Of the environment: where `note_and_hang` leaves process ids."""


def describe(samples, sample_rate):
    """What came: enough to see that all of it did."""
    return f"{samples.dtype} {samples.size} {float(samples.sum())} {sample_rate}"


def chatter(samples, sample_rate):
    """Prints in every way there is, and reads what it should not."""
    print('{"value": "printed"}')  # noqa: T201
    os.write(1, b'{"value": "written"}\n')
    subprocess.run(["echo", '{"value": "echoed"}'], check=True)
    sys.stderr.write("more\n")
    return f"said {sys.stdin.read()!r}"


def fail(samples, sample_rate):
    raise ValueError("no model for this rate")


def exit_with_words(samples, sample_rate):
    """Leaves a process behind that inherits every descriptor it can."""
    subprocess.Popen(["sleep", "600"], close_fds=False)
    print("the model is broken")  # noqa: T201
    sys.stdout.flush()
    os._exit(7)


def kill_itself(samples, sample_rate):
    os.kill(os.getpid(), signal.SIGKILL)


def hang(samples, sample_rate):
    time.sleep(600)


def note_and_hang(samples, sample_rate):
    """Starts a process of its own, notes both, and takes for ever."""
    child = subprocess.Popen(["sleep", "600"])
    Path(os.environ[FOLDER], "started").write_text(f"{os.getpid()} {child.pid}")
    time.sleep(600)


def start_a_child(samples, sample_rate):
    """Leaves a process behind."""
    return str(subprocess.Popen(["sleep", "600"]).pid)


def give_a_number(samples, sample_rate):
    return 1.5


def give_samples(samples, sample_rate):
    return samples


class Model:
    @staticmethod
    def transcribe(samples, sample_rate):
        return "static"

    def hear(self, samples, sample_rate):
        return "bound"

    def __call__(self, samples, sample_rate):
        return "called"


MODEL = Model()
NOT_CALLABLE = "text"
