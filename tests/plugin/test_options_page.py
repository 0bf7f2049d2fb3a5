"""docs/options.md lists every option and every ini key with its default and help, and no other."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from pytest_ttsperf.compare import metrics
from pytest_ttsperf.plugin import option_table, options

PAGE = Path(__file__).parents[2] / "docs" / "options.md"
ROW = re.compile(r"^\| `((?:--)?ttsperf[-_]\S*)` \| (.+?) \| (.+) \|$", re.MULTILINE)


class Declared:
    """Stands in for pytest's parser: collects each declaration as `pytest --help` shows it."""

    def __init__(self) -> None:
        self.helps: dict[str, str] = {}
        self.switches: list[str] = []
        option_table.add(self)  # type: ignore[arg-type]

    def getgroup(self, _name: str, _description: str) -> Declared:
        return self

    def addoption(self, name: str, **attributes: Any) -> None:
        shown = name + shown_value(attributes)
        self.helps[shown] = attributes["help"] % ()
        if attributes.get("action") == "store_true":
            self.switches.append(shown)

    def addini(self, name: str, text: str, **_attributes: Any) -> None:
        self.helps[name] = text


def shown_value(attributes: dict[str, Any]) -> str:
    """What `pytest --help` prints after an option's name."""
    if attributes.get("action") == "store_true":
        return ""
    if "choices" in attributes:
        return "={" + ",".join(attributes["choices"]) + "}"
    metavar = attributes["metavar"]
    return f"=[{metavar}]" if attributes.get("nargs") == "?" else f"={metavar}"


def page_rows() -> list[tuple[str, str, str]]:
    return ROW.findall(PAGE.read_text(encoding="utf-8"))


def default_of(name: str) -> str:
    """The default that the page tells for an option or ini key."""
    defaults = {shown: default for shown, default, _ in page_rows()}
    if name in defaults:
        return defaults[name]
    [shown] = [shown for shown in defaults if shown.partition("=")[0] == name]
    return defaults[shown]


def test_the_page_lists_what_is_declared() -> None:
    listed = [(shown, text) for shown, _, text in page_rows()]
    assert sorted(listed) == sorted(Declared().helps.items())


def test_switches_are_off_unless_they_are_set() -> None:
    switches = Declared().switches
    assert switches
    assert {default_of(name) for name in switches} == {"off"}


@pytest.mark.parametrize("pattern", ["--ttsperf-{}", "ttsperf_{}"])
def test_the_page_tells_the_defaults(pytester: pytest.Pytester, pattern: str) -> None:
    unset = options.read(pytester.parseconfig())
    defaults = {
        "timeout": f"{unset.timeout_s:g} s",
        "budget": f"{unset.budget_s:g} s",
        "storage": f"`{unset.storage.name}/`",
        "artifacts": f"`{unset.artifacts.name}/`",
        "inconclusive": "`fail`" if unset.inconclusive_fails else "`warn`",
        "report": "`yes`" if unset.writes_report else "`no`",
    }
    assert {name: default_of(pattern.format(name)) for name in defaults} == defaults


def test_the_page_tells_the_smallest_change_that_counts() -> None:
    expected = f"{metrics.DEFAULT_MARGIN * 100:g}%"
    assert default_of("--ttsperf-compare-fail") == expected
    assert default_of("ttsperf_compare_fail") == expected
