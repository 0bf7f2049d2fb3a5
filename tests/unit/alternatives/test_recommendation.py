"""What is recommended, and that nothing is where nothing is proven."""

from __future__ import annotations

import pytest

from pytest_ttsperf.alternatives import recommendation
from pytest_ttsperf.records import PairComparison
from tests.unit.alternatives.factories import IDLE, OTHER, REFERENCE, figure, pair, report


def sentence(*comparisons: PairComparison) -> str:
    return recommendation.sentence(report(*comparisons), OTHER)


def test_a_reference_that_is_faster_in_both_phases_is_recommended_with_both_ratios() -> None:
    found = sentence(
        pair(figure("ttfa p50", "worse", 0.9), figure("rtf p50", "worse", 1.5)),
        pair(figure("ttfa p50", "worse", 3.0), phase="cold"),
    )
    assert found == (
        "cpu: 1.9 times faster warm, 4 times faster from a cold start; openvino gives nothing here"
    )


def test_an_alternative_that_is_faster_is_recommended_over_the_reference() -> None:
    found = sentence(pair(figure("ttfa p50", "better", -0.5), figure("rtf p50", "alike")))
    assert found == "openvino: 2 times faster warm than cpu"


def test_the_ratio_is_that_of_the_first_figure_that_is_proven() -> None:
    found = sentence(pair(figure("ttfa p50", "open", -0.9), figure("rtf p50", "better", -0.75)))
    assert found == "openvino: 4 times faster warm than cpu"


def test_what_is_better_warm_and_worse_cold_is_a_choice_and_no_recommendation() -> None:
    found = sentence(
        pair(figure("ttfa p50", "better", -0.5)),
        pair(figure("ttfa p50", "worse", 3.0), phase="cold"),
    )
    assert found == (
        "no recommendation, but a choice: openvino is 2 times faster warm; cpu is 4 times faster "
        "from a cold start"
    )


def test_what_is_better_in_one_figure_and_worse_in_another_is_a_choice() -> None:
    found = sentence(pair(figure("ttfa p50", "better", -0.5), figure("rtf p50", "worse", 0.5)))
    assert found == (
        "no recommendation, but a choice: warm openvino is better in ttfa p50 and worse in rtf p50"
    )


@pytest.mark.parametrize("effect", [-0.6, 0.6])
def test_a_large_difference_that_is_not_proven_recommends_nothing(effect: float) -> None:
    found = sentence(pair(figure("ttfa p50", "open", effect), figure("rtf p50")))
    assert found == (
        "no recommendation between cpu and openvino: not decided in this time: ttfa p50 warm; "
        "--ttsperf-budget allows more"
    )


def test_what_is_surely_not_slower_is_not_called_faster() -> None:
    found = sentence(pair(figure("ttfa p50", effect=-0.02), figure("rtf p50")))
    assert found.endswith("the second is surely not slower, and not proven to be faster")


def test_nobody_is_recommended_who_says_something_else() -> None:
    quiet = figure("speech", "worse", -0.4, reason="it says 40 % less")
    found = sentence(pair(figure("ttfa p50", "better", -0.5), quiet))
    assert found == (
        "no recommendation: openvino does not say the same as cpu (speech: it says 40 % less)"
    )


def test_work_that_is_only_undecided_leaves_the_recommendation() -> None:
    found = sentence(pair(figure("ttfa p50", "better", -0.5), figure("speech", "open")))
    assert found.startswith("openvino: 2 times faster warm")


def test_memory_and_processor_time_are_said_where_they_are_proven() -> None:
    found = sentence(
        pair(
            figure("ttfa p50", "worse", 0.9),
            figure("rss peak", "worse", 1.1),
            figure("cpu p50", "open", 0.5),
        )
    )
    assert found.endswith("openvino gives nothing here; openvino takes 2.1 times the memory")


def test_a_phase_that_was_not_compared_is_said_beside_the_other() -> None:
    cold = pair(phase="cold", reason="blocks take 60 s")
    found = sentence(pair(figure("ttfa p50", "worse", 0.9)), cold)
    assert found.endswith("; not compared from a cold start: blocks take 60 s")


def test_without_any_comparison_the_reason_is_the_answer() -> None:
    found = sentence(pair(reason="blocks take 60 s"))
    assert found == "no recommendation between cpu and openvino: warm: blocks take 60 s"


def test_a_provider_of_no_nodes_is_said_by_name_with_who_ran_them() -> None:
    (line,) = recommendation.idle_lines(report(alternatives=(REFERENCE, IDLE)))
    assert line == (
        "0 nodes ran on nxrt-ep-cpu: it opens, and all is done elsewhere (505 on "
        "CPUExecutionProvider), so it was not compared"
    )
    assert recommendation.idle_lines(report()) == []


@pytest.mark.parametrize(
    ("ratio", "text"),
    [
        (1.084, "8.4 %"),
        (1.2, "1.2 times"),
        (4.0, "4 times"),
        (12.3, "12 times"),
        (180.0, "180 times"),
    ],
)
def test_a_ratio_is_said_as_people_say_it(ratio: float, text: str) -> None:
    assert recommendation.times_text(ratio) == text
