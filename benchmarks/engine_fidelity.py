"""What streaming inside a sentence does to the voice `heart`: nothing; and how near the package is.

    python benchmarks/engine_fidelity.py [--sentences 200] [--judged 40] [--seed 0]

First part: random sentences under random chunk schedules, against the same sentence as a whole.
Second part: against the voice package's own audio of the same sentence. The waveforms are not
comparable (the noise is another, and rounding moves the phase), so what is compared is what can be
heard: log-mel distance, word errors of a recogniser, predicted opinion. Their rows need the extra
`[hearing]`; without its packages they are left out, and said to be.
"""

from __future__ import annotations

import argparse
import itertools
import json
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from hearing import PACKAGES, Listener, Score, compare, mel_distance_db
from hibari import Hibari
from numpy.typing import NDArray

from engine.engine import Engine
from engine.models.base import AudioPiece, StreamContext
from engine.models.hibari.graph import cut
from engine.models.hibari.model import CALIBRATION, HibariFrames, HibariModel
from engine.models.hibari.vocoder import HOP
from engine.runtime.providers import CPU, SessionOptions
from engine.runtime.session import CancelToken, Session
from engine.text.phonemizer import PAD_ID, ModelInput
from engine.timing import SpanRecorder
from engine.voices import find_voice

FLUX_WINDOW = 256

WORDS = """
    able about above again air alone among animal answer apple around ask autumn away back bad
    balance bank basket beach before begin behind bell below better between bird black blue board
    boat body book bottle bread bridge bright bring brother brown build busy butter call camera car
    careful carry castle catch center chair change cheap child choice city class clean clear clock
    close cloud coast coffee cold color common company cook corner country course cover cross dance
    dark daughter deep desert design dinner doctor door double draw dream drink drive early earth
    east easy eight empty end engine enough evening every example eye face family farm father
    field finger fire first fish floor flower follow food forest forget forward friend front full
    garden gentle glass gold good grand grass gray green ground grow guess half hand happy hard hat
    head heart heavy high hold home horse hospital hotel hour house hundred ice idea important
    island jacket journey judge jump keep key kind king kitchen knife lady lake language large last
    late laugh leader learn leather left letter library light line little long low lucky machine
    market master measure meet memory middle milk minute mirror modern money month moon morning
    mother mountain mouth museum music narrow nature near never new night noise north notebook
    number ocean office often old open orange order outside paper parent party people perfect
    person picture piece place plant play please point poor power pretty price private problem
    promise purple question quick quiet radio rain reason red remember return rich right river road
    rock room round science school season second secret seven shadow sharp shirt short silent
    silver simple sister six sleep slow small smooth snow soft solid son south special spring
    square stairs star station steel stone story strange street strong student sugar summer sun
    sure table tall teacher tender thick thin thing third thought thousand three ticket together
    tomorrow tonight tower town train travel tree true under usual valley village visit voice wait
    walk wall warm watch water weather west wheel while white wide wild wind window winter wish
    wonder wood word work world writer yellow young
""".split()  # noqa: SIM905 - easier to read and to change


def sentences(count: int, seed: int) -> list[str]:
    """Random words, 1 to 25 of them, with a comma here and there."""
    rng = random.Random(seed)  # noqa: S311 - texts, not secrets
    texts = []
    for _ in range(count):
        words = [rng.choice(WORDS) for _ in range(rng.randint(1, 25))]
        for at in range(3, len(words) - 2, 6):
            words[at] += rng.choice(["", ","])
        texts.append(" ".join(words).capitalize() + rng.choice([".", ".", "?", "!"]))
    return texts


def schedule(rng: random.Random) -> Callable[[int], float]:
    """A chunk schedule of random lengths."""
    sizes_s = [rng.choice([0.0125, 0.05, 0.1, 0.2, 0.4, 0.8, 1.5]) for _ in range(5)]
    return lambda index: sizes_s[index % len(sizes_s)]


def snr_db(found: NDArray[Any], wanted: NDArray[Any]) -> float:
    """Of found, with wanted for the signal; infinite if no bit differs."""
    if np.array_equal(found, wanted):
        return float("inf")
    error = np.sum((found.astype(np.float64) - wanted) ** 2)
    return float(10 * np.log10(np.sum(wanted.astype(np.float64) ** 2) / error))


def say(
    model: HibariModel, speech: ModelInput, chunk_s: Callable[[int], float], *, trim: bool = False
) -> list[AudioPiece]:
    """One sentence in pieces."""
    request = StreamContext(np.random.default_rng(0), SpanRecorder(), CancelToken(), chunk_s)
    return list(model.stream(speech, request, 0, trim=trim))


def joined(pieces: Sequence[AudioPiece]) -> NDArray[np.float32]:
    """The pieces' samples."""
    return np.concatenate([piece.samples for piece in pieces])


def float_model(model: HibariModel) -> HibariModel:
    """The voice with nothing rounded behind the encoder."""
    heart = find_voice("heart")
    vocabulary = json.loads(heart.vocabulary.read_text("utf-8"))
    ids = [padded_ids(vocabulary, phonemes) for phonemes in CALIBRATION]
    graphs = cut(heart.read_model(), ids, quantised=False).values()
    encode, prosody, decode = (Session(graph, CPU, SessionOptions()) for graph in graphs)
    return HibariModel(encode, prosody, decode, model._phonemize)


def padded_ids(vocabulary: Mapping[str, int], phonemes: str) -> list[int]:
    """As the encoder takes them."""
    return [PAD_ID, *(vocabulary[phoneme] for phoneme in phonemes), PAD_ID]


def pitch(model: HibariModel, speech: ModelInput, steps: Iterator[int]) -> NDArray[np.float32]:
    """f0 of a sentence, got in pieces of so many frames."""
    encoded = model.encode(speech.ids)
    frames = HibariFrames(encoded, model._prosody, model._decode, 0, None)
    parts, stop = [], 0
    while stop < encoded.frame_count:
        stop += next(steps)
        parts.append(frames.take_until(stop).pitch)
    return np.concatenate(parts)


def flux(samples: NDArray[np.float32], at: NDArray[np.int64]) -> NDArray[np.float64]:
    """How much louder each band gets, in nepers, at each of those samples."""
    before, after = (log_bands(samples, at + shift) for shift in (-FLUX_WINDOW, 0))
    rising: NDArray[np.float64] = np.maximum(after - before, 0).mean(axis=1)
    return rising


def log_bands(samples: NDArray[np.float32], at: NDArray[np.int64]) -> NDArray[np.float64]:
    """Log of each band's amplitude in the windows that begin at those samples."""
    frames = np.stack([samples[start : start + FLUX_WINDOW] for start in at])
    bands: NDArray[np.float64] = np.log(
        np.abs(np.fft.rfft(frames * np.hanning(FLUX_WINDOW))) + 1e-3
    )
    return bands


def against_the_whole(model: HibariModel, texts: Sequence[str], seed: int) -> None:
    """The first part."""
    rng = random.Random(seed)  # noqa: S311
    exact = float_model(model)
    snrs, float_snrs, elsewhere, at_joints = [], [], [], []
    same_f0 = same_length = slices = 0
    for text in texts:
        (speech,) = model.read(text)
        chunk_s = schedule(rng)
        whole = joined(say(model, speech, lambda _: 1e3))
        pieces = say(model, speech, chunk_s)
        trimmed = joined(say(model, speech, chunk_s, trim=True))
        found = joined(pieces)
        snrs.append(snr_db(found, whole))
        same_length += len(found) == len(whole) == model.encode(speech.ids).frame_count * HOP
        slices += np.array_equal(trimmed, found[len(found) - len(trimmed) :])
        sizes = itertools.cycle([rng.randint(1, 60) for _ in range(4)])
        same_f0 += np.array_equal(pitch(model, speech, sizes), pitch(model, speech, iter([10**6])))
        float_snrs.append(
            snr_db(joined(say(exact, speech, chunk_s)), joined(say(exact, speech, lambda _: 1e3)))
        )
        ends = np.cumsum([len(piece.samples) for piece in pieces])[:-1]
        ends = ends[(ends > 256) & (ends < len(found) - 256)]
        if len(ends):
            at_joints.append(flux(found, ends))
            elsewhere.append(flux(found, np.arange(256, len(found) - 256, 101)))
    count = len(texts)
    print(f"streamed against whole, {count} sentences, random schedules")
    print(f"  f0 bit-identical               {same_f0}/{count}")
    print(f"  length identical               {same_length}/{count}")
    print(f"  trimmed is a slice             {slices}/{count}")
    print(f"  shipped graphs, least SNR      {min(snrs):.1f} dB, identical {snrs.count(np.inf)}")
    print(
        f"  float graphs, least SNR        {min(float_snrs):.1f} dB, "
        f"identical {float_snrs.count(np.inf)}"
    )
    joints, others = np.concatenate(at_joints), np.concatenate(elsewhere)
    for name, q in (("median", 0.5), ("p95", 0.95), ("p99", 0.99)):
        print(
            f"  spectral flux, {name:6} of {len(joints)} joints  {np.quantile(joints, q):.3f}, "
            f"elsewhere {np.quantile(others, q):.3f}"
        )


def against_the_package(model: HibariModel, texts: Sequence[str]) -> None:
    """The second part. Differences are paired: the same sentence, and two seeds for the noise."""
    package = Hibari()
    distances, own_distances = [], []
    listener = Listener() if Listener.available() else None
    scores: dict[str, list[Score]] = {"ours": [], "package": []}
    for text in texts:
        (speech,) = model.read(text)
        audio = {
            "ours": joined(say(model, speech, lambda _: 0.2)),
            "package": package.from_ids(speech.ids, rng=np.random.default_rng(0)),
        }
        again = package.from_ids(speech.ids, rng=np.random.default_rng(1))
        distances.append(mel_distance_db(audio["ours"], audio["package"]))
        own_distances.append(mel_distance_db(again, audio["package"]))
        if listener is not None:
            for name, samples in audio.items():
                scores[name].append(listener.score(samples, text))
    print(f"streamed against the package's own audio, {len(texts)} sentences")
    print(f"  log-mel distance               {np.mean(distances):.2f} dB rms")
    print(f"  the package to itself, 2 seeds {np.mean(own_distances):.2f} dB rms")
    if listener is None:
        print(f"  not heard: install {', '.join(PACKAGES)} (extra [hearing])")
    else:
        print(compare(scores["ours"], scores["package"]).table(("engine", "package")))


def main() -> None:
    """Print both parts."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--sentences", type=int, default=200)
    parser.add_argument("--judged", type=int, default=40)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    texts = sentences(options.sentences, options.seed)
    with Engine() as engine:
        model = engine._require_open()
        assert isinstance(model, HibariModel)
        against_the_whole(model, texts, options.seed)
        against_the_package(model, texts[: options.judged])


if __name__ == "__main__":
    main()
