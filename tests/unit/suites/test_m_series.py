"""The suite of M-series Macs on scripted machines and placements."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from pytest_ttsperf.suites import m_series
from pytest_ttsperf.suites.m_series import Host, Share

MAC = Host("Darwin", "arm64", 8 * 2**30)
COREML = ["coreml"]
KOKORO: dict[str, Any] = {
    "nodes": {"CoreMLExecutionProvider": 949, "CPUExecutionProvider": 1412},
    "partitions": 123,
    "cpu_operators": {
        "Gather": 300,
        "Reshape": 700,
        "Where": 12,
        "Cast": 200,
        "Pad": 100,
        "Exp": 5,
    },
}
"""What is on record of Core ML for a graph whose shapes vary."""


def share_of(placement: dict[str, Any] | None) -> Share:
    share = m_series.read_share(placement)
    assert share is not None
    return share


# Where it runs -----------------------------------------------------------------------------------


def test_it_runs_on_an_m_series_mac_with_core_ml_alone() -> None:
    assert m_series.why_skipped(MAC, COREML) is None
    assert m_series.why_skipped(MAC, ["coremlexecutionprovider"]) is None


ELSEWHERE = {
    "linux": (Host("Linux", "x86_64", 2**34), COREML, "found Linux on x86_64, wanted an M-series"),
    "linux-arm": (Host("Linux", "aarch64", 2**34), COREML, "found Linux on aarch64, wanted an M-s"),
    "windows": (Host("Windows", "ARM64", 2**34), COREML, "found Windows on ARM64"),
    "rosetta": (Host("Darwin", "x86_64", 2**34), COREML, "found macOS on x86_64.*Rosetta"),
    "cpu": (MAC, ["cpu"], "found provider cpu, wanted coreml alone; add --provider coreml"),
    "both": (MAC, ["cpu", "coreml"], "found provider cpu, coreml, wanted coreml alone"),
    "none": (MAC, [], "found provider the target's own, wanted coreml"),
}


@pytest.mark.parametrize(("host", "providers", "reason"), ELSEWHERE.values(), ids=ELSEWHERE)
def test_elsewhere_it_says_what_is_missing(host: Host, providers: list[str], reason: str) -> None:
    found = m_series.why_skipped(host, providers)
    assert found is not None
    assert re.search(reason, found)


def test_the_command_line_wins_over_the_configuration() -> None:
    assert m_series.chosen_providers(["CoreML"], ["cpu"]) == COREML
    assert m_series.chosen_providers(["cpu, coreml"], []) == ["cpu", "coreml"]
    assert m_series.chosen_providers(["cpu", "coreml"], []) == ["cpu", "coreml"]
    assert m_series.chosen_providers(None, ["cpu"]) == ["cpu"]
    assert m_series.chosen_providers(None, []) == []


def test_this_machine_has_memory() -> None:
    assert m_series.this_host().memory_bytes > 0


# What Core ML runs -------------------------------------------------------------------------------


def test_a_placement_is_read_and_said() -> None:
    share = share_of(KOKORO)
    assert (share.nodes, share.total, share.pieces, share.sessions) == (949, 2361, 123, 1)
    assert m_series.share_problem(share) is None
    assert m_series.share_line(share) == (
        "Core ML runs 949 of 2361 nodes (40 %) in 123 pieces; "
        "on the CPU: Reshape 700, Gather 300, Cast 200, Pad 100, 17 more"
    )


def test_pieces_are_said_for_several_sessions() -> None:
    share = share_of({**KOKORO, "sessions": 5, "cpu_operators": {}})
    assert m_series.share_line(share).endswith("in 123 pieces of 5 sessions")


def test_what_a_target_does_not_say_is_not_said() -> None:
    share = share_of({"nodes": {"CoreMLExecutionProvider": 3}})
    assert share.pieces_a_session is None
    assert m_series.share_line(share) == "Core ML runs 3 of 3 nodes (100 %)"


@pytest.mark.parametrize("placement", [None, {}, {"nodes": None}, {"nodes": {}}])
def test_a_target_that_says_nothing_is_a_problem(placement: dict[str, Any] | None) -> None:
    share = m_series.read_share(placement)
    assert share is None
    assert "does not say which provider runs" in str(m_series.share_problem(share))


def test_a_core_ml_that_runs_nothing_is_a_problem() -> None:
    share = share_of({"nodes": {"CPUExecutionProvider": 2361}})
    assert "Core ML runs 0 of 2361 nodes" in str(m_series.share_problem(share))


# Fixed shapes ------------------------------------------------------------------------------------


def placed(nodes: int, pieces: int | None, sessions: int = 3) -> Share:
    """A placement of a hundred nodes."""
    return Share(nodes, 100, pieces, sessions, {})


@pytest.mark.parametrize(
    "fixed",
    [placed(90, 5, sessions=5), placed(40, 60), placed(90, None)],
    ids=["fewer pieces a session", "as before", "pieces unsaid"],
)
def test_fixed_shapes_may_help_or_change_nothing(fixed: Share) -> None:
    assert m_series.shapes_problem(placed(40, 60), fixed) is None


def test_fixed_shapes_that_take_nodes_away_are_a_problem() -> None:
    problem = m_series.shapes_problem(placed(40, 60), placed(30, 10))
    assert "runs 30 % of the nodes, and 40 %" in str(problem)


def test_fixed_shapes_that_cut_graphs_up_are_a_problem() -> None:
    problem = m_series.shapes_problem(placed(40, 6), placed(40, 20, sessions=5))
    assert "has 4 pieces a session, and 2 of" in str(problem)


@pytest.mark.parametrize("pair", [(None, placed(1, 1)), (placed(1, 1), None)])
def test_shapes_of_which_nothing_is_said_are_a_problem(
    pair: tuple[Share | None, Share | None],
) -> None:
    assert "does not say" in str(m_series.shapes_problem(*pair))


# Settings ----------------------------------------------------------------------------------------


def test_a_setting_is_an_option_as_targets_take_it() -> None:
    name, _, value = m_series.provider_setting(ml_compute_units="CPUOnly").partition("=")
    assert name == "provider_options"
    assert json.loads(value) == {"ml_compute_units": "CPUOnly"}
    assert m_series.provider_setting(on=True) == 'provider_options={"on": true}'


# Memory ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("gibibytes", "name"),
    [(8, "8 GB"), (16, "16 GB"), (18, "more than 16 GB"), (128, "more than 16 GB")],
)
def test_a_mac_belongs_to_the_class_that_holds_its_memory(gibibytes: int, name: str) -> None:
    assert m_series.memory_class(gibibytes * 2**30).name == name


SMALL, LARGE = (m_series.memory_class(each * 2**30) for each in (8, 32))
FASTER = {"ttfa p50": "better", "rss peak": "alike"}
DEAR = {"ttfa p50": "better", "rss peak": "worse"}
MIXED = {"ttfa p50": "better", "rtf p50": "worse"}


@pytest.mark.parametrize(
    ("memory", "directions", "advice"),
    [
        (SMALL, FASTER, "turn it on, ttfa p50 proven better"),
        (SMALL, DEAR, "leave it off, ttfa p50 proven better, but it takes more memory"),
        (LARGE, DEAR, "turn it on"),
        (LARGE, MIXED, "your choice, ttfa p50 proven better, and rtf p50 worse"),
        (LARGE, {"ttfa p50": "open"}, "leave it off, nothing is proven"),
        (LARGE, {}, "leave it off, nothing is proven"),
    ],
)
def test_the_arena_is_advised_by_what_is_proven_and_by_memory(
    memory: m_series.MemoryClass, directions: dict[str, str], advice: str
) -> None:
    line = m_series.arena_line(memory, directions)
    assert advice in line
    assert memory.name in line
