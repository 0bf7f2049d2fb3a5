"""`ttsperf load` as it is typed: what it measures, what it prints, how it ends."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest
from msgspec import structs

from pytest_ttsperf.cli import main
from pytest_ttsperf.load import capacity_cell
from pytest_ttsperf.load.capacity_search import SearchStep
from pytest_ttsperf.records import Capacity, CellResult
from tests.unit.judge.factories import CELL
from tests.unit.load.test_report import FOUND

STEPS = (
    SearchStep("exploring", 4, 1, None),
    SearchStep("exploring", 4, 1, None, seconds=2.0, window_s=15.0),
    SearchStep("proving", 8, 1, 18),
    SearchStep("proving", 8, 2, 18),
    SearchStep("refuting", 10, 1, 3),
)


class Search:
    """A search that has its answer at once, and notes what was to be searched."""

    def __init__(self) -> None:
        self.found: Capacity = FOUND
        self.calls: list[tuple[Any, ...]] = []
        self.settings: dict[str, Any] = {}

    def __call__(self, *arguments: Any, tell: Any, **settings: Any) -> CellResult:
        self.calls.append(arguments)
        self.settings = settings
        for step in STEPS:
            tell(step)
        return CellResult(
            cell=CELL,
            fingerprint="f",
            declared_trials=0,
            trials=(),
            ready=None,
            capacity=self.found,
        )


@pytest.fixture
def search(monkeypatch: pytest.MonkeyPatch) -> Search:
    search = Search()
    monkeypatch.setattr(capacity_cell, "measure_capacity", search)
    return search


def run(*arguments: str) -> int:
    return main(["load", "engine:Engine", *arguments])


def test_the_curve_and_the_answer_are_printed(
    search: Search, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run() == 0
    out, _ = capsys.readouterr()
    assert out.splitlines()[-1] == "At least 8 listeners, 95 % sure; 10 fails in 3 of 3 windows."
    assert "500 ms" in out


@pytest.mark.parametrize("changed", [{"proven": None}, {"void_because": "another's text"}])
def test_nothing_proven_is_something_bad(search: Search, changed: dict[str, Any]) -> None:
    search.found = structs.replace(FOUND, **changed)
    assert run() == 1


def test_what_is_searched_by_itself(search: Search) -> None:
    run()
    ((source, plan, limits),) = search.calls
    assert source.spec.spec == "engine:Engine"
    assert (plan.plan.text, plan.load.listeners, plan.load.pace) == ("short", 1, "played")
    assert (plan.window.counted_s, plan.window.lead_s, plan.window.least_requests) == (10, 2.5, 24)
    assert (limits.ttfa_p95_ms, limits.stall) == (500.0, 0.0)
    assert search.settings == {"most": None, "budget_s": None}


def test_what_is_searched_on_request(search: Search) -> None:
    run(
        "--preset=long", "--rate", "--ttfa-p95-ms=200", "--stall=1%", "--most=12",
        "--budget=10min", "--window=10s", "--voice=joe", "--provider=cpu", "--option=speed=2",
    )  # fmt: skip
    ((source, plan, limits),) = search.calls
    assert (source.voice, source.provider, source.spec.options) == ("joe", "cpu", {"speed": 2})
    assert (plan.plan.text, plan.load.listeners) == ("long", None)
    assert (plan.window.counted_s, plan.window.lead_s, plan.window.least_requests) == (10, 2.5, 30)
    assert limits == (200.0, 0.01)
    assert search.settings == {"most": 12.0, "budget_s": 600.0}


def test_greedy_listeners(search: Search) -> None:
    run("--pace=greedy")
    assert search.calls[0][1].load.pace == "greedy"


@pytest.mark.parametrize(
    ("argument", "words"),
    [
        ("--stall=100%", "wanted a share, as 1% or 0.01"),
        ("--stall=few", "wanted a share, as 1% or 0.01"),
        ("--stall=nan", "wanted a share, as 1% or 0.01"),
        ("--ttfa-p95-ms=0", "wanted milliseconds above 0"),
        ("--ttfa-p95-ms=soon", "wanted milliseconds above 0"),
        ("--most=0.5", "wanted a number of at least 1"),
        ("--most=many", "wanted a number above 0"),
        ("--window=0.1s", "wanted 1s to 600s"),
        ("--window=open", "wanted 1s to 600s"),
        ("--window=long", "--window='long'; wanted a time above 0"),
        ("--budget=never", "--budget='never'; wanted a time above 0"),
        ("--pace=slow", "invalid choice: 'slow'"),
        ("--preset=poem", "invalid choice: 'poem'"),
    ],
)
def test_what_is_not_understood_says_what_is(
    search: Search, capsys: pytest.CaptureFixture[str], argument: str, words: str
) -> None:
    with pytest.raises(SystemExit) as ended:
        run(argument)
    assert ended.value.code == 2
    assert words in capsys.readouterr().err
    assert search.calls == []


def test_json_has_every_window(search: Search, tmp_path: Path) -> None:
    file = tmp_path / "capacity.json"
    run(f"--json={file}")
    found = json.loads(file.read_text())["capacity"]
    assert [level["level"] for level in found["levels"]] == [4, 8, 10, 32]
    assert len(found["levels"][1]["windows"]) == 18


def test_elsewhere_than_on_a_terminal_each_level_is_announced(
    search: Search, capsys: pytest.CaptureFixture[str]
) -> None:
    run()
    _, err = capsys.readouterr()
    assert err.splitlines() == [
        "ttsperf: exploring 4 listeners",
        "ttsperf: proving 8 listeners",
        "ttsperf: refuting 10 listeners",
    ]


class Terminal(io.StringIO):
    """Standard error where somebody looks at it."""

    def isatty(self) -> bool:
        return True


def test_on_a_terminal_there_is_a_bar_that_is_wiped(
    search: Search, monkeypatch: pytest.MonkeyPatch
) -> None:
    terminal = Terminal()
    monkeypatch.setattr("sys.stderr", terminal)
    monkeypatch.setenv("COLUMNS", "60")
    run()
    lines = terminal.getvalue().split("\r")
    assert "[................] proving 8 listeners: window 1 of 18" in "".join(lines)
    assert max(map(len, lines)) < 60
    assert "\n" not in terminal.getvalue()
    assert lines[-2].strip() == ""
