"""A reader that really dies, each time: by the signal espeak-ng dies of, and of one text alone.

What espeak-ng reads past its buffer kills it only if something vital lay there, which depends on
all that the process read before. Here the real process is killed while it has that text to read.
"""

from __future__ import annotations

import os
import signal

import pytest

from engine.models.piper.espeak_process import Child

DEADLY = "This text kills its reader."


def let_the_reader_die(patch: pytest.MonkeyPatch) -> None:
    """Until `patch` is undone the process of a reader dies of every request with DEADLY in it."""
    ask = Child.ask

    def ask_or_kill(child: Child, request: bytes) -> bytes:
        if DEADLY.encode() not in request:
            return ask(child, request)
        pid = child.process.pid
        os.kill(pid, signal.SIGSTOP)
        os.kill(pid, signal.SIGSEGV)  # waits until the process goes on: it has the text by then
        child.channel.sendall(request)
        os.kill(pid, signal.SIGCONT)
        return ask(child, b"")

    patch.setattr(Child, "ask", ask_or_kill)
