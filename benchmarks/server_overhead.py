"""What HTTP adds to the first audio: our server over loopback against the engine itself.

    python benchmarks/server_overhead.py [--rounds 100] [--voice heart]

A server in a process of its own and an engine in this one speak in turns, in an order drawn anew
for each round, texts of one form that neither has said before. The difference within a round is
what counts; the goal is a median below 5 ms for raw PCM over a connection that is kept.
"""

from __future__ import annotations

import argparse
import http.client
import json
import random
import re
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import numpy as np

from engine import Engine

ROOT = Path(__file__).parents[1]
GOAL_MS = 5.0
FORMATS = ("pcm", "wav", "flac", "opus", "mp3")
SIDES = ("engine", *FORMATS)


def text_of(index: int) -> str:
    """Another text for each round, all of about the same length."""
    return f"The answer to question {index} is somewhere on page {index * 37 % 1000}."


def engine_ttfa_ms(engine: Engine, text: str) -> float:
    """From the call to the first chunk in hand, in ms; the rest is taken too."""
    start_ns = time.perf_counter_ns()
    stream = engine.stream(text)
    next(stream)
    took_ms = (time.perf_counter_ns() - start_ns) / 1e6
    for _ in stream:
        pass
    return took_ms


def http_ttfa_ms(connection: http.client.HTTPConnection, text: str, name: str) -> float:
    """From before the request is written to the first bytes of sound in hand, in ms."""
    body = json.dumps({"model": "tts-1", "voice": "alloy", "input": text, "response_format": name})
    start_ns = time.perf_counter_ns()
    connection.request("POST", "/v1/audio/speech", body, {"Content-Type": "application/json"})
    answer = connection.getresponse()
    if answer.status != http.HTTPStatus.OK:
        raise SystemExit(f"found {answer.status} {answer.read()[:200]!r}, wanted sound")
    first = answer.read1(65536)
    while name == "wav" and len(first) <= 44:  # the header is no sound
        first += answer.read1(65536)
    took_ms = (time.perf_counter_ns() - start_ns) / 1e6
    answer.read()
    return took_ms


def started(voice: str) -> tuple[subprocess.Popen[str], int]:
    """A warm server and its port."""
    command = [sys.executable, "-m", "engine", "serve", "--port", "0", "--voice", voice]
    process = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    port = 0
    for line in process.stderr:
        if found := re.search(r"http://[^:]+:(\d+)", line):
            port = int(found[1])
        if "ready: " in line:
            return process, port
    raise SystemExit("found a server that ended, wanted one that is ready")


def measured(
    rounds: int, engine: Engine, connection: http.client.HTTPConnection
) -> dict[str, list[float]]:
    """TTFA in ms by side, paired by index."""
    sides: dict[str, Callable[[str], float]] = {"engine": lambda t: engine_ttfa_ms(engine, t)}
    for name in FORMATS:
        sides[name] = lambda text, name=name: http_ttfa_ms(connection, text, name)  # type: ignore[misc]
    found: dict[str, list[float]] = {name: [] for name in SIDES}
    for index in range(-2, rounds):
        for name in random.sample(SIDES, len(SIDES)):
            took_ms = sides[name](text_of(index * len(SIDES) + SIDES.index(name) + 100))
            if index >= 0:
                found[name].append(took_ms)
    return found


def main() -> int:
    """Print the figures; exit 1 when the goal is missed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=100)
    parser.add_argument("--voice", default="heart")
    options = parser.parse_args()
    random.seed(0)
    process, port = started(options.voice)
    connection = http.client.HTTPConnection("127.0.0.1", port)
    try:
        with Engine(options.voice) as engine:
            engine.warm()
            found = measured(options.rounds, engine, connection)
    finally:
        connection.close()
        process.terminate()
        process.communicate()
    own = np.array(found["engine"])
    print(f"voice {options.voice}, {options.rounds} rounds, interleaved; TTFA in ms")
    print(f"{'side':8} {'min':>7} {'p50':>7} {'p95':>7} {'more, p50 of pairs':>19} {'ratio':>7}")
    for name, values in found.items():
        pairs, ratios = np.array(values) - own, np.array(values) / own
        more = "" if name == "engine" else f"{median(pairs):19.2f} {median(ratios):7.2f}"
        print(
            f"{name:8} {min(values):7.2f} {median(values):7.2f} "
            f"{np.quantile(values, 0.95):7.2f} {more}"
        )
    more_ms = median(np.array(found["pcm"]) - own)
    print(f"pcm over HTTP: {more_ms:.2f} ms more than the engine's own (goal < {GOAL_MS:g})")
    return int(more_ms >= GOAL_MS)


if __name__ == "__main__":
    raise SystemExit(main())
