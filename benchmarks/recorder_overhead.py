"""What the recorder itself adds: a null target through the recorder against a bare loop.

    python benchmarks/recorder_overhead.py [--rounds 300] [--chunks 64]

Both sides take turns in one process, and the ratio says how much of a bare loop over the same
chunks the recorder costs; the goals are absolute: under 20 us on TTFA, under 5 us a chunk.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from statistics import median

from pytest_ttsperf.measure.recorder import record

GOAL_TTFA_US = 20.0
GOAL_CHUNK_US = 5.0


def bare(chunks: list[object]) -> float:
    """Microseconds to iterate over the chunks and do nothing."""
    start_ns = time.perf_counter_ns()
    for _ in null_target(chunks):
        pass
    return (time.perf_counter_ns() - start_ns) / 1e3


def null_target(chunks: list[object]) -> Iterator[object]:
    """Hands over what exists already."""
    yield from chunks


def main() -> int:
    """Print the figures; exit 1 when a goal is missed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=300)
    parser.add_argument("--chunks", type=int, default=64)
    options = parser.parse_args()
    chunks: list[object] = [object()] * options.chunks
    ttfa_us, chunk_us, ratios = [], [], []
    for _ in range(options.rounds):
        bare_us = bare(chunks)
        stamped = record(lambda _: null_target(chunks), "")
        total_us = (stamped.end_ns - stamped.request_ns) / 1e3
        ttfa_us.append((stamped.arrivals[0][0] - stamped.request_ns) / 1e3)
        chunk_us.append((total_us - bare_us) / options.chunks)
        ratios.append(total_us / bare_us)
    worst_ttfa, worst_chunk = sorted(ttfa_us)[int(0.95 * len(ttfa_us))], median(chunk_us)
    print(f"rounds {options.rounds}, chunks {options.chunks}, interleaved in one process")
    print(f"recorder / bare loop, median of pairs: {median(ratios):.2f}")
    print(
        f"on TTFA:  median {median(ttfa_us):.2f} us, p95 {worst_ttfa:.2f} us"
        f"   (goal < {GOAL_TTFA_US:g})"
    )
    print(f"a chunk:  median {worst_chunk:.3f} us   (goal < {GOAL_CHUNK_US:g})")
    return int(median(ttfa_us) >= GOAL_TTFA_US or worst_chunk >= GOAL_CHUNK_US)


if __name__ == "__main__":
    raise SystemExit(main())
