"""What the plugin adds to `pytest --collect-only` on an empty suite.

    python benchmarks/collect_cost.py [--pairs 20]

With and without the plugin in turn, each a process of its own in an empty folder; the other
plugins of the environment are off. The goal is under 30 ms.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from statistics import median

GOAL_MS = 30.0
EMPTY = 5  # pytest's exit code for a suite without tests


def collect_ms(folder: str, *, with_plugin: bool) -> float:
    """Wall time of one collection."""
    command = [sys.executable, "-m", "pytest", "--collect-only", "-q"]
    if with_plugin:
        command += ["-p", "pytest_ttsperf.plugin.hooks"]
    environment = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    start = time.perf_counter()
    done = subprocess.run(
        command, cwd=folder, env=environment, stdout=subprocess.DEVNULL, check=False
    )
    took_ms = (time.perf_counter() - start) * 1e3
    if done.returncode != EMPTY:
        raise SystemExit(f"{' '.join(command)} ended with {done.returncode}, wanted {EMPTY}")
    return took_ms


def main() -> int:
    """Print the medians and their difference; exit 1 when the goal is missed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--pairs", type=int, default=20)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        for with_plugin in (True, False):  # fills the bytecode caches
            collect_ms(folder, with_plugin=with_plugin)
        pairs = [
            (collect_ms(folder, with_plugin=True), collect_ms(folder, with_plugin=False))
            for _ in range(options.pairs)
        ]
    added_ms = median(with_it - bare for with_it, bare in pairs)
    ratio = median(with_it / bare for with_it, bare in pairs)
    print(f"pairs {options.pairs}, interleaved; bare median {median(b for _, b in pairs):.0f} ms")
    print(f"with / without the plugin: {ratio:.3f}")
    print(f"added: {added_ms:.1f} ms   (goal < {GOAL_MS:g})")
    return int(added_ms >= GOAL_MS)


if __name__ == "__main__":
    raise SystemExit(main())
