"""Whether an engine keeps more memory, the more it has said: the slope over many requests.

    python benchmarks/engine_memory.py [--voice heart] [--requests 2000] [--words 40] [--seed 0]

Requests are random texts of 1 to 40 words (--words); every tenth is closed in the midst. Memory is
what belongs to no file (on Linux; USS elsewhere): noted every ten requests as it is, which swings
with what is freed and not yet given back, and every fifty after that was given back, which is what
it holds. The slope is that of Theil and Sen over the latter in the second half, as caches fill in
the first, with its 95 % interval. Exits with 1 if even its lower end promises more than 1 MB in a
thousand requests. The second part closes the engine and opens it anew several times: what is left
each time is what close() forgot.
"""

from __future__ import annotations

import argparse
import gc
import itertools
import random
import sys
from statistics import median

import psutil
from random_texts import random_text
from scipy.stats import theilslopes

from engine.engine import Engine
from engine.runtime.session import give_memory_back

ALLOWED_MB = 1.0  # in a thousand requests
NOTED_EVERY = 10
HELD_EVERY = 50
CLOSED_EVERY = 10
OPENINGS = 6


def used_mb() -> float:
    """What the process has for itself: whether a file's pages are its own depends on others."""
    if sys.platform == "linux":
        memory = psutil.Process().memory_info()
        return float(memory.rss - memory.shared) / 2**20
    return float(psutil.Process().memory_full_info().uss) / 2**20


def over_requests(
    engine: Engine, count: int, most: int, draw: random.Random
) -> tuple[list[float], list[float]]:
    """MB after every few requests; and MB held, after more of them."""
    noted, held = [], []
    for number in range(1, count + 1):
        stream = engine.stream(random_text(draw, most))
        for _ in itertools.islice(stream, 1 if number % CLOSED_EVERY == 0 else None):
            pass
        stream.close()
        if number % NOTED_EVERY == 0:
            noted.append(used_mb())
        if number % HELD_EVERY == 0:
            give_memory_back()
            held.append(used_mb())
    return noted, held


def over_openings(voice: str) -> list[float]:
    """MB after each of several engines was closed."""
    noted = []
    for _ in range(OPENINGS):
        with Engine(voice) as engine:
            for _ in engine.stream("One and two."):
                pass
        del engine
        gc.collect()
        noted.append(used_mb())
    return noted


def main() -> int:
    """Print both; 1 if memory grows."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--voice", default="heart")
    parser.add_argument("--requests", type=int, default=2000)
    parser.add_argument("--words", type=int, default=40, help="the longest text")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    draw = random.Random(options.seed)  # noqa: S311 - texts, not secrets
    before_mb = used_mb()
    with Engine(options.voice) as engine:
        engine.warm()
        noted, held = over_requests(engine, options.requests, options.words, draw)
    fit = theilslopes(held[len(held) // 2 :])
    per_thousand = 1000 / HELD_EVERY
    slope, low, high = (per_thousand * of for of in (fit.slope, fit.low_slope, fit.high_slope))
    grew = low > ALLOWED_MB
    print(f"voice {options.voice}, {options.requests} requests of 1 to {options.words} words")
    print(f"  before it was opened           {before_mb:.1f} MB")
    print(f"  as it is: least, median, most  {min(noted):.1f}, {median(noted):.1f}, ", end="")
    print(f"{max(noted):.1f} MB")
    print(f"  held, every {HELD_EVERY} requests       {', '.join(f'{mb:.0f}' for mb in held)} MB")
    print(f"  slope in a thousand requests   {slope:+.2f} MB (95 %: {low:+.2f} to {high:+.2f})")
    print(f"  {'GROWS' if grew else 'does not grow'} by more than {ALLOWED_MB} MB in a thousand")
    left = over_openings(options.voice)
    print(f"  after each of {OPENINGS} openings      {', '.join(f'{mb:.0f}' for mb in left)} MB")
    return int(grew)


if __name__ == "__main__":
    raise SystemExit(main())
