"""How a load is dealt out over processes, and what is no load for a target."""

from __future__ import annotations

import pytest

from pytest_ttsperf.errors import MeasurementError, TargetCrashed, TargetShapeError
from pytest_ttsperf.experiment.plan import TargetFactory
from pytest_ttsperf.load.generator.parent import LoadGenerator, deal, share_out
from pytest_ttsperf.records import LoadSpec, OfferedRequest, TargetSpec

ENGINE = TargetSpec(spec="nowhere:Engine")
SERVER = TargetSpec(spec="http://127.0.0.1:1")


def test_a_listener_stays_with_one_process() -> None:
    requests = [OfferedRequest(index=n, listener=n % 5, text="x") for n in range(20)]
    parts = deal(requests, 2)
    assert [sorted({each.listener for each in part}) for part in parts] == [[0, 2, 4], [1, 3]]
    assert [each.index for each in parts[1]] == [1, 3, 6, 8, 11, 13, 16, 18]


@pytest.mark.parametrize(
    ("number", "count", "parts"),
    [(10, 1, [10]), (10, 3, [4, 3, 3]), (2, 2, [1, 1]), (1, 2, [1, 1])],
)
def test_a_number_is_shared_out(number: int, count: int, parts: list[int]) -> None:
    assert share_out(number, count) == parts


@pytest.mark.parametrize(
    ("spec", "load", "says"),
    [
        (ENGINE, LoadSpec(listeners=4, processes=0), "processes=0, wanted at least 1"),
        (ENGINE, LoadSpec(listeners=2, processes=3), "2 listeners for 3 processes"),
        (SERVER, LoadSpec(listeners=4, processes=2), "it is for module:callable"),
    ],
)
def test_a_load_that_does_not_suit_its_target_is_an_error(
    spec: TargetSpec, load: LoadSpec, says: str
) -> None:
    with pytest.raises(MeasurementError, match=says):
        LoadGenerator(TargetFactory(spec), load, "stream")


def test_many_listeners_are_no_part_of_pytest() -> None:
    source = TargetFactory(ENGINE, inline=True)
    with pytest.raises(MeasurementError, match="leave out --ttsperf-inline"):
        LoadGenerator(source, LoadSpec(listeners=2), "stream")


def test_another_load_needs_as_many_processes() -> None:
    generator = LoadGenerator(TargetFactory(ENGINE), LoadSpec(listeners=2), "stream")
    generator.change_load(LoadSpec(rate=3.0))
    with pytest.raises(MeasurementError, match="open another generator"):
        generator.change_load(LoadSpec(listeners=4, processes=2))


def test_half_a_start_of_a_server_is_refused() -> None:
    started = TargetSpec(spec="http://127.0.0.1:{port}")
    with pytest.raises(TargetShapeError, match="add the target option start=COMMAND"):
        LoadGenerator(TargetFactory(started), LoadSpec(listeners=2), "stream").open()


def test_what_is_not_open_says_so() -> None:
    generator = LoadGenerator(TargetFactory(ENGINE), LoadSpec(listeners=2), "stream")
    assert generator.target_pid is None
    assert generator.close() is None
    with pytest.raises(TargetCrashed, match="is not open"):
        generator.record("Hello.")
