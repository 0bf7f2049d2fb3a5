"""Every rule, both ways: it speaks with its numbers, and is silent without evidence."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest
from msgspec import structs

from pytest_ttsperf.report.analysis import memory_growth, throughput
from pytest_ttsperf.report.analysis.evidence import CellEvidence
from pytest_ttsperf.report.analysis.table import RULES
from tests.unit.report.analysis import cases_of_speed, cases_of_the_rest
from tests.unit.report.analysis.cases import Find, RuleCase, seen

CASES = (*cases_of_speed.CASES, *cases_of_the_rest.CASES)
SILENT = [(case.rule, why, evidence) for case in CASES for why, evidence in case.silent.items()]


def name_of(value: object) -> str | None:
    """The rule of a case, as the id of its test."""
    if isinstance(value, RuleCase):
        return value.rule.__name__
    if isinstance(value, str):
        return value.replace(" ", "-")
    return getattr(value, "__name__", "")


def test_every_rule_of_the_table_is_tried() -> None:
    assert {case.rule for case in CASES} == {rule.find for rule in RULES}


def test_a_rule_stands_in_the_table_once() -> None:
    names = [rule.find.__name__ for rule in RULES]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("case", CASES, ids=name_of)
def test_it_speaks_with_its_numbers(case: RuleCase) -> None:
    found = case.rule(case.loud)
    assert found is not None
    assert found.rule == case.rule.__name__
    evidence = "; ".join(found.evidence)
    for word in case.words:
        assert word in evidence
    assert case.advice in found.next_step


@pytest.mark.parametrize("case", CASES, ids=name_of)
def test_each_has_a_number_and_no_full_stop(case: RuleCase) -> None:
    found = case.rule(case.loud)
    assert found is not None
    assert any(letter.isdigit() for letter in "".join(found.evidence))
    assert not found.cause.endswith(".")
    assert not found.next_step.endswith(".")


@pytest.mark.parametrize(("rule", "why", "evidence"), SILENT, ids=name_of)
def test_it_is_silent_without_evidence(rule: Find, why: str, evidence: CellEvidence) -> None:
    assert rule(evidence) is None, why


def test_an_engine_that_is_slow_for_many_is_not_called_slow_by_itself() -> None:
    slow = cases_of_speed.SLOWER_THAN_PLAYBACK.loud
    alone = throughput.slower_than_playback(slow)
    crowd = structs.replace(slow.result, cell=structs.replace(slow.result.cell, load="8 listeners"))
    many = throughput.slower_than_playback(replace(slow, result=crowd))
    assert alone is not None
    assert many is not None
    assert alone.cause.startswith("the engine is slower than playback: ")
    assert many.cause.startswith("the engine is slower than playback with 8 listeners: ")


def test_memory_that_grows_as_fast_at_the_end_is_a_leak() -> None:
    steadily = cases_of_the_rest.growing(*range(5, 45, 5))
    assert memory_growth.leak(seen(steadily)) is not None


def test_the_docs_have_a_row_for_every_rule() -> None:
    page = Path(__file__).parents[4] / "docs" / "reports.md"
    rows = re.findall(r"^\| `(\w+)` \|", page.read_text("utf-8"), re.MULTILINE)
    assert set(rows) == {rule.find.__name__ for rule in RULES}
    assert len(rows) == len(RULES)
