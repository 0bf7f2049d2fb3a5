"""How many listen at once: by the command line, a mark, the call or ini, in this order.

What is known at collection (all but the call) is a part of the test's id, as its provider is. A
single listener is the cell that every test has without this. The id is left out of the name by
which cells are compared: there the load stands by itself.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, get_args

import pytest

from pytest_ttsperf.errors import LimitError, MeasurementError
from pytest_ttsperf.nouns import plural
from pytest_ttsperf.plugin import lazy, markers, usage

if TYPE_CHECKING:
    from pytest_ttsperf.experiment.plan import TargetFactory
    from pytest_ttsperf.plugin.options import Options
    from pytest_ttsperf.records import ArrivalProcess, LoadSpec, Pace, Phase

FIXTURE = "_ttsperf_listeners"
Source = Literal["command line", "mark", "ini", "call"]


class ListenerCount(NamedTuple):
    """With how many listeners a test is measured, as its id says."""

    number: int
    source: Source
    is_first: bool = True
    """Whether it is the first of the numbers that a test is run with."""

    @property
    def id(self) -> str:
        """As a part of the test's id."""
        return plural(self.number, "listener")


class CallLoad(NamedTuple):
    """What a call of `perf.stream` or `perf.synthesize` says of the load."""

    listeners: int | None = None
    rate: float | None = None
    pace: Pace = "played"
    think_s: float = 0.0
    arrivals: ArrivalProcess = "poisson"
    most_in_flight: int | None = None
    processes: int | None = None
    windows: int | None = None


def parametrize(metafunc: pytest.Metafunc, options: Options) -> None:
    """Run a test that measures once for each number of listeners, if anything names one."""
    if not usage.uses_perf(metafunc.definition):
        return
    counts = choose_counts(metafunc.definition, options)
    if not counts:
        return
    if FIXTURE not in metafunc.fixturenames:
        metafunc.fixturenames.append(FIXTURE)
    ids = [count.id for count in counts]
    metafunc.parametrize(FIXTURE, counts, indirect=True, ids=ids)


def choose_counts(item: pytest.Item, options: Options) -> tuple[ListenerCount, ...]:
    """By the command line, the mark, or ini; none for a test of cold starts or of capacity."""
    if item.get_closest_marker("capacity") is not None:
        return ()
    marked: tuple[int, ...] = ()
    with suppress(LimitError):  # collection says it, with the name of the test
        marked = markers.listeners(item) or ()
    if "cold_engine" in getattr(item, "fixturenames", ()):
        return ()
    if options.listeners:
        return _counted(options.listeners, "command line")
    if marked:
        return _counted(marked, "mark")
    return _counted(options.listeners_ini, "ini")


def _counted(numbers: Sequence[int], source: Source) -> tuple[ListenerCount, ...]:
    return tuple(
        ListenerCount(number, source, is_first=place == 0) for place, number in enumerate(numbers)
    )


def name_test(item: pytest.Item) -> str:
    """The node id without the number of listeners: the same test, however many listen."""
    count = _count_of(item)
    if count is None:
        return item.nodeid
    path, bracket, parameters = item.nodeid.partition("[")
    without = f"-{parameters}".replace(f"-{count.id}", "", 1).removeprefix("-")
    if without == "]":
        return path
    return f"{path}{bracket}{without}"


def _count_of(item: pytest.Item) -> ListenerCount | None:
    callspec = getattr(item, "callspec", None)
    found = getattr(callspec, "params", {}).get(FIXTURE)
    return found if isinstance(found, ListenerCount) else None


def load_of(
    call: CallLoad,
    chosen: ListenerCount | None,
    *,
    hangs_up: bool,
) -> LoadSpec | None:
    """The load of a measurement; None for a single listener who listens to the end.

    That of one who hangs up is the same whatever the call says of pace and processes.
    MeasurementError for a call that cannot be understood, or that contradicts a mark. A test whose
    call names a load of its own is skipped in all but the first of its parametrisations.
    """
    check(call)
    if call.rate is not None:
        _refuse_mark(chosen, f"rate={call.rate:g}")
        _skip_repetition(chosen, f"rate={call.rate:g}")
        return lazy.records.LoadSpec(
            rate=call.rate,
            arrivals=call.arrivals,
            most_in_flight=call.most_in_flight,
            processes=call.processes or 1,
            hangs_up=hangs_up,
        )
    count = _choose_count(call, chosen)
    if count == 1 and not hangs_up:
        return None
    if count == 1:
        # Each hang-up is watched by itself: nothing depends on when the next answer is wanted.
        return lazy.records.LoadSpec(listeners=1, hangs_up=True)
    return lazy.records.LoadSpec(
        listeners=count,
        pace=call.pace,
        think_s=call.think_s,
        processes=call.processes or 1,
        hangs_up=hangs_up,
    )


def load_of_search(call: CallLoad, min_rate: float | None) -> LoadSpec:
    """The load of a search for the capacity; how many there are is what the search changes.

    `min_rate` is that of the mark: with it requests a second are searched, else listeners.
    MeasurementError for a call that says how many there are to be.
    """
    for name in ("listeners", "rate"):
        value = getattr(call, name)
        if value is not None:
            raise MeasurementError(
                f"perf was given {name}={value!r} in a test that has @capacity, which finds out "
                "how many may listen; leave out one of them"
            )
    if min_rate is not None:
        call = call._replace(rate=min_rate)
    check(call)
    if call.rate is not None:
        return lazy.records.LoadSpec(
            rate=call.rate,
            arrivals=call.arrivals,
            most_in_flight=call.most_in_flight,
            processes=call.processes or 1,
        )
    return lazy.records.LoadSpec(
        listeners=call.processes or 1,
        pace=call.pace,
        think_s=call.think_s,
        processes=call.processes or 1,
    )


def refuse_unfit(load: LoadSpec, source: TargetFactory, phase: Phase) -> None:
    """MeasurementError for a target or test that many cannot listen to in this way."""
    if phase == "cold":
        raise MeasurementError(
            f"perf was given a load ({load.label}) in a test that uses cold_engine, whose starts "
            "have one listener each; use warm_engine"
        )
    if source.inline:
        raise MeasurementError(
            f"{load.label} cannot listen to a target in pytest's own process; leave out "
            "--ttsperf-inline for this test"
        )
    if load.processes > 1 and not source.can_swap_code:
        raise MeasurementError(
            f"perf was given processes={load.processes} with {load.label}, and "
            f"{source.spec.shown} is not imported: its processes are not ours to multiply; leave "
            "out processes="
        )
    if load.listeners is not None and load.processes > load.listeners:
        raise MeasurementError(
            f"perf was given listeners={load.listeners} and processes={load.processes}; wanted a "
            "listener or more in each process"
        )


def _choose_count(call: CallLoad, chosen: ListenerCount | None) -> int:
    """How many listen. MeasurementError where a mark and the call both say it."""
    is_call = call.listeners is not None
    if chosen is None:
        return call.listeners or 1
    if not is_call or chosen.source == "command line":
        return chosen.number
    _refuse_mark(chosen, f"listeners={call.listeners}")
    _skip_repetition(chosen, f"listeners={call.listeners}")
    return call.listeners or 1


def _refuse_mark(chosen: ListenerCount | None, argument: str) -> None:
    if chosen is not None and chosen.source == "mark":
        raise MeasurementError(
            f"perf was given {argument} in a test that has @listeners({chosen.number}); leave out "
            "one of them"
        )


def _skip_repetition(chosen: ListenerCount | None, argument: str) -> None:
    """Skip what would measure the same again."""
    if chosen is not None and not chosen.is_first:
        pytest.skip(f"the test says {argument} itself, which is measured once, not per listeners")


def check(call: CallLoad) -> None:
    """MeasurementError for arguments that are no load, or that mix two kinds of it."""
    _check_count("listeners", call.listeners)
    _check_count("most_in_flight", call.most_in_flight)
    _check_count("windows", call.windows)
    if call.rate is not None:
        _check_number("rate", call.rate, is_above_0=True)
    _check_number("think_s", call.think_s)
    _check_word("pace", call.pace, lazy.records.Pace)
    _check_word("arrivals", call.arrivals, lazy.records.ArrivalProcess)
    if call.listeners is not None and call.rate is not None:
        raise MeasurementError(
            f"perf was given listeners={call.listeners} and rate={call.rate:g}: so many at once, "
            "and so many requests a second, are two kinds of load; leave out one"
        )
    usual = CallLoad()
    is_closed = (call.pace, call.think_s) != (usual.pace, usual.think_s)
    is_open = (call.arrivals, call.most_in_flight) != (usual.arrivals, usual.most_in_flight)
    if call.rate is not None and is_closed:
        raise MeasurementError(
            f"perf was given pace= or think_s= beside rate={call.rate:g}: requests that come by a "
            "rate wait for nobody; leave them out, or say listeners= in the place of rate="
        )
    if call.rate is None and is_open:
        raise MeasurementError(
            "perf was given arrivals= or most_in_flight= without rate=: they are of requests that "
            "come by a rate; add rate=, or leave them out"
        )


def _check_count(name: str, value: Any) -> None:
    if value is None:
        return
    is_number = isinstance(value, int) and not isinstance(value, bool)
    if not is_number or value < 1:
        raise MeasurementError(
            f"perf was given {name}={value!r}; wanted a whole number of at least 1"
        )


def _check_number(name: str, value: Any, *, is_above_0: bool = False) -> None:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    is_usable = is_number and math.isfinite(value) and value >= 0
    if is_above_0:
        is_usable = is_usable and value > 0
    if not is_usable:
        wanted = "above 0" if is_above_0 else "of at least 0"
        raise MeasurementError(f"perf was given {name}={value!r}; wanted a number {wanted}")


def _check_word(name: str, value: object, words: object) -> None:
    accepted = get_args(words)
    if value not in accepted:
        raise MeasurementError(
            f"perf was given {name}={value!r}; wanted {' or '.join(map(repr, accepted))}"
        )
