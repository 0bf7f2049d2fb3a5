"""Whether a generator kept to its own schedule: lateness of sends, its own pauses, its CPU time.

wrk2 and loadgen taught the reason: a generator that is late, and counts from when it sent, leaves
out the very delays that it is to find ("coordinated omission"). Here latency counts from the
scheduled instant, so that lateness is a part of it; and it is measured, so that a generator that
was the bottleneck convicts itself.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import NamedTuple

from pytest_ttsperf.real import REAL
from pytest_ttsperf.records import GeneratorHealth

TICK_S = 0.002
LONG_TICK_S = 0.005
"""In a process in which a target works, too: it costs it a quarter of a percent."""
JOIN_S = 1.0
NS_PER_MS = 1e6


class ProcessHealth(NamedTuple):
    """What one process of a generator noticed of itself during a window."""

    lags_ns: tuple[int, ...]
    """How much too late a thread woke that only sleeps and looks at the clock."""
    cpu_ns: int
    """That it spent while requests were sent, its threads included."""
    seconds: float
    """In which it did; what follows, when the last answers are awaited, would only dilute it."""


class HealthMonitor:
    """Watches the process that it is in, from `start` to `stop`; its CPU time to an instant."""

    def __init__(self, closes_ns: int, *, rests_long: bool = False) -> None:
        """No request is sent after `closes_ns`, on time.perf_counter_ns.

        `rests_long` is for a process that is not the generator's alone.
        """
        self._closes_ns = closes_ns
        self._tick_s = TICK_S
        if rests_long:
            self._tick_s = LONG_TICK_S
        self._at_close: ProcessHealth | None = None
        self._lags_ns: list[int] = []
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._tick, name="ttsperf ticker", daemon=True)
        self._begun_ns = 0
        self._cpu_begun_ns = 0

    def start(self) -> None:
        """Begin to watch."""
        self._begun_ns = REAL.perf_counter_ns()
        self._cpu_begun_ns = REAL.process_time_ns()
        self._thread.start()

    def stop(self) -> ProcessHealth:
        """End it; what it has seen."""
        at_close = self._at_close or self._so_far()
        self._is_over.set()
        self._thread.join(JOIN_S)
        return at_close._replace(lags_ns=tuple(self._lags_ns))

    def _so_far(self) -> ProcessHealth:
        cpu_ns = REAL.process_time_ns() - self._cpu_begun_ns
        seconds = (REAL.perf_counter_ns() - self._begun_ns) / 1e9
        return ProcessHealth((), cpu_ns, seconds)

    def _tick(self) -> None:
        tick_ns = int(self._tick_s * 1e9)
        while not self._is_over.is_set():
            due_ns = REAL.perf_counter_ns() + tick_ns
            REAL.sleep(self._tick_s)
            now_ns = REAL.perf_counter_ns()
            self._lags_ns.append(max(0, now_ns - due_ns))
            if self._at_close is None and now_ns >= self._closes_ns:
                self._at_close = self._so_far()


def summarise(
    lateness_ns: Sequence[int],
    processes: Sequence[ProcessHealth],
    *,
    works_beside_target: bool,
) -> GeneratorHealth:
    """The health of a generator in one window, over all of its processes.

    Percentiles are order statistics, the next one above (as loadgen has them): no lateness is
    reported that did not happen. The CPU share is that of the busiest process, of one core, as
    Python code gets no more; it is None where the target's work is a part of it.
    """
    lags_ns: list[int] = []
    cpu_share = None
    for process in processes:
        lags_ns += process.lags_ns
        if works_beside_target or process.seconds <= 0:
            continue
        cpu_share = max(cpu_share or 0.0, process.cpu_ns / 1e9 / process.seconds)
    return GeneratorHealth(
        sends=len(lateness_ns),
        lateness_p50_ms=_percentile_ms(lateness_ns, 50),
        lateness_p99_ms=_percentile_ms(lateness_ns, 99),
        lateness_max_ms=_percentile_ms(lateness_ns, 100),
        loop_lag_p99_ms=_percentile_ms(lags_ns, 99),
        loop_lag_max_ms=_percentile_ms(lags_ns, 100),
        cpu_share=cpu_share,
    )


def _percentile_ms(values_ns: Sequence[int], percent: float) -> float | None:
    """None where there is no value."""
    if not values_ns:
        return None
    import numpy as np

    return float(np.percentile(values_ns, percent, method="higher")) / NS_PER_MS
