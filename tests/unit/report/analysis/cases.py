"""What a rule is tried on: evidence in which it speaks, and evidence in which it is silent."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

from msgspec import structs

from pytest_ttsperf.records import CellResult, Machine
from pytest_ttsperf.report.analysis.evidence import CellEvidence
from pytest_ttsperf.report.analysis.likely_cause import LikelyCause
from tests.unit.report.factories import ENVIRONMENT, MACHINE

Find = Callable[[CellEvidence], LikelyCause | None]


class RuleCase(NamedTuple):
    """A rule with both sides of it."""

    rule: Find
    loud: CellEvidence
    words: tuple[str, ...]
    """That its evidence has, its numbers above all."""
    silent: Mapping[str, CellEvidence]
    """Why it has nothing to say -> of what."""
    advice: str = ""
    """That its next step has."""


def seen(
    result: CellResult,
    *others: CellResult,
    machine: Machine = MACHINE,
) -> CellEvidence:
    """A cell beside others of its run, on a machine."""
    environment = structs.replace(ENVIRONMENT, machine=machine)
    return CellEvidence(result=result, environment=environment, others=others)
