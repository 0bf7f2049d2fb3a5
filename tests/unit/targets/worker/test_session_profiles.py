"""Sessions are profiled whoever opens them, in a package that has the shape of onnxruntime."""

from __future__ import annotations

import importlib
import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import msgspec
import pytest

from pytest_ttsperf.measure import runtime_profile
from pytest_ttsperf.targets.worker import session_profiles
from pytest_ttsperf.targets.worker.session_profiles import SessionProfiles
from tests.scripted_runtime import write_package

NAME = "scripted_runtime_package"
MODEL = [("conv", "Conv", 0.002, [1, 80])]


@pytest.fixture
def profiles(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SessionProfiles]:
    """Not yet installed; the package can be imported, and is forgotten afterwards."""
    module = write_package(tmp_path, NAME)
    monkeypatch.setattr(session_profiles, "MODULE", module)
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    monkeypatch.setattr(sys, "meta_path", list(sys.meta_path))
    importlib.invalidate_caches()
    folder = tmp_path / "profiles"
    folder.mkdir()
    yield SessionProfiles(folder)
    for name in [name for name in sys.modules if name.partition(".")[0] == NAME]:
        del sys.modules[name]


def runtime() -> ModuleType:
    return importlib.import_module(NAME)


def test_a_session_is_profiled_and_its_nodes_are_on_our_clock(
    profiles: SessionProfiles, tmp_path: Path
) -> None:
    profiles.install()
    session = runtime().InferenceSession(MODEL)
    before_ns = time.perf_counter_ns()
    session.run()
    after_ns = time.perf_counter_ns()
    found = profiles.finish()
    [run] = runtime_profile.read_nodes(tmp_path / "profiles", found)
    assert (run.name, run.operator, run.inputs) == ("conv", "Conv", "float 1x80")
    # Two clocks are read one after the other, and a profile has microseconds.
    slack_ns = 1_000_000
    assert before_ns - slack_ns <= run.start_ns < run.end_ns <= after_ns + slack_ns


@pytest.mark.parametrize("place", ["positional", "by name", "none"])
def test_options_of_the_target_stay_its_options(profiles: SessionProfiles, place: str) -> None:
    profiles.install()
    package = runtime()
    options = package.SessionOptions()
    options.threads = 3
    opened: Any
    match place:
        case "positional":
            opened = package.InferenceSession(MODEL, options, enable_fallback=0)
        case "by name":
            opened = package.InferenceSession(MODEL, sess_options=options, enable_fallback=0)
        case _:
            opened = package.InferenceSession(MODEL, None, enable_fallback=0)
    assert opened.keywords == {"enable_fallback": 0}
    assert opened.options.enable_profiling is True
    if place != "none":
        assert opened.options is options


def test_each_session_has_a_file_of_its_own_in_the_order_of_opening(
    profiles: SessionProfiles, tmp_path: Path
) -> None:
    profiles.install()
    package = runtime()
    sessions = [package.InferenceSession(MODEL) for _ in range(12)]
    sessions[10].run()
    found = profiles.finish()
    assert [each.file.partition("_")[0] for each in found] == [f"session{n}" for n in range(12)]
    bodies = [json.loads((tmp_path / "profiles" / each.file).read_text()) for each in found]
    counts = [len(body) for body in bodies]
    assert (counts[10], sum(counts)) == (1, 1)
    assert profiles.finish() == found, "a second look finds the same"


@pytest.mark.parametrize(
    ("model", "name"),
    [
        ("voices/heart/vocoder.onnx", "vocoder.onnx"),
        (Path("voices") / "decoder.onnx", "decoder.onnx"),
        (b"\x08\x07", None),
        ("voices/caf\udce9.onnx", "caf\ufffd.onnx"),
    ],
)
@pytest.mark.parametrize("is_by_name", [False, True])
def test_a_session_is_known_by_the_file_of_its_graph(
    profiles: SessionProfiles, model: Any, name: str | None, is_by_name: bool
) -> None:
    profiles.install()
    session = runtime().InferenceSession
    # What is bound to a name lives on: a session that is gone has no file to be found.
    opened = session(path_or_bytes=model) if is_by_name else session(model)
    [found] = profiles.finish()
    assert found.model == name
    assert opened.model == model, "it is opened from what was named"
    assert msgspec.msgpack.encode(found), "the name can be sent"


def test_a_runtime_that_is_there_already_is_profiled_too(profiles: SessionProfiles) -> None:
    package = runtime()
    profiles.install()
    session = package.InferenceSession(MODEL)
    assert session.options.enable_profiling is True
    assert len(profiles.finish()) == 1


def test_a_clock_that_python_does_not_have_is_no_clock(
    profiles: SessionProfiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    profiles.install()
    package = runtime()
    monkeypatch.setattr(
        package.InferenceSession, "get_profiling_start_time_ns", lambda session: 5, raising=True
    )
    session = package.InferenceSession(MODEL)
    session.run()
    assert [each.origin_ns for each in profiles.finish()] == [None]


def test_nothing_else_is_touched(profiles: SessionProfiles) -> None:
    before = list(sys.meta_path)
    profiles.install()
    [finder] = [each for each in sys.meta_path if each not in before]
    assert finder.find_spec("json.decoder", None) is None
    assert profiles.finish() == ()
    assert sys.meta_path == before
