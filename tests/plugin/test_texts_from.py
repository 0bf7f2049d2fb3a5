"""Texts start at another place in each run; `--ttsperf-texts-from` repeats those of one."""

from __future__ import annotations

from typing import Any

import pytest

from pytest_ttsperf.measure import corpus
from tests.plugin.conftest import INLINE, Project

POOL = corpus.texts("short", corpus.trial_count("short"))
TEST = """
@pytest.mark.parametrize("case", [1, 2])
@trials(3)
def test_x(perf, case): perf.stream("short")

@trials(3)
def test_own(perf): perf.stream("A text of its own.")
"""


def spoken(cell: dict[str, Any]) -> list[str]:
    return [trial["text"] for trial in cell["trials"] if trial["kind"] == "trial"]


@pytest.fixture
def inline(project: Project) -> Project:
    project.measure_inline()
    project.test(TEST)
    return project


def test_all_cells_of_a_run_start_where_it_draws(
    inline: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    starts = iter([41, 598])
    monkeypatch.setattr(corpus, "draw_start", lambda: next(starts))
    for start in (41, 598):
        result = inline.run()
        result.assert_outcomes(passed=3)
        one, other, own = inline.cells()
        wanted = [POOL[(start + number) % len(POOL)] for number in range(3)]
        assert spoken(one) == spoken(other) == wanted
        assert (one["texts_from"], other["texts_from"], own["texts_from"]) == (start, start, None)
        result.stdout.fnmatch_lines([f"texts from number {start} *--ttsperf-texts-from={start})"])


def test_a_run_can_be_repeated(inline: Project) -> None:
    inline.run("--ttsperf-texts-from=7").assert_outcomes(passed=3)
    cell = inline.cells()[0]
    assert spoken(cell) == list(POOL[7:10])
    assert cell["texts_from"] == 7


def test_a_second_measurement_goes_on_behind_the_first(inline: Project) -> None:
    inline.test(
        "@trials(3)\ndef test_x(perf):\n    perf.stream('short')\n    perf.stream('short')\n"
    )
    inline.run("--ttsperf-texts-from=597").assert_outcomes(passed=1)
    assert spoken(inline.cells()[0]) == [*POOL[597:], *POOL[:3]]


@pytest.mark.usefixtures("one_block")
def test_other_versions_speak_what_comes_behind(repository: Project) -> None:
    repository.test("@trials(5)\n@ttfa(p50_ms=60000)\ndef test_x(perf): perf.stream('short')")
    repository.run("--ttsperf-against=HEAD", "--ttsperf-texts-from=590").assert_outcomes(passed=1)
    (cell,) = repository.cells()
    assert cell["comparison"]["blocks"] > 0
    assert spoken(cell) == list(POOL[590:595])


def test_a_run_that_measures_nothing_speaks_the_first(
    inline: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(corpus, "draw_start", lambda: pytest.fail("nothing is to be drawn"))
    inline.test(
        f"def test_x(perf):\n    (trial,) = perf.stream('short').result.trials\n"
        f"    assert trial.text == {POOL[0]!r}"
    )
    inline.run("--ttsperf-disable", INLINE).assert_outcomes(passed=1)


@pytest.mark.parametrize("value", ["-1", "some"])
def test_what_is_no_number_of_a_text_is_refused(inline: Project, value: str) -> None:
    result = inline.run(f"--ttsperf-texts-from={value}")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert "--ttsperf-texts-from" in result.stderr.str()
