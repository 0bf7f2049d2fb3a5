"""docs/worked-example.md: what is on record is there, and nothing that is not."""

from __future__ import annotations

from pytest_ttsperf.report import page_build
from tools import worked_example


def test_the_page_is_the_one_that_the_tool_writes() -> None:
    written = worked_example.PAGE.read_text("utf-8")
    assert written == worked_example.build_page(), "run: python tools/worked_example.py"


def test_what_is_on_record_is_said() -> None:
    page = worked_example.build_page()
    for figure in ("949 of 2361", "123 partitions", "4200 ms", "before this project began"):
        assert figure in page


def test_nothing_is_concluded_from_what_is_not_on_record() -> None:
    model = page_build.build(worked_example.build_run())
    rules = {finding.rule for cell in model.cells for finding in cell.findings}
    assert "few_nodes" in rules
    assert "warm_up" not in rules, "no warm figure is on record"
    warm = next(cell for cell in model.cells if cell.phase == "warm")
    assert {row.value for row in warm.rows} == {None}
