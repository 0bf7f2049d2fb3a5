"""Programs as targets: real processes, small ones, that write what they are told to."""

from __future__ import annotations

import os
import shlex
import struct
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest

from pytest_ttsperf.errors import (
    MeasurementError,
    TargetCrashed,
    TargetError,
    TargetFailed,
    TargetNotFound,
    TargetShapeError,
    TargetTimeout,
)
from pytest_ttsperf.metrics.audio import to_samples
from pytest_ttsperf.records import Recording, TargetSpec
from pytest_ttsperf.targets.base import TargetRequest
from pytest_ttsperf.targets.command.target import CommandTarget
from tests.unit.targets.decoders.test_encoded import KINDS, payload

pytestmark = pytest.mark.starts

PCM = struct.pack("<1000h", *range(-500, 500))
SOUND = np.frombuffer(PCM, "<i2").astype(np.float32) / np.float32(32768)
HEAD = """
import os, struct, sys, time
PCM = struct.pack("<1000h", *range(-500, 500))
def out(data):
    sys.stdout.buffer.write(data)
    sys.stdout.buffer.flush()
def wav(size, extra=b"", tag=1, channels=1, bits=16):
    fmt = struct.pack("<4sIHHIIHH", b"fmt ", 16, tag, channels, 22050, 44100, 2, bits)
    size = struct.pack("<I", size)
    return b"RIFF" + size + b"WAVE" + extra + fmt + b"data" + size
"""
RAW = {"rate": 16000}
LINES = {"rate": 16000, "protocol": "lines"}


@pytest.fixture
def script(tmp_path: Path) -> Iterator[Any]:
    """Makes a target of a program's body; all are closed in the end."""
    made: list[CommandTarget] = []

    def make(
        body: str, arguments: str = "", *, timeout_s: float = 20.0, **options: Any
    ) -> CommandTarget:
        path = tmp_path / "speak it.py"
        path.write_text(HEAD + body)
        spec = f"cmd:{shlex.quote(sys.executable)} -S -E {shlex.quote(str(path))} {arguments}"
        made.append(
            CommandTarget(
                TargetRequest(TargetSpec(spec=spec, options=options), {}, timeout_s=timeout_s)
            )
        )
        made[-1].open()
        return made[-1]

    yield make
    for target in made:
        target.close()


def check(recording: Recording, rate: int = 16000) -> None:
    assert recording.sample_rate == rate
    assert sum(recording.frame_counts) == 1000
    assert np.array_equal(to_samples(recording), SOUND)
    assert recording.request_ns < recording.arrivals_ns[0] <= recording.end_ns


# A process for each text


def test_text_comes_on_standard_input_and_raw_audio_goes_out(script: Any) -> None:
    target = script("assert sys.stdin.read() == 'Grüß dich.\\n'\nout(PCM)", **RAW)
    check(target.record("Grüß dich.", "stream"))
    check(target.record("Grüß dich.", "nonstream"))


def test_text_is_an_argument_where_it_has_a_place_and_no_shell_reads_it(script: Any) -> None:
    text = 'It\'s $HOME; `rm x` "now" & {voice}'
    target = script(
        f"assert sys.argv[1:] == ['--say=' + {text!r}, 'a b'] and not sys.stdin.read()\nout(PCM)",
        "--say={text} 'a b'",
        **RAW,
    )
    check(target.record(text, "stream"))


def test_chunks_are_stamped_as_they_come(script: Any) -> None:
    target = script("out(PCM[:401])\ntime.sleep(0.2)\nout(PCM[401:])\ntime.sleep(0.2)", **RAW)
    recording = target.record("x", "stream")
    check(recording)
    assert recording.frame_counts == (200, 800), "half a sample waits for its other half"
    first, second = recording.arrivals_ns
    assert second - first > 0.1e9
    assert recording.end_ns - second > 0.1e9
    whole = target.record("x", "nonstream")
    assert (whole.frame_counts, whole.arrivals_ns) == ((1000,), (whole.end_ns,))


def test_a_run_tells_its_phases_cpu_and_memory(script: Any) -> None:
    target = script("x = bytearray(30_000_000)\nout(PCM)\ntime.sleep(0.2)", **RAW)
    recording = target.record("x", "stream")
    assert target.process_usage.phases_ms["process"] > 0
    assert 30e6 < target.process_usage.usage.rss_peak_bytes < 100e6, "the program's, and not ours"
    assert recording.cpu_ns > 0


@pytest.mark.parametrize("size", [2000, 0, 0xFFFFFFFF, 0x7FFFFFFF, 2_000_000_000])
@pytest.mark.parametrize("extra", ["b''", "b'LIST' + struct.pack('<I', 3) + b'abc' + b'!'"])
def test_wav_is_found_out_and_tells_its_rate(script: Any, size: int, extra: str) -> None:
    check(script(f"out(wav({size}, {extra}) + PCM)").record("x", "stream"), 22050)


def test_a_wav_head_in_pieces_and_what_stands_behind_the_data(script: Any) -> None:
    target = script(
        "whole = wav(2000) + PCM + b'LIST' + struct.pack('<I', 4) + b'abcd'\n"
        "for at in range(0, 60, 7):\n    out(whole[at:at + 7]); time.sleep(0.01)\n"
        "out(whole[63:])"
    )
    recording = target.record("x", "stream")
    check(recording, 22050)
    assert recording.frame_counts[0] == 0, "a header is no sound"


def test_files_joined_and_tagged_are_heard_to_the_end(script: Any) -> None:
    tag = "b'ID3\\x04\\0\\0\\0\\0\\0\\x04TAG!'"
    target = script(f"for size in (2000, 0):\n    out({tag} + wav(size) + PCM)\nout({tag})")
    recording = target.record("x", "stream")
    assert np.array_equal(to_samples(recording), np.concatenate([SOUND, SOUND]))


@pytest.mark.parametrize("kind", ["mp3", "opus", "flac"])
def test_encoded_sound_is_no_samples_though_a_rate_is_told(
    script: Any, tmp_path: Path, kind: str
) -> None:
    (tmp_path / "sound").write_bytes(payload(kind, 9000))
    rate = KINDS[kind][2]
    target = script(f"out(open({str(tmp_path / 'sound')!r}, 'rb').read())", rate=rate)
    assert sum(target.record("x", "stream").frame_counts) >= 9000


@pytest.mark.parametrize(
    ("body", "options", "error", "told"),
    [
        ("import gzip; out(gzip.compress(PCM))", RAW, TargetShapeError, "found gzip; wanted"),
        ("import gzip; out(gzip.compress(PCM))", {}, TargetShapeError, "found gzip; wanted"),
        ("out(PCM)", {}, TargetShapeError, "nothing tells their sample rate; add --ttsperf-target"),
        ("out(PCM[:-1])", RAW, TargetFailed, "after the last whole frame of 2"),
        ("", RAW, TargetShapeError, "wrote nothing to its standard output"),
        ("out(b'OggS' + PCM)", RAW, TargetFailed, "the Ogg stream ended"),
        ("out(wav(2000))", {}, TargetFailed, "ended 2000 bytes before the end"),
        ("out(wav(0)[:20])", {}, TargetFailed, "bytes of its header; no sound"),
        ("out(wav(0) + PCM)", RAW, TargetShapeError, "at 22050 Hz, and rate=16000 was given"),
        (
            "out(wav(0, channels=2) + PCM)",
            {},
            TargetShapeError,
            "audio of several channels; wanted mono",
        ),
        ("out(PCM)\nsys.exit('no such voice')", RAW, TargetFailed, "exit code 1.*no such voice"),
        ("out(PCM)\nos.kill(os.getpid(), 9)", RAW, TargetFailed, "killed by SIGKILL"),
        ("while True: out(bytes(1 << 20))", RAW, TargetShapeError, "more than 256 MB"),
    ],
)
def test_what_cannot_be_measured_says_why(
    script: Any, body: str, options: dict[str, Any], error: type[TargetError], told: str
) -> None:
    target = script(body, **options)
    with pytest.raises(error, match=rf"(?s){told}"):
        target.record("x", "stream")


def test_a_program_that_complains_at_length_is_not_blocked_and_its_end_is_kept(
    script: Any,
) -> None:
    target = script("sys.stderr.write('x' * 3_000_000 + 'the end')\nout(PCM)\nsys.exit(3)", **RAW)
    with pytest.raises(TargetFailed, match="the end") as told:
        target.record("x", "stream")
    assert len(str(told.value)) < 5000


def test_a_hang_ends_with_all_that_was_started(script: Any) -> None:
    target = script(
        "import subprocess\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(99)'],\n"
        "                         start_new_session=True)\n"
        "print(child.pid, file=sys.stderr, flush=True)\ntime.sleep(99)",
        timeout_s=1.5,
        **RAW,
    )
    with pytest.raises(
        TargetTimeout, match=r"within 1.5 s and was ended; --ttsperf-timeout"
    ) as told:
        target.record("x", "stream")
    child = int(str(told.value).strip().rpartition("\n")[2])
    deadline = time.monotonic() + 5
    while _lives(child) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not _lives(child)


def _lives(pid: int) -> bool:
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.Error:
        return False


def test_a_process_for_each_text_is_never_warm(script: Any) -> None:
    with pytest.raises(MeasurementError, match="is ever warm; measure it cold"):
        script("out(PCM)", **RAW).warm()


# A process that goes on living

ENDINGS = {
    "length": "for p in (PCM[:700], PCM[700:]): out(struct.pack('<I', len(p)) + p)\n"
    "    out(bytes(4))",
    "mark:00ff00ff17": "out(PCM); out(bytes.fromhex('00ff00ff17'))",
    "quiet:0.3": "out(PCM[:700]); time.sleep(0.05); out(PCM[700:])",
}


@pytest.mark.parametrize("end", ENDINGS)
def test_lines_are_spoken_by_one_process(script: Any, end: str) -> None:
    target = script(
        f"for line in sys.stdin:\n    assert line.count('.\\n') == 1, line\n    {ENDINGS[end]}",
        end=end,
        **LINES,
    )
    target.warm()
    recordings = [target.record("Say it.", "stream") for _ in range(3)]
    for recording in recordings:
        check(recording)
    check(target.record("Say it.", "nonstream"))
    assert recordings[0].end_ns == recordings[0].arrivals_ns[-1], "waiting is no speaking"
    assert target.close() is None


def test_an_open_process_is_the_one_that_is_metered() -> None:
    spec = TargetSpec(spec="cmd:cat", options={"end": "length", **LINES})
    target = CommandTarget(TargetRequest(spec, {}))
    assert target.isolated
    ready = target.open()
    try:
        process = psutil.Process(ready.pid)
        assert process.name() == "cat", "the program itself, and not its guardian"
        assert process.parent().parent().pid == os.getpid()
        assert ready.phases_ms["process"] > 0
    finally:
        assert target.close() is None
    assert not psutil.pid_exists(ready.pid)


@pytest.mark.parametrize(
    ("body", "end", "error", "told"),
    [
        ("sys.exit('gone')", "length", TargetCrashed, "exit code 1"),
        ("out(struct.pack('<I', 9) + b'abc'); sys.exit('gone')", "length", TargetCrashed, "gone"),
        ("out(PCM + b'!!more')", "mark:2121", TargetShapeError, "behind the end mark"),
        ("out(bytes(4) + b'more')", "length", TargetShapeError, "behind the size 0"),
        ("out(PCM)", "mark:2121", TargetTimeout, "no whole answer within 1 s"),
    ],
)
def test_answers_that_do_not_end_as_told(
    script: Any, body: str, end: str, error: type[TargetError], told: str
) -> None:
    target = script(f"for line in sys.stdin: {body}", end=end, timeout_s=1.0, **LINES)
    with pytest.raises(error, match=told):
        target.record("x", "stream")
    with pytest.raises(TargetCrashed, match="is not open, or has ended"):
        target.record("x", "stream")


def test_what_comes_after_quiet_is_told_and_not_taken_for_the_next_answer(script: Any) -> None:
    target = script(
        "for line in sys.stdin:\n    out(PCM[:800]); time.sleep(0.4); out(PCM[800:])",
        end="quiet:0.1",
        **LINES,
    )
    target.record("x", "stream")
    time.sleep(0.5)
    with pytest.raises(TargetShapeError, match="wrote 1200 bytes after its answer"):
        target.record("x", "stream")


def test_a_long_line_goes_to_a_program_that_reads_late(script: Any) -> None:
    target = script(
        "time.sleep(0.3)\nfor line in sys.stdin: out(PCM + b'!!')", end="mark:2121", **LINES
    )
    check(target.record("word " * 60_000, "stream"))


def test_a_text_of_two_lines_is_no_line(script: Any) -> None:
    target = script("for line in sys.stdin: out(PCM)", end="quiet:0.2", **LINES)
    with pytest.raises(TargetShapeError, match="a text of 2 lines"):
        target.record("one\ntwo", "stream")


def test_closing_ends_a_program_that_does_not_listen(
    script: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pytest_ttsperf.targets.command.process.CLOSE_S", 0.2)
    target = script("while True: time.sleep(1)", end="length", **LINES)
    assert "was killed" in target.close()
    assert target.close() is None
    target = script("sys.stdin.read(); sys.exit(4)", end="length", **LINES)
    assert "exit code 4" in target.close()


# The command line


@pytest.mark.parametrize(
    ("spec", "options", "error", "told"),
    [
        ("cmd:", {}, TargetNotFound, "nothing behind it"),
        ("cmd:say 'it", {}, TargetNotFound, "cannot be read"),
        ("cmd:no-such-program-here x", {}, TargetNotFound, "no program 'no-such-program-here'"),
        ("cmd:cat", {"voice": "x"}, TargetShapeError, "the option voice for a command"),
        ("cmd:cat", {"protocol": "twice"}, TargetShapeError, "protocol='twice', wanted once"),
        ("cmd:cat", {"protocol": "lines"}, TargetShapeError, "without an end, wanted end=length"),
        ("cmd:cat", {"protocol": "lines", "end": "soon"}, TargetShapeError, "found end='soon'"),
        ("cmd:cat", {"protocol": "lines", "end": "mark:xy"}, TargetShapeError, "end='mark:xy'"),
        ("cmd:cat", {"protocol": "lines", "end": "quiet:-1"}, TargetShapeError, "quiet:-1"),
        ("cmd:cat", {"end": "length"}, TargetShapeError, "without protocol=lines"),
        ("cmd:cat {text}", {"protocol": "lines", "end": "length"}, TargetShapeError, "leave one"),
        ("cmd:cat", {"rate": "fast"}, TargetShapeError, "rate='fast', wanted a sample rate"),
        ("cmd:cat {voice}", {}, TargetShapeError, "wanted --ttsperf-voice too"),
    ],
)
def test_command_lines_that_cannot_be_understood(
    spec: str, options: dict[str, Any], error: type[TargetError], told: str
) -> None:
    target = CommandTarget(TargetRequest(TargetSpec(spec=spec, options=options), {}))
    with pytest.raises(error, match=told):
        target.open()


def test_voice_and_provider_have_their_places_or_are_told() -> None:
    spec = TargetSpec(spec="cmd:echo --voice={voice} hello", options=RAW)
    target = CommandTarget(TargetRequest(spec, {"voice": "heart", "provider": "cpu"}))
    target.open()
    recording = target.record("x", "stream")
    assert recording.pcm
    assert sum(recording.frame_counts) == len("--voice=heart hello\n") // 2
    with pytest.raises(TargetShapeError, match="provider 'cpu' was asked for"):
        CommandTarget(TargetRequest(spec, {"voice": "x", "provider": "cpu"}, ("provider",))).open()
