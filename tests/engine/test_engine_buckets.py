"""Graphs of fixed shapes say what those that take any length say."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from filelock import FileLock

from engine.cache import Cache
from engine.engine import Engine
from engine.errors import OptionError
from engine.models.base import Settings
from engine.models.hibari.architecture import DECODE_LOOKAHEAD
from engine.models.hibari.buckets import BUCKETS, BucketFrames, BucketRuns, EncodedRows
from engine.models.hibari.model import BucketModel, HibariModel
from engine.models.hibari.vocoder import Spectra
from engine.runtime.providers import CPU, SessionOptions
from engine.voices import find_voice
from tests.engine.test_engine_fidelity import FLOAT_DB, SENTENCES, snr_db, speech_of

SHORT, TEXT = SENTENCES[0], SENTENCES[2]


@pytest.fixture(scope="module")
def fixed(cache_folder: Path, filling: FileLock) -> Iterator[Engine]:
    """The default voice on graphs of fixed shapes."""
    with filling:
        engine = Engine("heart", shapes="buckets")
    with engine:
        yield engine


@pytest.fixture(scope="module")
def model(fixed: Engine) -> BucketModel:
    assert isinstance(fixed._model, BucketModel)
    return fixed._model


@pytest.fixture(scope="module")
def dynamic(voice: Engine) -> HibariModel:
    assert isinstance(voice._model, HibariModel)
    return voice._model


# The same sound ----------------------------------------------------------------------------------


@pytest.mark.parametrize("text", SENTENCES)
def test_the_sound_is_that_of_graphs_that_take_any_length(
    voice: Engine, fixed: Engine, text: str
) -> None:
    wanted = [chunk.samples for chunk in voice.stream(text)]
    found = [chunk.samples for chunk in fixed.stream(text)]
    assert [len(samples) for samples in found] == [len(samples) for samples in wanted]
    assert snr_db(np.concatenate(found), np.concatenate(wanted)) >= FLOAT_DB


def test_words_are_said_at_the_same_times(voice: Engine, fixed: Engine) -> None:
    wanted = [chunk.words for chunk in voice.stream(TEXT)]
    assert [chunk.words for chunk in fixed.stream(TEXT)] == wanted


@pytest.mark.parametrize("speed", [0.5, 2.0])
def test_the_sound_is_the_same_at_another_speed(voice: Engine, fixed: Engine, speed: float) -> None:
    wanted = voice.synthesize(TEXT, speed=speed).samples
    assert snr_db(fixed.synthesize(TEXT, speed=speed).samples, wanted) >= FLOAT_DB


def spectra_of(frames: Any, total: int, step: int) -> list[Spectra]:
    """All frames of a sentence, taken so many at a time."""
    return [frames.take_until(stop) for stop in range(step, total + step, step)]


@pytest.mark.parametrize("first", [0, 25])
@pytest.mark.parametrize("step", [1, 30, 200])
@pytest.mark.parametrize("text", [SHORT, TEXT])
def test_spectra_and_pitch_are_the_same_however_they_are_taken(
    model: BucketModel, dynamic: HibariModel, text: str, step: int, first: int
) -> None:
    encoded = dynamic.encode(speech_of(dynamic, text).ids)
    total = encoded.frame_count
    # Nobody asks for less than the first frame that is wanted.
    step = max(step, first + 1)
    wanted = spectra_of(dynamic.start_frames(encoded, first, None), total, step)
    found = spectra_of(model.start_frames(encoded, first, None), total, step)
    for part in range(len(Spectra._fields)):
        whole = np.concatenate([spectra[part] for spectra in wanted], axis=-1)
        fixed = np.concatenate([spectra[part] for spectra in found], axis=-1)
        assert fixed.shape == whole.shape
        assert snr_db(fixed, whole) >= FLOAT_DB


# Fixed shapes ------------------------------------------------------------------------------------


class WatchedSession:
    """A session, and the shapes that it is fed with."""

    def __init__(self, session: Any) -> None:
        self._session = session
        self.shapes: list[dict[str, tuple[int, ...]]] = []

    def run(self, feeds: Mapping[str, Any], stop: Any) -> Any:
        self.shapes.append({name: value.shape for name, value in feeds.items()})
        return self._session.run(feeds, stop)


def test_each_session_is_fed_with_one_shape_only(model: BucketModel) -> None:
    prosody = {rows: WatchedSession(each) for rows, each in model._prosody_buckets.items()}
    decode = {rows: WatchedSession(each) for rows, each in model._decode_buckets.items()}
    for text in SENTENCES:
        encoded = model.encode(speech_of(model, text).ids)
        rows = EncodedRows(*encoded)
        frames = BucketFrames(rows, prosody, decode, 0, None)  # type: ignore[arg-type]
        spectra_of(frames, encoded.frame_count, 32)
    for sessions in (prosody, decode):
        for count, session in sessions.items():
            assert session.shapes, f"no run of {count} rows"
            assert all(shapes == session.shapes[0] for shapes in session.shapes)


def test_graphs_have_no_length_that_varies(model: BucketModel) -> None:
    for session in (*model._prosody_buckets.values(), *model._decode_buckets.values()):
        values = [*session._session.get_inputs(), *session._session.get_outputs()]
        lengths = [length for value in values for length in value.shape]
        assert all(isinstance(length, int) for length in lengths)


def test_placement_says_how_many_sessions_there_are(fixed: Engine) -> None:
    placement = fixed.placement()
    assert placement["shapes"] == "buckets"
    assert placement["stages"] == ["encode", "prosody", "decode"]
    assert placement["sessions"] == 1 + sum(map(len, BUCKETS.values()))


def test_threads_of_a_stage_are_those_of_each_of_its_sessions(fixed: Engine) -> None:
    with Engine("heart", shapes="buckets", threads={"decode": 2}) as engine:
        assert engine.placement()["threads"] == {"encode": 1, "prosody": 1, "decode": 2}


# Runs --------------------------------------------------------------------------------------------


LOOKAHEAD = 3


class EmptySession:
    """Rows of zeros, and the state as it was."""

    def run(self, feeds: Mapping[str, Any], stop: Any) -> dict[str, Any]:
        rows = len(feeds["mask"]) - LOOKAHEAD
        return {"rows": np.zeros((rows, 1), np.float32), "carry": feeds["state"]}


def runs_of(total: int) -> BucketRuns:
    """A net that looks three rows ahead, in runs of four rows or ten."""
    sessions: Any = {10: EmptySession(), 4: EmptySession()}
    return BucketRuns(sessions, LOOKAHEAD, total, np.zeros((1, 1), np.float32), None)


@pytest.mark.parametrize(("wanted", "rows"), [(1, 4), (2, 10), (7, 10), (8, 10), (50, 10)])
def test_a_run_takes_the_fewest_rows_that_do(wanted: int, rows: int) -> None:
    assert runs_of(100).choose_rows(wanted) == rows


def test_rows_around_the_sentence_are_masked() -> None:
    runs = runs_of(total=5)
    assert runs.mask(4).ravel().tolist() == [0, 0, 0, 1, 1, 1, 1]
    _, inside = runs.run(4, {})
    assert (inside, runs.rows_out) == (slice(3, 4), 1)
    assert runs.mask(4).ravel().tolist() == [1, 1, 1, 1, 0, 0, 0]
    _, inside = runs.run(4, {})
    assert (inside, runs.rows_out) == (slice(0, 4), 5)


def test_a_sentence_shorter_than_a_run_comes_out_at_once() -> None:
    runs = runs_of(total=2)
    _, inside = runs.run(10, {})
    assert (inside, runs.rows_out) == (slice(3, 5), 2)


def test_steps_that_there_are_not_are_rows_of_zeros() -> None:
    table = np.array([[1.0], [2.0]], np.float32)
    rows = EncodedRows(table, table, np.array([0, 0, 1], np.int64))
    assert rows.gather(table, -2, 4).ravel().tolist() == [0, 0, 1, 1]
    assert rows.gather(table, 2, 3).ravel().tolist() == [2, 0, 0]
    assert rows.gather(table, -9, 3).ravel().tolist() == [0, 0, 0]
    assert rows.gather(table, 7, 2).ravel().tolist() == [0, 0]


def test_longer_runs_hold_a_first_chunk() -> None:
    """Else each stream would begin with two runs."""
    assert max(BUCKETS["decode"]) > DECODE_LOOKAHEAD
    assert all(list(lengths) == sorted(lengths) for lengths in BUCKETS.values())


# What there is not -------------------------------------------------------------------------------


def test_shapes_of_another_name_are_refused() -> None:
    with pytest.raises(OptionError, match="shapes='static', wanted one of dynamic, buckets"):
        Engine("heart", shapes="static")


@pytest.mark.parametrize("name", ["joe", "jf_alpha"])
def test_families_without_fixed_shapes_say_so(name: str) -> None:
    voice = find_voice(name)
    if not voice.installed:
        pytest.skip(f"voice {name} is not installed: {voice.remedy}")
    with pytest.raises(OptionError, match="whose graphs take any length"):
        Engine(name, shapes="buckets")


def test_any_family_is_opened_on_graphs_that_take_any_length(tmp_path: Path) -> None:
    settings = Settings(CPU, SessionOptions(), "any", {}, Cache(tmp_path))
    settings.refuse_buckets(find_voice("heart"))
