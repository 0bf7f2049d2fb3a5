"""docs/metrics.md is what its generator writes, and no row of a table lacks its paragraph."""

from __future__ import annotations

import ast
import inspect
import re
import textwrap
from collections.abc import Callable
from typing import Any

import pytest

from pytest_ttsperf.compare import metrics as compared
from pytest_ttsperf.experiment import trial
from pytest_ttsperf.load import findings, generator_guard
from pytest_ttsperf.measure import corpus
from pytest_ttsperf.metrics import catalog, definitions, load_figures, sound_guards, validity
from pytest_ttsperf.metrics import load as load_metrics
from pytest_ttsperf.metrics.catalog import Paragraph
from pytest_ttsperf.plugin import markers
from pytest_ttsperf.records import GeneratorHealth, LoadResult, LoadWindow
from tools import metrics_page

GUARD_NAMES = [guard.__name__ for guard in validity.GUARDS]
TABLES = {
    "METRICS": (catalog.METRICS, list(definitions.METRICS)),
    "MEMORY": (catalog.MEMORY, metrics_page.memory_figures()),
    "FIGURES": (catalog.FIGURES, list(compared.ALL)),
    "LOAD": (catalog.LOAD, list(load_metrics.FIGURES)),
    "LOAD_FIGURES": (catalog.LOAD_FIGURES, list(load_figures.FIGURES)),
    "GUARDS": (catalog.GUARDS, GUARD_NAMES),
}
PARAGRAPHS = {
    **catalog.METRICS,
    **catalog.MEMORY,
    **catalog.PHASES,
    **catalog.CROWD_LIMITS,
    **catalog.SOAK_LIMITS,
}


def test_the_page_is_what_the_generator_writes() -> None:
    written = metrics_page.PAGE.read_text("utf-8")
    assert written == metrics_page.build_page(), "run: python tools/metrics_page.py"


@pytest.mark.parametrize("table", TABLES)
def test_each_row_has_a_paragraph_and_each_paragraph_a_row(table: str) -> None:
    paragraphs, rows = TABLES[table]
    assert sorted(paragraphs) == sorted(rows), f"catalog.{table}"


@pytest.mark.parametrize("marker", markers.LIMITS)
def test_whatever_a_mark_limits_has_a_paragraph(marker: str) -> None:
    limited = {limit.metric for limit in markers.LIMITS[marker].values()}
    assert limited <= set(PARAGRAPHS)


def test_figures_of_many_listeners_are_fields_of_the_records() -> None:
    fields = {
        *LoadWindow.__struct_fields__,
        *LoadResult.__struct_fields__,
        *GeneratorHealth.__struct_fields__,
    }
    assert set(catalog.LOAD) <= fields


def test_the_phases_of_an_opening_have_paragraphs() -> None:
    assert set(trial.OPENING) <= set(catalog.PHASES)


@pytest.mark.parametrize(
    "paragraph",
    [
        *PARAGRAPHS.values(),
        *catalog.LOAD.values(),
        *catalog.FIGURES.values(),
        *catalog.LOAD_FIGURES.values(),
    ],
)
def test_a_paragraph_says_all_three_things_and_ends_without_a_point(paragraph: Paragraph) -> None:
    for text in (paragraph.formula, paragraph.source, paragraph.blind_spot):
        assert text.strip()
        assert not text.endswith(".")


def words_of(guard: Callable[..., Any]) -> set[object]:
    """The values of `guard=` in a guard's notes."""
    module = inspect.getmodule(guard)
    tree = ast.parse(textwrap.dedent(inspect.getsource(guard)))
    found: set[object] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.keyword) and node.arg == "guard":
            if isinstance(node.value, ast.Constant):
                found.add(node.value.value)
            else:
                found.add(getattr(module, ast.unparse(node.value)))
    return found


@pytest.mark.parametrize("guard", validity.GUARDS, ids=GUARD_NAMES)
def test_a_guard_is_called_as_its_notes_call_it(guard: Callable[..., Any]) -> None:
    assert words_of(guard) == {catalog.GUARDS[guard.__name__].word}


@pytest.mark.parametrize(
    ("guard", "numbers"),
    [
        ("check_speed", [f"{validity.FLOOR_RTF:g}"]),
        ("check_duration", [f"{corpus.LEAST:g}", f"{corpus.MOST:g}"]),
        ("check_padding", [f"{definitions.SILENCE_S:g} s"]),
        (
            "check_clipping",
            [
                f"{sound_guards.DISTORTED_SHARE * 100:g} %",
                f"{sound_guards.CLIPPED_SHARE * 100:g} %",
            ],
        ),
        ("check_load", [f"{validity.CORES_SLACK:g} times"]),
        ("check_trend", [f"{validity.TREND_CHANGE * 100:g} %", f"{validity.TREND_P:g}"]),
        ("check_burst", [f"{sound_guards.SYLLABLE_MS:g} ms"]),
    ],
)
def test_the_numbers_of_a_bound_are_those_of_the_code(guard: str, numbers: list[str]) -> None:
    for number in numbers:
        assert number in catalog.GUARDS[guard].bound


@pytest.mark.parametrize("name", [name for name, each in compared.ALL.items() if each.band])
def test_the_band_of_a_count_is_that_of_the_code(name: str) -> None:
    band = compared.ALL[name].band
    assert band is not None
    numbers = re.findall(r"\d+", catalog.FIGURES[name].formula)
    if name != "texts_broken":  # any broken sample is one too many
        assert numbers == [f"{band if band > 1 else band * 100:g}"]


def test_the_guards_of_many_listeners_are_those_of_their_cells() -> None:
    assert [guard.word for guard in catalog.LOAD_GUARDS] == list(findings.GUARDS)


@pytest.mark.parametrize(
    ("word", "numbers"),
    [
        (
            generator_guard.GUARD,
            [
                f"{generator_guard.LATENESS_MS:g} ms",
                f"{generator_guard.CPU_SHARE * 100:g} %",
                f"{generator_guard.NULL_RATIO:g} times",
            ],
        ),
        (findings.CACHE, [f"{findings.REPEATED_SHARE * 100:g} %"]),
    ],
)
def test_the_numbers_of_a_guard_of_many_listeners_are_those_of_the_code(word, numbers) -> None:
    (bound,) = [guard.bound for guard in catalog.LOAD_GUARDS if guard.word == word]
    for number in numbers:
        assert number in bound
