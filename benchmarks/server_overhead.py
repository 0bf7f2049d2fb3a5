"""What HTTP adds to the first audio: our server over loopback against the engine itself.

    python benchmarks/server_overhead.py [--rounds 100] [--voice heart]

A server in a process of its own and an engine in this one speak in turns, texts of one form that
neither has said before. Every request has an engine's turn beside it, before or after it by lot;
the difference of the two is what counts. The goal is a median below 5 ms for raw PCM over a
connection that is kept; of other formats, the opening of the coder is in the figure too.
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
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from engine.engine import Engine

ROOT = Path(__file__).parents[1]
GOAL_MS = 5.0
FORMATS = ("pcm", "mp3", "opus", "flac")
Floats = NDArray[np.float64]


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


def start_server(voice: str) -> tuple[subprocess.Popen[str], int]:
    """A warm server and its port."""
    command = [sys.executable, "-m", "engine", "serve", "--port", "0", "--voice", voice]
    process = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, encoding="utf-8")
    assert process.stderr is not None
    port = 0
    for line in process.stderr:
        if found := re.search(r"http://[^:]+:(\d+)", line):
            port = int(found[1])
        if "ready: " in line:
            return process, port
    raise SystemExit("found a server that ended, wanted one that is ready")


def measure(
    rounds: int, formats: Sequence[str], engine: Engine, connection: http.client.HTTPConnection
) -> dict[str, tuple[Floats, Floats]]:
    """TTFA in ms by format: the engine's own and over HTTP, paired by index."""
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in formats}
    index = 0
    for turn in range(-2, rounds):
        for name in random.sample(formats, len(formats)):
            engine_ms = http_ms = 0.0
            for side in random.sample(("engine", "http"), 2):
                index += 1
                if side == "engine":
                    engine_ms = engine_ttfa_ms(engine, text_of(index))
                else:
                    http_ms = http_ttfa_ms(connection, text_of(index), name)
            if turn >= 0:
                found[name].append((engine_ms, http_ms))
    return {name: (np.array(pairs)[:, 0], np.array(pairs)[:, 1]) for name, pairs in found.items()}


def main() -> int:
    """Print the figures; exit 1 when the goal is missed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=60)
    parser.add_argument("--voice", default="heart")
    parser.add_argument("--formats", default=",".join(FORMATS), help="default: %(default)s")
    options = parser.parse_args()
    random.seed(0)
    process, port = start_server(options.voice)
    connection = http.client.HTTPConnection("127.0.0.1", port)
    try:
        with Engine(options.voice) as engine:
            engine.warm()
            found = measure(options.rounds, options.formats.split(","), engine, connection)
    finally:
        connection.close()
        process.terminate()
        process.communicate()
    print(f"voice {options.voice}, {options.rounds} pairs a format, interleaved; TTFA in ms")
    print(
        "format  engine: min     p50     p95   http: min     p50     p95   more, p50   ratio, p50"
    )
    for name, (engine_ms, http_ms) in found.items():
        figures = [
            f"{f(side):7.2f}" for side in (engine_ms, http_ms) for f in (np.min, np.median, p95)
        ]
        print(
            f"{name:8} {' '.join(figures[:3])}  {' '.join(figures[3:])}  "
            f"{np.median(http_ms - engine_ms):10.2f} {np.median(http_ms / engine_ms):12.2f}"
        )
    if "pcm" not in found:
        return 0
    engine_ms, http_ms = found["pcm"]
    more_ms = float(np.median(http_ms - engine_ms))
    print(f"pcm over HTTP: {more_ms:.2f} ms more than the engine's own (goal < {GOAL_MS:g})")
    return int(more_ms >= GOAL_MS)


def p95(values: Floats) -> float:
    """The 95th percentile."""
    return float(np.quantile(values, 0.95))


if __name__ == "__main__":
    raise SystemExit(main())
