"""Programs of which several run at once, and whose answers are not listened to until their end."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from pytest_ttsperf.errors import TargetFailed
from pytest_ttsperf.records import TargetSpec
from pytest_ttsperf.targets.base import TargetRequest
from pytest_ttsperf.targets.command.target import CommandTarget

pytestmark = pytest.mark.starts

RATE = {"rate": 16_000}
LINES = {"rate": 16_000, "protocol": "lines", "end": "length"}
BYTES = 1_000_000
ECHO = """
import struct, sys
for line in sys.stdin:
    data = struct.pack("<h", len(line.strip())) * 800
    for _ in range(4):
        sys.stdout.buffer.write(struct.pack("<I", len(data)) + data)
        sys.stdout.buffer.flush()
    sys.stdout.buffer.write(struct.pack("<I", 0))
    sys.stdout.buffer.flush()
"""


@pytest.fixture
def program() -> Iterator[Callable[..., CommandTarget]]:
    targets: list[CommandTarget] = []

    def start(command: str, **options: Any) -> CommandTarget:
        spec = TargetSpec(spec=f"cmd:{command}", options=options)
        targets.append(CommandTarget(TargetRequest(spec, {}, timeout_s=20.0)))
        targets[-1].open()
        return targets[-1]

    yield start
    for target in targets:
        target.close()


@pytest.fixture
def echo(tmp_path: Path, program: Callable[..., CommandTarget]) -> CommandTarget:
    script = tmp_path / "echo.py"
    script.write_text(ECHO)
    return program(f"{shlex.quote(sys.executable)} -S -E {shlex.quote(str(script))}", **LINES)


def test_a_program_is_ready_before_its_text_is(program: Callable[..., CommandTarget]) -> None:
    target = program("cat", **RATE)
    target.prepare()
    target.prepare()
    first = target.fetch("four")
    second = target.fetch("and more")  # nothing was prepared for it
    assert [b"".join(read.audio for read in each.reads) for each in (first, second)] == [
        b"four\n",
        b"and more\n",
    ]
    assert first.request_ns < first.end_ns <= second.request_ns


def test_a_text_may_be_an_argument_of_a_program_that_waits(
    program: Callable[..., CommandTarget],
) -> None:
    target = program("printf {text}", **RATE)
    target.prepare()
    assert target.fetch("four").reads[0].audio == b"four"


def test_a_program_that_waits_is_ended_with_its_target(
    program: Callable[..., CommandTarget],
) -> None:
    before = set(psutil.Process().children(recursive=True))
    target = program("cat", **RATE)
    target.prepare()
    assert set(psutil.Process().children(recursive=True)) - before
    target.close()
    left = set(psutil.Process().children(recursive=True)) - before
    assert {process for process in left if process.status() != psutil.STATUS_ZOMBIE} == set()


def test_a_program_is_ended_where_it_is_hung_up(program: Callable[..., CommandTarget]) -> None:
    target = program(f"head -c {BYTES} /dev/zero", **RATE)
    answer = target.fetch("Hello.", stop_after=2)
    assert answer.is_cut
    assert len(answer.reads) == 2
    recording = target.decode(answer, "stream")
    assert 0 < sum(recording.frame_counts) < BYTES // 2
    assert sum(target.decode(target.fetch("Hello."), "stream").frame_counts) == BYTES // 2


def test_what_fails_fails_also_here(program: Callable[..., CommandTarget]) -> None:
    with pytest.raises(TargetFailed, match="exit code 1"):
        program("false", **RATE).fetch("Hello.")


def test_a_program_that_lives_on_is_started_again_once_it_was_hung_up(echo: CommandTarget) -> None:
    first_pid = echo.pid
    assert not echo.fetch("Hello.").is_cut
    assert echo.pid == first_pid
    cut = echo.fetch("Hello.", stop_after=1)
    assert cut.is_cut
    assert echo.pid is None
    echo.prepare()
    assert echo.pid not in (None, first_pid)
    whole = echo.decode(echo.fetch("Hello."), "stream")
    assert sum(whole.frame_counts) == 4 * 800
