"""What keeping the processors awake does to a comparison: blocks with and without it in turns.

    python benchmarks/idling.py [--pairs 20]

Unchanged code, the default voice, four processes a block, by the shipped route. Needs the right to
write to /dev/cpu_dma_latency. Prints how late the late trials are, how much a block's middle
scatters and the medians, and the ratio of each, awake to idling.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from contextlib import nullcontext

import numpy as np
from record_blocks import compare_with_itself

from pytest_ttsperf.compare import blocks
from pytest_ttsperf.judge.statistics.estimators import contrasts, levels, tail_residuals
from pytest_ttsperf.machine.cpu_idle import DEVICE, can_inhibit_cpu_idle, inhibit_cpu_idle

TEXTS = 64
METRIC = "ttfa_sound_ms"
LATE = (0.80, 0.90, 0.95, 0.98)


def measure(pairs: int) -> dict[bool, list[np.ndarray]]:
    """Logs of TTFA of each block, [4, texts], by whether the processors were kept awake."""
    comparison = compare_with_itself(TEXTS)
    runner = blocks.BlockRunner(comparison)
    found: dict[bool, list[np.ndarray]] = {True: [], False: []}
    for pair in range(pairs):
        for awake in (True, False) if pair % 2 else (False, True):
            with inhibit_cpu_idle() if awake else nullcontext():
                trials = runner.run_next(comparison)["cell"]
            found[awake].append(np.log(blocks.summarise_block(trials, METRIC).metric.array()))
        print(f"{pair + 1} of {pairs} pairs of blocks", flush=True)
    return found


def summarise(logs: Sequence[np.ndarray]) -> dict[str, float]:
    """Of many blocks; percent but for the median, which is in ms."""
    placed = levels(logs)
    late = np.concatenate(
        [tail_residuals(*each) for each in zip(logs, placed, strict=True)], axis=1
    )
    return {
        **{f"lateness p{100 * at:.0f}, %": 100 * float(np.quantile(late, at)) for at in LATE},
        "new against old, sd, %": 100 * float(np.std(contrasts(placed.T)[0], ddof=1)),
        "median TTFA, ms": float(np.exp(np.median(np.concatenate(logs, axis=1)))),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--pairs", type=int, default=20, metavar="N")
    options = parser.parse_args()
    if options.pairs < 2:
        parser.error(f"found --pairs {options.pairs}, wanted 2 or more: one does not scatter")
    if not can_inhibit_cpu_idle():
        raise SystemExit(f"{DEVICE} cannot be written to; run this as root on Linux")
    found = measure(options.pairs)
    idling, awake = summarise(found[False]), summarise(found[True])
    print("| TTFA | idling | kept awake | ratio |\n|---|---|---|---|")
    for name, value in idling.items():
        print(f"| {name} | {value:.2f} | {awake[name]:.2f} | {awake[name] / value:.2f} |")


if __name__ == "__main__":
    main()
