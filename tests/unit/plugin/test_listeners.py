"""How many listen: who has the last word, what is refused, and what a test is then called."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from pytest_ttsperf.errors import MeasurementError
from pytest_ttsperf.plugin import listeners
from pytest_ttsperf.plugin.listeners import CallLoad, ListenerCount, Source
from pytest_ttsperf.records import LoadSpec


def load_of(
    call: CallLoad,
    chosen: ListenerCount | None = None,
    *,
    hangs_up: bool = False,
) -> LoadSpec | None:
    return listeners.load_of(call, chosen, hangs_up=hangs_up)


def label_of(call: CallLoad, chosen: ListenerCount | None = None) -> str | None:
    load = load_of(call, chosen)
    return None if load is None else load.label


@pytest.mark.parametrize("call", [CallLoad(), CallLoad(listeners=1), CallLoad(pace="greedy")])
def test_a_single_listener_is_no_load(call: CallLoad) -> None:
    assert load_of(call) is None
    assert load_of(CallLoad(), ListenerCount(1, "mark")) is None


def test_what_a_call_says_is_the_load() -> None:
    call = CallLoad(listeners=8, pace="greedy", think_s=1.5, processes=2)
    assert label_of(call) == "8 listeners, greedy, thinking 1.5 s, 2 processes"
    call = CallLoad(rate=4, arrivals="constant", most_in_flight=20)
    assert label_of(call) == "4 a second, constant, at most 20"


def test_a_single_listener_who_hangs_up_is_a_load() -> None:
    for call in (CallLoad(), CallLoad(listeners=1, pace="greedy", think_s=2, processes=3)):
        load = load_of(call, hangs_up=True)
        assert load == LoadSpec(listeners=1, hangs_up=True)
        assert load.label == "1 listener, hanging up"
        assert load.is_watched
    for several in (CallLoad(listeners=2), CallLoad(rate=4)):
        load = load_of(several, hangs_up=True)
        assert load is not None
        assert not load.is_watched


@pytest.mark.parametrize(
    ("source", "label"),
    [("command line", "4 listeners"), ("ini", "8 listeners")],
)
def test_the_command_line_wins_over_the_call_and_the_call_over_ini(
    source: Source, label: str
) -> None:
    chosen = ListenerCount(4, source)
    assert label_of(CallLoad(), chosen) == "4 listeners"
    assert label_of(CallLoad(listeners=8), chosen) == label


def test_the_command_line_can_say_a_single_listener() -> None:
    assert load_of(CallLoad(listeners=8), ListenerCount(1, "command line")) is None


@pytest.mark.parametrize("call", [CallLoad(listeners=8), CallLoad(rate=2)])
def test_a_mark_and_a_call_may_not_both_say_it(call: CallLoad) -> None:
    with pytest.raises(MeasurementError, match=r"in a test that has @listeners\(4\); leave out"):
        load_of(call, ListenerCount(4, "mark"))


@pytest.mark.parametrize(
    ("call", "source"),
    [(CallLoad(listeners=8), "ini"), (CallLoad(rate=2), "ini"), (CallLoad(rate=2), "command line")],
)
def test_what_would_be_measured_again_is_skipped(call: CallLoad, source: Source) -> None:
    assert load_of(call, ListenerCount(1, source)) is not None
    with pytest.raises(pytest.skip.Exception, match="measured once"):
        load_of(call, ListenerCount(4, source, is_first=False))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"listeners": 0}, "listeners=0; wanted a whole number of at least 1"),
        ({"listeners": True}, "listeners=True"),
        ({"listeners": "8"}, "listeners='8'"),
        ({"windows": 1.5}, "windows=1.5"),
        ({"rate": 0}, "rate=0; wanted a number above 0"),
        ({"rate": float("inf")}, "rate=inf"),
        ({"listeners": 2, "think_s": -1}, "think_s=-1; wanted a number of at least 0"),
        ({"listeners": 2, "pace": "fast"}, "pace='fast'; wanted 'played' or 'greedy'"),
        ({"rate": 2, "arrivals": "even"}, "arrivals='even'; wanted 'poisson' or 'constant'"),
        ({"rate": 2, "most_in_flight": 0}, "most_in_flight=0"),
        ({"rate": 2, "listeners": 2}, "are two kinds of load; leave out one"),
        ({"rate": 2, "pace": "greedy"}, "say listeners= in the place of rate="),
        ({"rate": 2, "think_s": 1}, "pace= or think_s= beside rate=2"),
        ({"listeners": 2, "most_in_flight": 9}, "most_in_flight= without rate="),
        ({"arrivals": "constant"}, "add rate=, or leave them out"),
    ],
)
def test_a_call_that_is_no_load_is_refused(arguments: dict[str, Any], words: str) -> None:
    with pytest.raises(MeasurementError) as refusal:
        load_of(CallLoad(**arguments))
    assert words in str(refusal.value)


def test_a_search_has_the_pace_of_the_call_and_a_listener_for_each_process() -> None:
    load = listeners.load_of_search(CallLoad(pace="greedy", processes=2), None)
    assert load == LoadSpec(listeners=2, pace="greedy", processes=2)
    assert listeners.load_of_search(CallLoad(), None) == LoadSpec(listeners=1)


def test_a_search_for_a_rate_has_the_arrivals_of_the_call() -> None:
    call = CallLoad(arrivals="constant", most_in_flight=9)
    load = listeners.load_of_search(call, 2.5)
    assert load == LoadSpec(rate=2.5, arrivals="constant", most_in_flight=9)
    with pytest.raises(MeasurementError, match="without rate="):
        listeners.load_of_search(call, None)


@pytest.mark.parametrize("call", [CallLoad(listeners=8), CallLoad(rate=2)])
@pytest.mark.parametrize("min_rate", [None, 2.5])
def test_a_search_is_not_told_how_many(call: CallLoad, min_rate: float | None) -> None:
    with pytest.raises(MeasurementError, match="in a test that has @capacity, which finds out"):
        listeners.load_of_search(call, min_rate)


def source_of(*, inline: bool = False, is_imported: bool = True) -> Any:
    """What a target factory says of its target."""
    return SimpleNamespace(
        inline=inline,
        can_swap_code=is_imported,
        spec=SimpleNamespace(shown="http://localhost:1"),
    )


def test_what_many_cannot_listen_to_is_refused() -> None:
    crowd, spread = LoadSpec(listeners=4), LoadSpec(listeners=4, processes=2)
    listeners.refuse_unfit(spread, source_of(), "warm")
    listeners.refuse_unfit(crowd, source_of(is_imported=False), "warm")
    with pytest.raises(MeasurementError, match="cold_engine, whose starts have one listener"):
        listeners.refuse_unfit(crowd, source_of(), "cold")
    with pytest.raises(MeasurementError, match="leave out --ttsperf-inline"):
        listeners.refuse_unfit(crowd, source_of(inline=True), "warm")
    with pytest.raises(MeasurementError, match="http://localhost:1 is not imported"):
        listeners.refuse_unfit(spread, source_of(is_imported=False), "warm")
    with pytest.raises(MeasurementError, match="listeners=1 and processes=2; wanted"):
        listeners.refuse_unfit(LoadSpec(listeners=1, processes=2), source_of(), "warm")


def item_of(nodeid: str, count: ListenerCount | None) -> pytest.Item:
    params = {} if count is None else {listeners.FIXTURE: count}
    found = SimpleNamespace(nodeid=nodeid, callspec=SimpleNamespace(params=params))
    return cast(pytest.Item, found)


@pytest.mark.parametrize(
    ("nodeid", "number", "name"),
    [
        ("a.py::test_x[cpu-4 listeners]", 4, "a.py::test_x[cpu]"),
        ("a.py::test_x[cpu-1 listener]", 1, "a.py::test_x[cpu]"),
        ("a.py::test_x[cpu-14 listeners-4 listeners]", 14, "a.py::test_x[cpu-4 listeners]"),
        ("a.py::test_x[4 listeners]", 4, "a.py::test_x"),
        ("b[1]/a.py::test_x[cpu-4 listeners-x]", 4, "b[1]/a.py::test_x[cpu-x]"),
    ],
)
def test_a_test_has_one_name_however_many_listen(nodeid: str, number: int, name: str) -> None:
    count = ListenerCount(number, "mark")
    assert listeners.name_test(item_of(nodeid, count)) == name
    assert listeners.name_test(item_of(nodeid, None)) == nodeid


def test_items_of_another_kind_keep_their_name() -> None:
    item = cast(pytest.Item, SimpleNamespace(nodeid="doc.txt::doc.txt"))
    assert listeners.name_test(item) == "doc.txt::doc.txt"
