"""The forms of a placement that are understood, and what is said of others."""

from __future__ import annotations

import pytest

from pytest_ttsperf.records import Json
from pytest_ttsperf.targets.placement import FIELDS, normalize

NODES: Json = {"CPUExecutionProvider": 12, "CoreMLExecutionProvider": 0}


def test_a_plain_mapping_is_taken_for_the_nodes() -> None:
    assert normalize(NODES) == {"nodes": NODES}


@pytest.mark.parametrize(
    "told",
    [
        {"nodes": NODES},
        {"nodes": NODES, "threads": 2, "of_its_own": ["x"]},
        {"nodes": {}},
        {"nodes": None, "provider": "CPUExecutionProvider"},
        {"threads": 2},  # a count, but of no provider
    ],
)
def test_the_whole_form_stays_as_it_is(told: dict[str, Json]) -> None:
    assert normalize(told) == told


@pytest.mark.parametrize("told", [None, {}])
def test_nothing_is_nothing(told: Json) -> None:
    assert normalize(told) is None


@pytest.mark.parametrize(
    "told",
    [
        "CPUExecutionProvider",
        ["CPUExecutionProvider"],
        12,
        {"CPUExecutionProvider": 1.5},
        {"CPUExecutionProvider": True},
        {"CPUExecutionProvider": -1},
        {"nodes": ["CPUExecutionProvider"]},
        {"nodes": {"CPUExecutionProvider": "12"}, "threads": 2},
        {"of_its_own": "x"},
    ],
)
def test_any_other_form_is_an_error_that_names_those_that_are_understood(told: Json) -> None:
    with pytest.raises(
        ValueError, match=r"wanted a dict that counts nodes by provider, as .*or None"
    ) as caught:
        normalize(told)
    assert str(caught.value).startswith(f"found {told!r}")
    assert all(field in str(caught.value) for field in FIELDS)
