"""`python -m engine`: a few runs as a process, the rest through main()."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import wave
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from types import SimpleNamespace

import av
import numpy as np
import pytest

from engine import __main__ as cli
from engine.__main__ import main
from engine.audio import WAV_HEADER_BYTES, Chunk
from engine.engine import Engine
from engine.errors import ModelError

ROOT = Path(__file__).parents[2]
TEXT = "Hello there."


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "engine", *arguments]


@pytest.fixture
def shared(voice: Engine, monkeypatch: pytest.MonkeyPatch) -> Engine:
    """main() gets the engine that is open already, and cannot close it."""

    class Opened:
        sample_rate = voice.sample_rate

        def __init__(self, *_: object, **__: object) -> None:
            self.stream = voice.stream
            self.read = voice.read

        def __enter__(self) -> Opened:
            return self

        def __exit__(self, *_: object) -> None:
            pass

    monkeypatch.setattr(cli, "Engine", Opened)
    return voice


class Terminal(io.TextIOWrapper):
    """A standard output that claims to be a terminal."""

    def isatty(self) -> bool:
        return True


@contextmanager
def stdout(kind: type[io.TextIOWrapper] = io.TextIOWrapper) -> Iterator[io.BytesIO]:
    """Standard output as the bytes flushed so far, whatever pytest captures with."""
    raw = io.BytesIO()
    with redirect_stdout(kind(io.BufferedWriter(raw))):  # type: ignore[arg-type]
        yield raw


def test_saying_into_a_file_as_a_process(tmp_path: Path, voice: Engine) -> None:
    file = tmp_path / "hello.wav"
    done = subprocess.run(command("say", TEXT, "-o", str(file)), cwd=ROOT, capture_output=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    with wave.open(str(file)) as wav:
        assert wav.readframes(10**6) == voice.synthesize(TEXT).pcm16()


def test_text_from_a_pipe_to_a_pipe_as_a_process(voice: Engine) -> None:
    done = subprocess.run(command("say", "-"), cwd=ROOT, input=TEXT.encode(), capture_output=True)
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout == voice.synthesize(TEXT).pcm16()


@pytest.mark.parametrize(
    ("arguments", "heard"),
    [(["say", "This is said to nobody in particular. " * 20, "--raw"], 1000), (["voices"], 0)],
    ids=["say", "voices"],
)
def test_a_listener_that_leaves_is_no_error(arguments: list[str], heard: int) -> None:
    # With buffers, as Python has them by default: what is left in one must not be complained about.
    buffered = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(command(*arguments), cwd=ROOT, env=buffered, **pipes) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert len(process.stdout.read(heard)) == heard
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 0


def test_raw_without_a_file_goes_to_stdout(shared: Engine) -> None:
    with stdout() as written:
        assert main(["say", TEXT, "--raw"]) == 0
        same = written.getvalue() == shared.synthesize(TEXT).pcm16()
    assert same


def test_a_dash_is_raw_to_stdout_even_on_a_terminal(shared: Engine) -> None:
    with stdout(Terminal) as written:
        assert main(["say", TEXT, "-o", "-"]) == 0
        same = written.getvalue() == shared.synthesize(TEXT).pcm16()
    assert same


def test_a_raw_file_has_no_header(shared: Engine, tmp_path: Path) -> None:
    raw, wav = tmp_path / "a.pcm", tmp_path / "a.wav"
    assert main(["say", TEXT, "--raw", "-o", str(raw)]) == 0
    assert main(["say", TEXT, "-o", str(wav)]) == 0
    assert raw.read_bytes() == wav.read_bytes()[WAV_HEADER_BYTES:]


def test_audio_on_a_terminal_is_refused_with_the_remedy(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with stdout(Terminal) as written:
        assert main(["say", TEXT]) == 2
        assert written.getvalue() == b""
    assert "add -o hello.wav" in capsys.readouterr().err


def test_a_reading_is_two_lines_and_what_is_left_out_is_named(
    shared: Engine, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["read", "It costs -$40.\n\nHi 你好."]) == 0
    printed = capsys.readouterr()
    words, phonemes = printed.out.splitlines()
    assert words == "It costs minus forty dollars. Hi."
    assert "dˈɑləɹz" in phonemes
    assert "'你好' (Chinese characters)" in printed.err


def test_what_is_left_out_is_named_when_it_is_spoken(
    shared: Engine, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["say", "Hi 你好 and 😀.", "-o", str(tmp_path / "a.wav")]) == 0
    assert capsys.readouterr().err.splitlines() == [
        "engine: left out '你好' (Chinese characters)",
        "engine: left out '😀' (emoji)",
    ]


def test_text_from_stdin_may_be_anything(shared: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    source = SimpleNamespace(buffer=io.BytesIO(b"\xef\xbb\xbfHello \xff there."))
    with stdout() as written:
        monkeypatch.setattr(sys, "stdin", source)
        assert main(["say", "-"]) == 0
        assert len(written.getvalue()) > 24_000


class ScriptedStream:
    """What `say` uses of a stream."""

    def __init__(self, chunks: Iterator[Chunk]) -> None:
        self._chunks = chunks

    def __iter__(self) -> Iterator[Chunk]:
        return self._chunks

    def unreadable(self) -> list[object]:
        return []


class ScriptedEngine:
    """Yields three chunks and notes how much had been written when each was asked for."""

    sample_rate = 24_000
    written: list[int]
    fail_at = -1

    def __init__(self, *_: object, **__: object) -> None:
        type(self).written = []

    def __enter__(self) -> ScriptedEngine:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def stream(self, _: str, *, speed: float = 1.0) -> ScriptedStream:
        return ScriptedStream(self.make_chunks())

    def make_chunks(self) -> Iterator[Chunk]:
        for index in range(3):
            self.written.append(self.count())
            if index == self.fail_at:
                raise ModelError("found smoke, wanted spectra; open a window")
            yield Chunk(np.zeros(100, np.float32), self.sample_rate)

    @staticmethod
    def count() -> int:
        raise NotImplementedError


@pytest.fixture
def scripted(monkeypatch: pytest.MonkeyPatch) -> type[ScriptedEngine]:
    monkeypatch.setattr(cli, "Engine", ScriptedEngine)
    return ScriptedEngine


def test_each_chunk_is_written_before_the_next_is_made(
    scripted: type[ScriptedEngine], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with stdout() as written:
        monkeypatch.setattr(scripted, "count", staticmethod(lambda: len(written.getvalue())))
        assert main(["say", TEXT, "--raw"]) == 0
    assert scripted.written == [0, 200, 400]

    file = tmp_path / "a.wav"
    monkeypatch.setattr(scripted, "count", staticmethod(lambda: file.stat().st_size))
    assert main(["say", TEXT, "-o", str(file)]) == 0
    assert scripted.written[1:] == [WAV_HEADER_BYTES + 200, WAV_HEADER_BYTES + 400]


def test_a_failing_model_is_told_and_what_was_said_is_kept(
    scripted: type[ScriptedEngine],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(scripted, "count", staticmethod(lambda: 0))
    monkeypatch.setattr(scripted, "fail_at", 2)
    file = tmp_path / "a.wav"
    assert main(["say", TEXT, "-o", str(file)]) == 1
    assert capsys.readouterr().err == "engine: found smoke, wanted spectra; open a window\n"
    with wave.open(str(file)) as wav:
        assert wav.getnframes() == 200


def test_an_interrupt_is_quiet(
    scripted: type[ScriptedEngine],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def interrupt() -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(scripted, "count", staticmethod(interrupt))
    assert main(["say", TEXT, "-o", "-"]) == 130
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["say", TEXT, "-o", "-", "--voice", "hart"], 2, "did you mean 'heart'"),
        (["say", TEXT, "-o", "-", "--provider", "gpu"], 2, "wanted one of cpu"),
        (["say", TEXT, "-o", "-", "--provider", "/no/libfoo.so"], 1, "found no file /no/libfoo.so"),
        (
            ["say", TEXT, "-o", "-", "--provider-option", "a=1"],
            2,
            "provider option 'a', wanted none",
        ),
        (["say", TEXT, "-o", "-", "--threads", "0"], 2, "threads=0"),
        (["say", TEXT, "-o", "-", "--threads", "x"], 2, "or one by stage as encode=2"),
        (["say", TEXT, "-o", "-", "--threads", "vocode=2"], 2, "wanted one of encode, prosody"),
        (["say", TEXT, "-o", "-", "--seed", "-1"], 2, "seed=-1"),
        (["say", TEXT, "-o", "-", "--speed", "5"], 2, "speed=5.0, wanted a number from 0.25 to 4"),
    ],
)
def test_misuse_is_told_in_one_line(
    arguments: list[str], code: int, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == code
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    assert err.startswith("engine: found ")
    assert words in err


def test_unfit_text_leaves_no_file(
    shared: Engine, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["say", "😀", "-o", str(tmp_path / "a.wav")]) == 2
    assert "found no sound" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_cannot_be_written_is_an_error(
    shared: Engine, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["say", TEXT, "-o", str(tmp_path / "no" / "a.wav")]) == 1
    assert "No such file" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [[], ["sing"], ["say"], ["say", TEXT, "--seed", "x"]])
def test_a_wrong_command_line_is_argparses_to_tell(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2
    assert "usage: python -m engine" in capsys.readouterr().err


def test_voices_are_listed_with_how_to_get_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HIBARI_HOME", str(tmp_path))
    assert main(["voices"]) == 0
    lines = capsys.readouterr().out.splitlines()
    heart = next(line for line in lines if line.startswith("heart"))
    emma = next(line for line in lines if line.startswith("emma"))
    assert "24000 Hz" in heart
    assert heart.endswith(" installed")
    assert "not installed: python -c" in emma


@pytest.mark.parametrize("mode", ["wb", "ab"])
@pytest.mark.parametrize("name", ["/dev/stdout", "/dev/fd/1", "link"])
def test_standard_output_by_name_goes_on_where_it_is(
    tmp_path: Path, voice: Engine, mode: str, name: str
) -> None:
    if name == "link":
        (tmp_path / name).symlink_to("/dev/stdout")
        name = str(tmp_path / name)
    (tmp_path / "out").write_bytes(b"")
    with (tmp_path / "out").open(mode) as out:
        out.write(b"before")
        out.flush()
        subprocess.run(command("say", TEXT, "-o", name), stdout=out, cwd=ROOT, check=True)
    body = (tmp_path / "out").read_bytes()
    assert body[:10] == b"beforeRIFF"
    assert body[6 + WAV_HEADER_BYTES :] == voice.synthesize(TEXT).pcm16()


@pytest.mark.parametrize("arguments", [["-o", "/dev/full"], []])
def test_a_device_that_takes_nothing_is_told_in_one_line(arguments: list[str]) -> None:
    with open("/dev/full", "wb") as full:
        done = subprocess.run(
            command("say", TEXT, *arguments), stdout=full, stderr=subprocess.PIPE, cwd=ROOT,
            encoding="utf-8", check=False,
        )  # fmt: skip
    assert done.returncode == cli.FAILED
    assert done.stderr == "engine: [Errno 28] No space left on device\n"


# Formats -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "container", "codec"),
    [
        ("a.wav", "wav", "pcm_s16le"),
        ("a", "wav", "pcm_s16le"),
        ("a.MP3", "mp3", "mp3float"),
        ("a.opus", "ogg", "opus"),
        ("a.ogg", "ogg", "opus"),
        ("a.flac", "flac", "flac"),
        ("a.aac", "aac", "aac"),
    ],
)
def test_a_file_is_what_its_name_says(
    shared: Engine, tmp_path: Path, name: str, container: str, codec: str
) -> None:
    path = tmp_path / name
    assert main(["say", TEXT, "-o", str(path)]) == 0
    with av.open(str(path)) as found:
        assert found.format.name == container
        assert found.streams.audio[0].codec_context.name == codec
        rate = found.streams.audio[0].rate
        sample_count = sum(frame.samples for frame in found.decode(audio=0))
    wanted_s = shared.synthesize(TEXT).duration_s
    assert wanted_s <= sample_count / rate < wanted_s + 0.15  # codecs fill their last frame


@pytest.mark.parametrize("name", ["a.pcm", "a.raw"])
def test_a_file_of_bare_samples_has_the_rate_of_the_voice(
    shared: Engine, tmp_path: Path, name: str
) -> None:
    assert main(["say", TEXT, "-o", str(tmp_path / name)]) == 0
    assert (tmp_path / name).read_bytes() == shared.synthesize(TEXT).pcm16()


@pytest.mark.parametrize(
    ("arguments", "wanted"),
    [
        (["-o", "a.m4a"], "wanted a name that ends in one of .wav, .mp3"),
        (["-o", "a.txt"], "wanted a name that ends in one of .wav, .mp3"),
        (["-o", "a.mp3", "--raw"], "leave out --raw, or end the name in .pcm"),
        (["-o", "a.wav", "--raw"], "leave out --raw, or end the name in .pcm"),
    ],
)
def test_a_name_that_says_something_else_is_refused_before_anything_is_opened(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    wanted: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(cli, "Engine", None)
    assert main(["say", TEXT, *arguments]) == cli.MISUSED
    assert wanted in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_raw_goes_into_a_file_of_any_other_name(shared: Engine, tmp_path: Path) -> None:
    assert main(["say", TEXT, "--raw", "-o", str(tmp_path / "a.s16")]) == 0
    assert (tmp_path / "a.s16").read_bytes() == shared.synthesize(TEXT).pcm16()


def test_without_the_encoders_an_mp3_is_refused_before_a_file_is_touched(
    shared: Engine,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setitem(sys.modules, "av", None)
    assert main(["say", TEXT, "-o", str(tmp_path / "a.mp3")]) == cli.MISUSED
    assert 'pip install "pytest-ttsperf[http]"' in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
