"""What suites say of figures without a limit."""

from __future__ import annotations

from msgspec import structs

from pytest_ttsperf.plugin.fixtures import Measurement
from pytest_ttsperf.records import LeakSlope, Memory, Summary, Trial
from pytest_ttsperf.suites import wording
from tests.unit.judge.factories import result


def started(*phases: dict[str, float]) -> Measurement:
    """A measurement of so many cold starts."""
    trials = [
        Trial(index=index, kind="trial", process=index, text="t", recording=None, phases_ms=each)
        for index, each in enumerate(phases)
    ]
    return Measurement(structs.replace(result(), trials=tuple(trials)))


def with_memory(memory: Memory) -> Measurement:
    return Measurement(structs.replace(result(), memory=memory))


def test_phases_are_said_in_their_order_by_their_medians() -> None:
    measured = started(
        {"process": 100, "import": 30, "ready": 200},
        {"process": 120, "import": 10, "ready": 260},
        {"process": 140, "import": 20, "ready": 240},
    )
    assert wording.phases_line(measured) == (
        "phases of a start, median of 3: process 120 ms, import 20 ms, ready 240 ms"
    )


def test_a_phase_that_some_starts_lack_is_the_median_of_the_others() -> None:
    line = wording.phases_line(started({"process": 100}, {"process": 120, "session": 7}))
    assert line == "phases of a start, median of 2: process 110 ms, session 7 ms"


def test_without_phases_nothing_is_said() -> None:
    assert wording.phases_line(started({}, {})) is None


def test_memory_is_said_as_far_as_it_was_measured() -> None:
    memory = Memory(rss_baseline_mb=116.04, rss_peak_mb=125.96, rss_range_mb=0.0)
    assert wording.memory_line(with_memory(memory)) == (
        "memory when ready 116.0 MB, at its peak 126.0 MB, range 0.0 MB"
    )


def test_memory_that_was_not_measured_says_why() -> None:
    memory = Memory(reason="the server runs on another machine")
    line = wording.memory_line(with_memory(memory))
    assert line == "memory was not measured: the server runs on another machine"


def test_a_run_that_measures_nothing_says_nothing_of_memory() -> None:
    assert wording.memory_line(with_memory(Memory())) is None


def test_when_audio_came_is_said_as_a_share_of_the_time() -> None:
    found = Summary(metric="arrival_share", n=11, missing=0, p50=0.562)
    measured = Measurement(structs.replace(result(), summary={"arrival_share": found}))
    assert wording.arrival_line(measured) == (
        "audio came, on average, after 56% of the answer's time (100%: all at once)"
    )


def test_of_answers_that_show_nothing_nothing_is_said() -> None:
    unmeasured = Summary(metric="arrival_share", n=11, missing=11)
    measured = Measurement(structs.replace(result(), summary={"arrival_share": unmeasured}))
    assert wording.arrival_line(measured) is None


def test_how_memory_grows_is_said_with_its_interval() -> None:
    memory = Memory(leak=LeakSlope(mb_per_1000=0.214, low=-0.1, high=0.52, readings=150))
    assert wording.leak_line(with_memory(memory)) == (
        "memory grows by +0.21 MB for each 1000 requests (95 %: -0.10 to +0.52, 150 readings)"
    )


def test_a_slope_that_is_not_known_says_why() -> None:
    few = Memory(leak_reason="5 readings show no slope")
    line = wording.leak_line(with_memory(few))
    assert line == "how memory grows was not measured: 5 readings show no slope"
    assert wording.leak_line(with_memory(Memory())) is None
