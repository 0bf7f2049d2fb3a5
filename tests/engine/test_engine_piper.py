"""The piper family with its real voice: exact streams, whatever the chunks, and no crash."""

from __future__ import annotations

import itertools
import json
import random
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import helper, numpy_helper

from engine.audio import LEAD_S, QUIET
from engine.chunk_lengths import chunk_s
from engine.engine import Engine
from engine.errors import (
    ModelError,
    OptionError,
    TextEmpty,
    TextUnspeakable,
    VoiceNotFound,
    VoiceNotInstalled,
)
from engine.models.base import StreamContext
from engine.models.piper import graph as piper_graph
from engine.models.piper.graph import cut
from engine.models.piper.model import FAST_NOISE, FASTEST, ONSET_S, PiperModel, find_noise_share
from engine.models.windows import divide_frames
from engine.runtime import graph as runtime_graph
from engine.runtime.session import Cancelled, CancelToken
from engine.timing import SpanRecorder
from engine.voices import find_voice

SHORT = "This is a short test sentence."
TWO_SENTENCES = "The first sentence is here. And the second one comes after it."
EXACT_DB = 90.0
TONGUE_TWISTER = "Seven shy zebras often judge my huge purple garden, which then thrives in rain"
WORDS = TONGUE_TWISTER.split()

Schedule = Callable[[int], float]


def model_of(engine: Engine) -> PiperModel:
    model = engine._require_open()
    assert isinstance(model, PiperModel)
    return model


def spoken(
    engine: Engine, text: str, schedule: Schedule, *, seed: int = 0, trim: bool = False
) -> list[np.ndarray]:
    """The chunks of a text that is one segment."""
    model = model_of(engine)
    (speech,) = model.read(text)
    request = StreamContext(np.random.default_rng(seed), SpanRecorder(), CancelToken(), schedule)
    return [piece.samples for piece in model.stream(speech, request, 0, trim=trim)]


def whole(engine: Engine, text: str, **options: int | bool) -> np.ndarray:
    (samples,) = spoken(engine, text, lambda _: 1e6, **options)  # type: ignore[arg-type]
    return samples


def snr_db(found: np.ndarray, wanted: np.ndarray) -> float:
    error = np.sum((found.astype(np.float64) - wanted) ** 2)
    return float(10 * np.log10(np.sum(wanted.astype(np.float64) ** 2) / max(error, 1e-30)))


def random_text(rng: random.Random) -> str:
    return " ".join(rng.choices(WORDS, k=rng.randint(1, 9))).rstrip(",").capitalize() + "."


def random_schedule(rng: random.Random) -> Schedule:
    sizes = [rng.choice([0.01, 0.03, 0.1, 0.35, 1.1]) for _ in range(50)]
    return lambda index: sizes[index % 50]


def flux_db(samples: np.ndarray, at: int) -> float:
    """How much the spectrum changes around a sample."""
    frames = [samples[at - 192 + shift : at + 64 + shift] for shift in (0, 128)]
    spectra = [np.abs(np.fft.rfft(frame * np.hanning(256))) + 1e-4 for frame in frames]
    return float(np.abs(20 * np.log10(spectra[1] / spectra[0])).mean())


# Fidelity ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(8))
def test_chunks_are_the_whole_whatever_their_lengths(joe: Engine, seed: int) -> None:
    rng = random.Random(seed)
    text = random_text(rng)
    wanted = whole(joe, text, seed=seed)
    chunks = spoken(joe, text, random_schedule(rng), seed=seed)
    found = np.concatenate(chunks)
    assert len(found) == len(wanted)
    assert snr_db(found, wanted) >= EXACT_DB
    for joint in np.cumsum([len(chunk) for chunk in chunks])[:-1]:
        if 192 <= joint <= len(wanted) - 192:
            assert abs(flux_db(found, joint) - flux_db(wanted, joint)) < 0.05


@pytest.mark.parametrize("seed", range(4))
def test_trimmed_is_a_slice_of_untrimmed(joe: Engine, seed: int) -> None:
    """The longer the pad that is drawn, the more is left out; never any of the sound."""
    rng = random.Random(seed)
    text = "Sing. " if seed == 0 else random_text(rng)
    untrimmed = whole(joe, text, seed=seed)
    trimmed = np.concatenate(spoken(joe, text, chunk_s, seed=seed, trim=True))
    left_out = len(untrimmed) - len(trimmed)
    assert snr_db(trimmed, untrimmed[left_out:]) >= EXACT_DB
    loud = np.flatnonzero(np.abs(untrimmed) > 0.02)
    assert left_out <= loud[0]
    assert loud[0] - left_out < joe.sample_rate * (LEAD_S + ONSET_S[0] + 0.06)


def test_a_long_lead_in_is_left_out(joe: Engine) -> None:
    """Of 40 seeds one at least draws a long pad."""
    text = "Never mind."
    model = model_of(joe)
    (speech,) = model.read(text)
    lengths = []
    for seed in range(40):
        noise = np.random.default_rng(np.random.default_rng(seed).integers(2**63))
        pad = model.encode(speech.ids, noise).edges()[2] * model.hop
        lengths.append((pad, seed))
    pad, seed = max(lengths)
    trimmed = np.concatenate(spoken(joe, text, chunk_s, seed=seed, trim=True))
    untrimmed = whole(joe, text, seed=seed)
    assert pad > round((LEAD_S + ONSET_S[0]) * joe.sample_rate)
    loud = np.flatnonzero(np.abs(trimmed) > QUIET)
    assert loud[0] == round(LEAD_S * joe.sample_rate), "a breath is left, and no more"
    assert snr_db(trimmed, untrimmed[-len(trimmed) :]) >= EXACT_DB


def test_the_whole_is_what_the_original_graph_says(joe: Engine) -> None:
    """The same draws of noise, fed to the voice's own graph in one piece."""
    graph = onnx.load(find_voice("joe").model)
    draws = [n.output[0] for n in graph.graph.node if n.op_type == "RandomNormalLike"]
    names = ["input", "input_lengths", "scales"]
    part = onnx.utils.Extractor(graph).extract_model([*names, *draws], ["output"])
    original = onnxruntime.InferenceSession(part.SerializeToString())
    model = model_of(joe)
    (speech,) = model.read(SHORT)

    def noise() -> np.random.Generator:
        return np.random.default_rng(np.random.default_rng(0).integers(2**63))

    frame_count = model.encode(speech.ids, noise()).frame_count
    rng = noise()
    first = rng.standard_normal((1, 2, len(speech.ids)), np.float32)
    second = np.ascontiguousarray(rng.standard_normal((frame_count, 192), np.float32).T[None])
    feeds = {
        "input": np.array([speech.ids]),
        "input_lengths": np.array([len(speech.ids)]),
        "scales": np.array([0.667, 1, 0.8], np.float32),
        draws[0]: first,
        draws[1]: second,
    }
    wanted = original.run(None, feeds)[0].ravel()
    found = whole(joe, SHORT)
    assert len(found) == len(wanted) == frame_count * model.hop
    assert snr_db(found, wanted) >= 80


def test_the_encoder_is_shortened_and_says_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    agree = piper_graph._agree
    seen: list[tuple[int, int, bool]] = []

    def disagree(plain: bytes, short: bytes, original: runtime_graph.SourceGraph) -> bool:
        sizes = [len(onnx.load_from_string(graph).graph.node) for graph in (plain, short)]
        seen.append((*sizes, agree(plain, short, original)))  # type: ignore[arg-type]
        return False

    monkeypatch.setattr(piper_graph, "_agree", disagree)
    encode = onnx.load_from_string(cut(find_voice("joe").read_model())["encode"])
    ((plain, short, agreed),) = seen
    assert agreed
    assert short < plain / 2
    assert len(encode.graph.node) == plain, "the plain one is taken when they disagree"


def test_the_same_text_and_seed_are_the_same_bits(joe: Engine) -> None:
    one, two = joe.synthesize(TWO_SENTENCES), joe.synthesize(TWO_SENTENCES)
    np.testing.assert_array_equal(one.samples, two.samples)
    streamed = np.concatenate([chunk.samples for chunk in joe.stream(TWO_SENTENCES)])
    np.testing.assert_array_equal(streamed, one.samples)
    with Engine("joe", seed=1) as other:
        assert not np.array_equal(other.synthesize(TWO_SENTENCES).samples, one.samples)


# Streaming --------------------------------------------------------------------------------------


def test_the_first_chunk_is_short_and_sounds(joe: Engine) -> None:
    first = next(joe.stream(SHORT))
    assert first.sample_rate == joe.sample_rate == 22_050
    loud = np.flatnonzero(np.abs(first.samples) > 0.01)
    sounding_s = (first.frame_count - loud[0]) / first.sample_rate
    assert 0.08 <= sounding_s <= 0.18
    assert first.duration_s < 0.25


def test_chunks_grow_and_every_one_leaves_before_the_next_is_made(joe: Engine) -> None:
    stages = ["encode", "decode", "vocode", "convert"]
    stream = joe.stream(TWO_SENTENCES)
    next(stream)
    seen = [span.stage for span in joe.stages()]
    assert seen == ["text", "phonemes", *stages]
    durations = [chunk.duration_s for chunk in joe.stream(SHORT)]
    assert durations[0] < durations[1] < durations[2]
    spans = joe.stages()
    order = [s.chunk for s in spans if s.stage == "vocode"]
    assert order == list(range(len(durations)))
    assert all(a.end_ns <= b.start_ns for a, b in itertools.pairwise(spans))


def test_words_are_told_when_they_begin(joe: Engine) -> None:
    chunks = list(joe.stream(f"{SHORT} Of the 25 people, nobody came."))
    told = [(word, chunk) for chunk in chunks for word in chunk.words]
    texts = [word.text for word, _ in told]
    rest = ["Of", "the", "twenty-five", "people", "nobody", "came"]
    assert texts == [*SHORT.rstrip(".").split(), *rest]
    starts = [word.start_s for word, _ in told]
    assert starts == sorted(starts)
    end_s = sum(chunk.duration_s for chunk in chunks)
    assert all(word.start_s < word.end_s <= end_s for word, _ in told)


def test_a_sentence_is_never_split_however_its_reader_sees_it(joe: Engine) -> None:
    """The reader takes "Dr." for a sentence; the segments do not."""
    (speech,) = model_of(joe).read("Dr. Smith met Mrs. Jones.")
    ids = json.loads(find_voice("joe").vocabulary.read_text("utf-8"))["phoneme_id_map"]
    assert speech.ids.count(ids["."][0]) == 1
    assert (speech.ids[0], speech.ids[-1]) == (ids["^"][0], ids["$"][0])


@pytest.mark.parametrize("delay_s", [0.0, 0.02, 0.05])
def test_a_run_that_is_on_is_ended_within_100_ms(joe: Engine, delay_s: float) -> None:
    model = model_of(joe)
    (speech,) = model.read(" ".join(WORDS * 3))
    stop, ended_s = CancelToken(), []

    def end() -> None:
        ended_s.append(time.perf_counter())
        stop.set()

    request = StreamContext(np.random.default_rng(0), SpanRecorder(), stop, lambda _: 60.0)
    timer = threading.Timer(delay_s, end)
    timer.start()
    with pytest.raises(Cancelled):
        list(model.stream(speech, request, 0, trim=True))
    assert time.perf_counter() - ended_s[0] < 0.1
    assert model.read("Yes.")


def test_closing_a_stream_is_over_within_100_ms_and_the_next_is_as_ever(joe: Engine) -> None:
    wanted = joe.synthesize(SHORT).samples
    stream = joe.stream(" ".join(WORDS * 3))
    next(stream)
    begun_s = time.perf_counter()
    stream.close()
    assert time.perf_counter() - begun_s < 0.1
    np.testing.assert_array_equal(joe.synthesize(SHORT).samples, wanted)


# Texts ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["", "  \n\t ", "\0", "\u200b"])
def test_blank_text_is_refused(joe: Engine, text: str) -> None:
    with pytest.raises(TextEmpty):
        joe.stream(text)


@pytest.mark.parametrize("text", ["...", "😀", "/-" * 5000])
def test_text_without_a_sound_is_refused(joe: Engine, text: str) -> None:
    with pytest.raises(TextUnspeakable, match="voice 'joe'"):
        joe.stream(text)


@pytest.mark.parametrize(
    "text",
    [
        "a" * 5000,
        "1" * 5000,
        "hello\0world \ud800 \ufeff",
        "[[h@l'oU]] <b>bold</b> &amp; {x} \\n %s",
        "(en) x (de) y",
        "http://foo.bar/?a=b#c e.g. 3/4/2020 10:30 $5.99 50%",
        "Ünïcödé наш 你好 مرحبا ñ",
        "^_$ 5",
        "x" + "!" * 500,
    ],
)
def test_any_text_is_spoken(joe: Engine, text: str) -> None:
    first = list(itertools.islice(joe.stream(text), 2))
    assert first
    assert all(chunk.frame_count for chunk in first)


def test_a_giant_word_comes_in_parts_the_model_can_take(joe: Engine) -> None:
    speech = model_of(joe).read("1" * 2000)
    assert len(speech) > 1
    assert all(len(part.ids) < 1300 for part in speech)


# Options and files ------------------------------------------------------------------------------


def test_a_lexicon_changes_what_is_said() -> None:
    with Engine("joe", lexicon={"gif": "dʒˈɪf"}) as engine:
        (changed,) = model_of(engine).read("A GIF, please.")
        (same,) = model_of(engine).read("A jiff, please.")
    assert changed.ids[-30:] == same.ids[-30:]
    with pytest.raises(OptionError, match="wanted phonemes of"):
        Engine("joe", lexicon={"gif": "5汉"})


def test_placement_counts_the_nodes_of_all_parts(joe: Engine) -> None:
    placement = joe.placement()
    assert placement["nodes"].keys() == {"CPUExecutionProvider"}
    assert placement["nodes"]["CPUExecutionProvider"] > 500
    assert (placement["voice"], placement["voice_hash"]) == ("joe", find_voice("joe").sha256)


@pytest.fixture
def by_path(tmp_path: Path) -> Path:
    voice = find_voice("joe")
    model = tmp_path / "mine.onnx"
    model.symlink_to(voice.model)
    shutil.copy(voice.vocabulary, tmp_path / "mine.onnx.json")
    return model


def test_a_voice_by_path_is_the_same_voice(joe: Engine, by_path: Path) -> None:
    with Engine(str(by_path)) as engine:
        assert engine.placement()["voice"] == "mine"
        found = engine.synthesize(SHORT).samples
    np.testing.assert_array_equal(found, joe.synthesize(SHORT).samples)


def test_a_path_without_its_files_is_told(by_path: Path) -> None:
    config = by_path.with_name("mine.onnx.json")
    config.unlink()
    with pytest.raises(VoiceNotInstalled, match=r"mine.onnx.json, wanted a piper voice"):
        Engine(str(by_path))
    config.write_text("{}")
    with pytest.raises(ModelError, match="wanted the configuration"):
        Engine(str(by_path))
    with pytest.raises(VoiceNotInstalled, match=r"nowhere.onnx"):
        Engine("nowhere.onnx")
    with pytest.raises(VoiceNotFound, match="did you mean 'joe'"):
        Engine("jo")


def test_a_graph_of_another_family_is_refused() -> None:
    with pytest.raises(ModelError, match="wanted one as piper's training exports it"):
        cut(find_voice("heart").read_model())
    with pytest.raises(ModelError, match="no ONNX graph"):
        cut(b"nothing of the kind")


@pytest.fixture
def two_speakers(by_path: Path) -> Iterator[Path]:
    """Joe's graph with a second input: which speaker's vector goes into the decoder."""
    model = onnx.load(by_path)
    graph = model.graph
    for initializer in graph.initializer:
        if initializer.name == "sid":  # an oddity of the export: the phonemes' vectors
            initializer.name = "emb"
    for node in graph.node:
        node.input[:] = ["emb" if name == "sid" else name for name in node.input]
    head = next(node for node in graph.node if node.name == "/dec/conv_pre/Conv")
    plain, head.output[0] = head.output[0], "pre_plain"
    vectors = np.random.default_rng(0).normal(0, 9, (2, 4)).astype(np.float32)
    taps = np.random.default_rng(1).normal(0, 1, (256, 4, 1)).astype(np.float32)
    graph.input.append(helper.make_tensor_value_info("sid", onnx.TensorProto.INT64, ["b"]))
    for name, value in (("emb_g.weight", vectors), ("dec.cond.weight", taps), ("last", [-1])):
        graph.initializer.append(numpy_helper.from_array(np.array(value), name))
    nodes = list(graph.node)
    at = nodes.index(head) + 1
    nodes[at:at] = [
        helper.make_node("Gather", ["emb_g.weight", "sid"], ["rows"]),
        helper.make_node("Unsqueeze", ["rows", "last"], ["g"]),
        helper.make_node("Conv", ["g", "dec.cond.weight"], ["cond"], kernel_shape=[1]),
        helper.make_node("Add", ["pre_plain", "cond"], [plain]),
    ]
    del graph.node[:]
    graph.node.extend(nodes)
    by_path.unlink()
    onnx.save(model, by_path)
    config = by_path.with_name("mine.onnx.json")
    told = json.loads(config.read_text("utf-8"))
    config.write_text(json.dumps({**told, "num_speakers": 2}))
    yield by_path
    by_path.unlink()


def test_a_voice_of_several_speakers_streams_as_exactly(
    joe: Engine, two_speakers: Path, tmp_path: Path
) -> None:
    with Engine(str(two_speakers), cache=tmp_path) as engine:
        wanted = whole(engine, SHORT)
        found = np.concatenate(spoken(engine, SHORT, chunk_s))
    assert snr_db(found, wanted) >= EXACT_DB
    assert snr_db(whole(joe, SHORT), wanted) < 30, "it is another speaker"


@pytest.mark.parametrize(
    ("frames", "sizes"), [(1, [1]), (9, [9]), (13, [13]), (14, [9, 5]), (40, [9, 31])]
)
def test_no_small_rest_is_left(frames: int, sizes: list[int]) -> None:
    assert divide_frames(frames, lambda at: (9, 22)[min(at, 1)]) == sizes


def test_noise_fades_by_degrees_the_faster_the_model_speaks() -> None:
    speeds = np.linspace(0.5, FASTEST, 40)
    shares = [find_noise_share(float(speed)) for speed in speeds]
    assert {share for speed, share in zip(speeds, shares, strict=True) if speed <= 1} == {1.0}
    assert shares[-1] == pytest.approx(FAST_NOISE)
    steps = np.diff(shares)
    assert np.all(steps <= 0)
    assert np.abs(steps).max() < (1 - FAST_NOISE) / 5
