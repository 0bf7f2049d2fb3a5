"""An engine may print what it likes: it does not wait for that, and fills no disk with it."""

from __future__ import annotations

import shlex
import sys

import pytest

from tests.plugin.conftest import Project

TALK = '''
import os, sys

MOST_BYTES = 1_000_000

def talk():
    """Prints 20 MB to each, and ends where they are kept."""
    for stream in (sys.stdout, sys.stderr):
        for _ in range(20):
            stream.write("x" * 1_000_000)
        stream.flush()
        assert os.fstat(stream.fileno()).st_size <= MOST_BYTES, "all of it is kept"
'''
ENGINE = """
from engines import *
from talking import talk

class Chatty(Telling):
    def stream(self, text):
        talk()
        return super().stream(text)

class LastWords(Chatty):
    def stream(self, text):
        talk()
        print("the last straw", flush=True)
        os.kill(os.getpid(), signal.SIGSEGV)
        yield
"""
PROGRAM = """
import sys
from talking import talk
text = sys.stdin.read()
out, sys.stdout = sys.stdout, sys.stderr
talk()
out.buffer.write(bytes(range(256)) * (len(text) * 8))  # 15 characters a second
"""
FEW = "@trials(3)\n@ttfa(max_ms=60000)\n"


@pytest.fixture
def chatty(project: Project) -> Project:
    project.pytester.makepyfile(talking=TALK, chatty=ENGINE, program=PROGRAM)
    project.test(f"{FEW}def test_x(perf): perf.stream('short')")
    return project


def test_a_worker(chatty: Project) -> None:
    chatty.run("--ttsperf-target=chatty:Chatty").assert_outcomes(passed=1)


def test_a_program(chatty: Project) -> None:
    chatty.test(f"{FEW}def test_x(perf, cold_engine): perf.stream('short')")
    program = f"cmd:{shlex.quote(sys.executable)} {chatty.path}/program.py"
    option = "--ttsperf-target-option"
    result = chatty.run("--ttsperf-target", program, option, "rate=16000")
    result.assert_outcomes(passed=1)


def test_the_last_words_are_still_there(chatty: Project) -> None:
    result = chatty.run("--ttsperf-target=chatty:LastWords")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*killed by SIGSEGV*", "*the last straw*"])
    assert len(result.stdout.str()) < 50_000
