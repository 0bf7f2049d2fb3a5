"""Sees to it that the interpreter does not end under a call into onnxruntime.

A daemon thread that comes back from such a call while the interpreter is torn down is ended by
Python then and there, inside C++, which aborts the whole process (before Python 3.14). So the
interpreter's end stops the calls that daemon threads are in, waits for them, and lets no further
one begin: their streams end as if they were closed.
"""

from __future__ import annotations

import atexit
import os
import threading
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

END_S = 10.0  # so long the interpreter's end waits for a call that cannot be stopped


class CallStop(Protocol):
    """Ends a call that is under way."""

    def set(self) -> object:
        """End it. From any thread."""


class Cancelled(Exception):
    """A call was ended, or not begun at all; never seen outside the engine."""


class ExitGuard:
    """Which calls of daemon threads are under way. Other threads are waited for by Python."""

    def __init__(self) -> None:
        self.is_ending = False
        self._changed = threading.Condition()
        self._calls: dict[int, CallStop | None] = {}  # by thread

    @contextmanager
    def call(self, stop: CallStop | None = None) -> Iterator[None]:
        """Held while a thread is in such a call, which `stop` ends.

        Raises Cancelled in a daemon thread once the interpreter is about to end.
        """
        if not threading.current_thread().daemon:
            yield
            return
        thread = threading.get_ident()
        with self._changed:
            if self.is_ending:
                raise Cancelled
            self._calls[thread] = stop
        try:
            yield
        finally:
            with self._changed:
                self._calls.pop(thread, None)
                self._changed.notify_all()

    def end(self) -> None:
        """Stop the calls that are under way, wait for them, and let no other begin."""
        with self._changed:
            self.is_ending = True
            stops = [stop for stop in self._calls.values() if stop is not None]
        for stop in stops:
            stop.set()
        with self._changed:
            self._changed.wait_for(lambda: not self._calls, END_S)

    def reset(self) -> None:
        """Forget the calls: a forked process has none of the threads they are in."""
        self._changed = threading.Condition()
        self._calls = {}


exit_guard = ExitGuard()

# The first finaliser registers the hook of all finalisers. Hooks run in reverse order, and ours
# has to be first: finalisers close what streams under way still read from.
weakref.finalize(exit_guard, int)
atexit.register(exit_guard.end)
os.register_at_fork(after_in_child=exit_guard.reset)
