"""The target in pytest's own process, for those who want to step into it with a debugger.

Its memory cannot be told from pytest's and it has no cold start, so both stay unmeasured. Inside an
asynchronous test, whose event loop is running in this thread, it works in another thread: a loop of
its own, or of what it calls, could not run in this one. What was measured beside a debugger is
shown and not judged: it is INVALID, as in a worker.
"""

from __future__ import annotations

import contextlib
import contextvars
import os
import socket
import sys
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import TYPE_CHECKING, TypeVar

from pytest_ttsperf import real, secrets
from pytest_ttsperf.errors import ProviderMissing, TargetError, TargetFailed
from pytest_ttsperf.measure.recorder import cost
from pytest_ttsperf.records import Mode, Recording, TargetInfo
from pytest_ttsperf.targets import spec as targets_spec
from pytest_ttsperf.targets import tracing
from pytest_ttsperf.targets.base import Inspection, Lifecycle, TargetRequest, without_secrets
from pytest_ttsperf.targets.child_process import NO_TELEMETRY
from pytest_ttsperf.targets.placement import TELL_PLACEMENT
from pytest_ttsperf.targets.python import calling
from pytest_ttsperf.targets.python.adapter import (
    PythonAdapter,
    find_callable,
    open_adapter,
)

if TYPE_CHECKING:
    import asyncio


T = TypeVar("T")


class InlineTarget:
    """A target in this process; see `targets.base.Target` for the protocol."""

    isolated = False
    lifecycle: Lifecycle = "kept"
    can_swap_code = True
    is_proven_by_opening = True
    placement_remedy = TELL_PLACEMENT
    process_usage = None

    def __init__(self, request: TargetRequest) -> None:
        self._request = request
        self._spec = request.spec
        self._adapter: PythonAdapter | None = None
        self._in_thread: Future[object] | None = None

    def open(self) -> TargetInfo:
        """Import and call the target here."""
        return self._beside_loops(self._open_here)

    def _open_here(self) -> TargetInfo:
        os.environ.setdefault(NO_TELEMETRY, "1")  # before the target imports its runtime
        spec = targets_spec.resolve(self._spec.spec)
        options = targets_spec.resolve_options(self._spec.options)
        found = find_callable(spec)
        try:
            self._adapter = open_adapter(
                found,
                spec,
                options,
                self._request.available,
                self._request.requested,
                calling.LazyEventLoop(new_event_loop),
            )
        except TargetError:
            raise
        except Exception as error:
            names = {kind.__name__ for kind in type(error).__mro__}
            if "ProviderUnavailable" in names:
                raise ProviderMissing(str(error)) from error
            raise self._failure(error) from error
        return without_secrets(self._adapter.describe_opening())

    def warm(self) -> None:
        """The target's own `warm()`, if it has one."""
        self._beside_loops(self._open_adapter.warm)

    def record(self, text: str, mode: Mode) -> Recording:
        """One timed synthesis in this process."""
        return self._beside_loops(lambda: self._record_here(text, mode))

    def _record_here(self, text: str, mode: Mode) -> Recording:
        try:
            return self._open_adapter.record(text, mode)
        except TargetError:
            raise
        except Exception as error:
            raise self._failure(error) from error

    def _failure(self, error: Exception) -> TargetFailed:
        return TargetFailed(f"target {self._spec.label} raised {type(error).__name__}: {error}")

    def inspect(self) -> Inspection:
        """The placement and the tracers as of now, and the recorder's own cost."""
        return self._beside_loops(self._inspect_here)

    def _inspect_here(self) -> Inspection:
        placement = secrets.scrub_value("placement", self._open_adapter.placement())
        return Inspection(placement, cost(), tracing.tracers())

    def close(self) -> str | None:
        """Close the target."""
        adapter, self._adapter = self._adapter, None
        if self._is_at_work:
            return "it was still at work when its test ended, in a thread that cannot be ended"
        try:
            if adapter is not None:
                self._beside_loops(adapter.close)
        except Exception as error:
            return f"its close() raised {type(error).__name__}: {secrets.scrub(str(error))}"
        return None

    def _beside_loops(self, work: Callable[[], T]) -> T:
        """Do it in a thread in which no event loop is running: this one, if none runs here."""
        if self._is_at_work:
            raise TargetFailed(
                f"target {self._spec.label} is still at work on what was interrupted; leave out "
                "--ttsperf-inline, so that it can be ended"
            )
        if not _is_loop_running():
            return work()
        done: Future[T] = Future()
        context = contextvars.copy_context()

        def run() -> None:
            try:
                done.set_result(context.run(work))
            except BaseException as error:
                done.set_exception(error)

        # A daemon, as a target that hangs must not keep the run from ending.
        threading.Thread(target=run, name="ttsperf inline target", daemon=True).start()
        self._in_thread = done  # type: ignore[assignment]
        return done.result()

    @property
    def _is_at_work(self) -> bool:
        """Whether a thread goes on with what this one was interrupted in waiting for."""
        return self._in_thread is not None and not self._in_thread.done()

    @property
    def _open_adapter(self) -> PythonAdapter:
        if self._adapter is None:
            raise TargetFailed(f"target {self._spec.label} is not open")
        return self._adapter


def new_event_loop() -> asyncio.AbstractEventLoop:
    """A loop that goes by the real clock, wherever a test has stopped time or closed the network.

    It is nobody's current loop: that is for the test to have.
    """
    import asyncio

    replaced = socket.socket
    socket.socket = real.Socket  # type: ignore[misc]  # the loop wakes itself over a pair of them
    try:
        loop = asyncio.new_event_loop()
    finally:
        socket.socket = replaced  # type: ignore[misc]
    with contextlib.suppress(AttributeError):  # uvloop's is closed, and has a clock of its own
        loop.time = real.REAL.monotonic  # type: ignore[method-assign]
    return loop


def _is_loop_running() -> bool:
    if "asyncio" not in sys.modules:
        return False
    import asyncio

    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True
