"""Faults of a crowd, as edits of the server's own source in a clone of this repository.

Each changes a structure, as a commit would that somebody regrets: what is locked, what waits for
what, what is never ended. One listener alone meets none of them; load_quality.py checks that.

`python benchmarks/load_faults.py` lists them, and fails where an edit no longer fits the source.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[1]


class Edit(NamedTuple):
    """One place of a file: what stands there, once, and what stands there afterwards."""

    path: str
    """From the top of the tree."""
    old: str
    new: str


class Fault(NamedTuple):
    """A named change of the source."""

    name: str
    reason: str
    """What somebody may have meant by it."""
    edits: tuple[Edit, ...]
    is_of_crowd: bool = True
    """Whether a single listener is to notice nothing of it."""


ENGINE = "engine/engine.py"
STREAMING = "engine/streaming.py"
SPEECH = "engine/server/speech.py"
APP = "engine/server/app.py"
LOGGER = "logger = logging.getLogger(__name__)\n"
SENT = (
    "            message = _body_message(body)\n"
    "            if not await send_with_backpressure(slot, send(message), stall_s):\n"
    '                return "stalled"\n'
)
"""Where a chunk has been sent."""

SERIALISED = Fault(
    "a lock around the model",
    "the model was thought not to be safe for threads: one stream has it until its end",
    (
        Edit(
            ENGINE,
            "SLOWEST = 0.25\n",
            "MODEL = threading.Lock()\nSLOWEST = 0.25\n",
        ),
        Edit(
            ENGINE,
            "from collections.abc import AsyncIterable",
            "import threading\nfrom collections.abc import AsyncIterable",
        ),
        Edit(
            ENGINE,
            "with self._limiter.turn(request.stop), closing(chunks):",
            "with self._limiter.turn(request.stop), MODEL, closing(chunks):",
        ),
    ),
)
SMALL_POOL = Fault(
    "a pool one too small",
    "one of the places was set aside for something that never comes",
    (
        Edit(
            APP,
            "AdmissionQueue(limits.streams, limits.waiting, limits.wait_s)",
            "AdmissionQueue(limits.streams - 1, limits.waiting, limits.wait_s)",
        ),
    ),
)
FIRST_IN_FIRST_OUT = Fault(
    "first in, first out",
    "whole answers in order, so that none is interrupted: all wait behind a long one",
    (
        Edit(
            SPEECH,
            LOGGER,
            LOGGER + "ORDER = asyncio.Lock()\n",
        ),
        Edit(
            SPEECH,
            "async with Slot(self._state.admission) as slot:",
            "async with Slot(self._state.admission) as slot, ORDER:",
        ),
    ),
)
BUSY_LOOP = Fault(
    "a busy event loop",
    "each chunk has the accounts of all other streams written anew, 5 ms where they are seven",
    (
        Edit(
            SPEECH,
            LOGGER,
            LOGGER + "ACCOUNT_S = 0.005 / 7\n"
            "\n"
            "\n"
            "def account(streams: int, body: bytes) -> None:\n"
            '    """Write the accounts of so many streams."""\n'
            "    end_s = time.thread_time() + ACCOUNT_S * streams\n"
            "    while time.thread_time() < end_s:\n"
            "        sum(body[:256])\n",
        ),
        Edit(
            SPEECH,
            SENT,
            SENT + "            others = self._state.admission.active_count - 1\n"
            "            asyncio.get_running_loop().call_soon(account, others, body)\n",
        ),
    ),
)
LEAKED_THREAD = Fault(
    "a thread leaked a request",
    "a watcher for each answer that shares the server wakes at each chunk, and misses the end",
    (
        Edit(
            SPEECH,
            "import logging\nimport time\n",
            "import logging\nimport threading\nimport time\n",
        ),
        Edit(
            SPEECH,
            LOGGER,
            LOGGER + "PROGRESS = threading.Condition()\n"
            "\n"
            "\n"
            "def watch(metrics: RequestMetrics) -> None:\n"
            '    """Wait for the end of an answer, in an attribute that nobody sets."""\n'
            "    with PROGRESS:\n"
            '        PROGRESS.wait_for(lambda: getattr(metrics, "has_ended", False))\n'
            "\n"
            "\n"
            "def tell_watchers() -> None:\n"
            '    """Have each look."""\n'
            "    with PROGRESS:\n"
            "        PROGRESS.notify_all()\n",
        ),
        Edit(
            SPEECH,
            "            self._queued_s = self._elapsed_s\n",
            "            self._queued_s = self._elapsed_s\n"
            "            if self._state.admission.active_count > 1:\n"
            "                watcher = threading.Thread(target=watch, args=(self._metrics,))\n"
            "                watcher.daemon = True\n"
            "                watcher.start()\n",
        ),
        Edit(SPEECH, SENT, SENT + "            tell_watchers()\n"),
    ),
)
SLOWER = Fault(
    "RTF +10 %",
    "a tenth more work for each chunk, as a larger model would have",
    (
        Edit(
            STREAMING,
            "import asyncio\nimport itertools\nimport queue\nimport threading\nimport weakref\n",
            "import asyncio\nimport hashlib\nimport itertools\nimport queue\nimport threading\n"
            "import time\nimport weakref\n",
        ),
        Edit(
            STREAMING,
            "PATIENCE_S = 0.002",
            "MORE = 0.1\nBLOCK = bytes(1 << 14)\nPATIENCE_S = 0.002",
        ),
        Edit(
            STREAMING,
            "            self._items = list(itertools.islice(self._source, 1))\n",
            "            began_s = time.thread_time()\n"
            "            self._items = list(itertools.islice(self._source, 1))\n"
            "            now_s = time.thread_time()\n"
            "            end_s = now_s + MORE * (now_s - began_s)\n"
            "            while time.thread_time() < end_s:\n"
            "                hashlib.sha256(BLOCK)\n",
        ),
    ),
    is_of_crowd=False,
)
FAULTS = (SERIALISED, SMALL_POOL, FIRST_IN_FIRST_OUT, BUSY_LOOP, LEAKED_THREAD, SLOWER)


def find_fault(name: str) -> Fault:
    """The fault of that name; SystemExit for another."""
    for fault in FAULTS:
        if fault.name == name:
            return fault
    names = ", ".join(fault.name for fault in FAULTS)
    raise SystemExit(f"found fault {name!r}, wanted one of {names}")


def plant(fault: Fault, tree: Path) -> None:
    """Make its edits in the tree. SystemExit where one does not fit exactly once."""
    for path, text in edited_files(fault.edits, tree).items():
        path.write_text(text, "utf-8")


def edited_files(edits: Sequence[Edit], tree: Path) -> dict[Path, str]:
    """The files of the edits, as they are afterwards."""
    texts: dict[Path, str] = {}
    for edit in edits:
        path = tree / edit.path
        text = texts.get(path)
        if text is None:
            text = path.read_text("utf-8")
        count = text.count(edit.old)
        if count != 1:
            raise SystemExit(
                f"{edit.path}: found {count} times, wanted once, {edit.old.strip()!r}; "
                "write the edit anew for today's source"
            )
        texts[path] = text.replace(edit.old, edit.new)
    return texts


def main() -> int:
    """Try every edit, writing nothing."""
    for fault in FAULTS:
        for path, text in edited_files(fault.edits, ROOT).items():
            compile(text, str(path), "exec")
        print(f"{fault.name}: {fault.reason}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
