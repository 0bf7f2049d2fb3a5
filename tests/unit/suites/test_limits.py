"""The limits of the suites: defaults, and the table of a project that changes them."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_ttsperf.errors import LimitError
from pytest_ttsperf.plugin import markers
from pytest_ttsperf.suites import limits

PAGE = Path(__file__).parents[3] / "docs" / "suites.md"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder below one with a project file that says nothing of limits."""
    (tmp_path / "pyproject.toml").write_text("[project]\nname = 'other'\n")
    below = tmp_path / "src" / "package"
    below.mkdir(parents=True)
    return below


def write(folder: Path, text: str) -> Path:
    """Write the project file that is found from the folder."""
    path = folder.parents[1] / "pyproject.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_project_that_says_nothing_has_the_defaults(folder: Path) -> None:
    for suite, defaults in limits.DEFAULTS.items():
        assert limits.limits_of(suite, folder) == defaults


def test_gates_of_the_origin_are_the_defaults() -> None:
    """As docs/suites.md has them."""
    assert limits.DEFAULTS["ttfa"]["ttfa_p95_ms"] == 500
    assert limits.DEFAULTS["streaming"]["rtf_p95"] == 0.6
    assert limits.DEFAULTS["nonstream"]["rtf_p95"] == 1.0
    assert limits.DEFAULTS["memory"]["memory_rss_range_mb"] == 300


def test_a_key_holds_for_all_suites_that_have_it(folder: Path) -> None:
    write(folder, "[tool.ttsperf]\nttfa_p95_ms = 300\n")
    assert limits.limits_of("ttfa", folder)["ttfa_p95_ms"] == 300
    assert limits.limits_of("quick", folder)["ttfa_p95_ms"] == 300
    assert limits.limits_of("nonstream", folder) == limits.DEFAULTS["nonstream"]


def test_the_table_of_a_suite_wins_and_holds_for_it_alone(folder: Path) -> None:
    write(folder, "[tool.ttsperf]\nrtf_p95 = 0.5\n\n[tool.ttsperf.nonstream]\nrtf_p95 = 0.8\n")
    assert limits.limits_of("nonstream", folder)["rtf_p95"] == 0.8
    assert limits.limits_of("streaming", folder)["rtf_p95"] == 0.5


def test_the_nearest_project_file_counts(folder: Path) -> None:
    write(folder, "[tool.ttsperf]\nttfa_p95_ms = 300\n")
    nearest = folder / "pyproject.toml"
    nearest.write_text("[tool.ttsperf]\nttfa_p95_ms = 200\n")
    assert limits.find_project_file(folder) == nearest
    assert limits.limits_of("ttfa", folder)["ttfa_p95_ms"] == 200


def test_the_working_folder_is_where_it_is_looked_for(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(folder, "[tool.ttsperf]\nttfa_p95_ms = 300\n")
    monkeypatch.chdir(folder)
    assert limits.limits_of("ttfa")["ttfa_p95_ms"] == 300


def test_a_limit_may_be_a_table_of_limits(folder: Path) -> None:
    write(folder, "[tool.ttsperf]\nttfa_p95_ms = {cpu = 500, coreml = 10}\n")
    assert limits.limits_of("ttfa", folder)["ttfa_p95_ms"] == {"cpu": 500, "coreml": 10}


WRONG = {
    "an unknown key": ("ttfa_p59_ms = 1", r"no key 'ttfa_p59_ms' \(did you mean 'ttfa_p95_ms'"),
    "an unknown suite": ("[tool.ttsperf.soke]\nrtf_p95 = 1", "no key 'soke'.*wanted one of"),
    "a key of another suite": (
        "[tool.ttsperf.nonstream]\nttfa_p95_ms = 1",
        "nonstream.*no key 'ttfa_p95_ms'.*wanted one of rtf_p95",
    ),
    "a text": ("ttfa_p95_ms = 'fast'", "ttfa_p95_ms = 'fast'; wanted a number of at least 0"),
    "true": ("ttfa_p95_ms = true", "ttfa_p95_ms = True; wanted a number"),
    "a negative number": ("ttfa_p95_ms = -5", "ttfa_p95_ms = -5; wanted a number of at least 0"),
    "no number": ("rtf_p95 = nan", "rtf_p95 = nan; wanted a number of at least 0"),
    "a wrong limit in a table": ("rtf_p95 = {cpu = 'x'}", "rtf_p95 = 'x'; wanted a number"),
    "no table of a suite": ("ttfa = 300", "ttsperf.ttfa.*found 300; wanted a table with limits"),
}


@pytest.mark.parametrize(("line", "message"), WRONG.values(), ids=WRONG)
def test_what_is_wrong_is_named_with_its_file(folder: Path, line: str, message: str) -> None:
    path = write(folder, f"[tool.ttsperf]\n{line}\n")
    with pytest.raises(LimitError, match=message) as caught:
        limits.limits_of("cold", folder)
    assert str(path) in str(caught.value)


def test_a_file_that_is_no_toml_is_named(folder: Path) -> None:
    path = write(folder, "[tool.ttsperf\n")
    with pytest.raises(LimitError, match="is no TOML") as caught:
        limits.limits_of("ttfa", folder)
    assert str(path) in str(caught.value)


def test_a_table_that_is_none_is_an_error(folder: Path) -> None:
    write(folder, "[tool]\nttsperf = 3\n")
    with pytest.raises(LimitError, match=r"tool\.ttsperf is 3; wanted a table"):
        limits.limits_of("ttfa", folder)


def test_each_key_is_a_mark_and_its_keyword() -> None:
    """So that a limit has one name in the table, in ini and on the command line."""
    for defaults in limits.DEFAULTS.values():
        for key in defaults:
            marker, _, keyword = key.partition("_")
            accepted = {*markers.LIMITS[marker], *markers.SETTINGS.get(marker, ())}
            assert keyword in accepted, key


def test_the_page_has_a_row_for_each_key() -> None:
    page = PAGE.read_text(encoding="utf-8")
    for suite, defaults in limits.DEFAULTS.items():
        for key, value in defaults.items():
            shown = value if isinstance(value, str) else f"{value:g}"
            row = f"| `{suite}` | `{key}` | {shown} |"
            assert row in page, f"docs/suites.md lacks: {row}"
