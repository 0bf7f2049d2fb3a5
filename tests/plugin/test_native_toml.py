"""Every ini line with TOML's own types, as pytest 9 reads them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.plugin.conftest import QUIET_ASYNCIO, Project

pytestmark = pytest.mark.skipif(
    pytest.version_tuple < (9,), reason="pytest reads native TOML from 9 on"
)
ASYNCIO, _, SCOPE = QUIET_ASYNCIO.partition(" = ")
COMMON = f'pythonpath = ["."]\n{ASYNCIO} = "{SCOPE}"\n'
TABLES = {"pytest.toml": "[pytest]", ".pytest.toml": "[pytest]", "pyproject.toml": "[tool.pytest]"}
TEST = "@ttfa(p50_ms=5000)\ndef test_x(perf):\n    assert perf.stream('short')['rtf'].n == 5"
NATIVE = """
ttsperf_target = "engines:Telling"
ttsperf_trials = 5
ttsperf_timeout = 30.5
ttsperf_budget = 60
ttsperf_storage = "kept"
ttsperf_http_preset = "openai"
"""
AS_LISTS = """
ttsperf_provider = ["cpu"]
ttsperf_target_options = ["first_s=0.03", 'voice="7"']
ttsperf_limits = ["ttfa_p50_ms=1500"]
ttsperf_compare_fail = ["ttfa_p95:7.5%"]
ttsperf_http_template = '{"path": "/speak", "body": {"say": "{text}"}}'
"""
AS_TABLES = """
ttsperf_provider = "cpu"
ttsperf_target_options = {first_s = 0.03, voice = "7"}
ttsperf_limits = {ttfa_p50_ms = 1500}
ttsperf_compare_fail = {ttfa_p95 = "7.5%", rtf = 0.05}
ttsperf_http_template = {path = "/speak", body = {say = "{text}"}}
"""


def configure(project: Project, lines: str, name: str = "pytest.toml") -> None:
    (project.path / "tox.ini").unlink(missing_ok=True)
    (project.path / name).write_text(f"{TABLES[name]}\n{COMMON}{lines}")


@pytest.mark.parametrize("name", TABLES)
@pytest.mark.parametrize("more", [AS_LISTS, AS_TABLES], ids=["lists", "tables"])
def test_numbers_lists_and_tables(project: Project, name: str, more: str) -> None:
    project.test(TEST)
    configure(project, NATIVE + more, name)
    project.run("--ttsperf-save").assert_outcomes(passed=1)
    (cell,) = project.cells()
    assert cell["cell"]["target"] == "engines:Telling(first_s=0.03, voice='7')"
    assert cell["summary"]["ttfs_ms"]["p50"] >= 30
    (threshold,) = cell["thresholds"]
    assert (threshold["limit"], threshold["overridden_by"]) == (1500, "ini ttsperf_limits")
    assert len(list(Path(project.path / "kept").glob("*/*.json"))) == 1


def test_texts_are_taken_as_before(project: Project) -> None:
    project.test(TEST)
    texts = NATIVE.replace("= 5\n", '= "5"\n').replace("30.5", '"30.5"').replace("60\n", '"60s"\n')
    configure(project, texts)
    project.run().assert_outcomes(passed=1)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("ttsperf_target = 5", "ini ttsperf_target: found 5 (int), wanted a text"),
        ('ttsperf_voice = ["a"]', "ini ttsperf_voice: found ['a'] (list), wanted a text"),
        ("ttsperf_storage = true", "ini ttsperf_storage: found True (bool), wanted a text"),
        ("ttsperf_trials = true", "ini ttsperf_trials: found True (bool), wanted a number"),
        ("ttsperf_trials = 5.5", "ini ttsperf_trials=5.5; wanted a whole number"),
        ("ttsperf_trials = 0", "ini ttsperf_trials=0; wanted a whole number of at least 1"),
        ("ttsperf_timeout = [30]", "ini ttsperf_timeout: found [30] (list), wanted a number"),
        ("ttsperf_timeout = nan", "timeout=nan; wanted seconds above 0"),
        ("ttsperf_budget = -1", "budget=-1; wanted a time above 0"),
        ("ttsperf_provider = [1]", "ini ttsperf_provider: found 1 (int), wanted a list of texts"),
        ('ttsperf_provider = "cpu \'"', 'ini ttsperf_provider: found "cpu \'" (str), wanted'),
        ("ttsperf_limits = 5", "ini ttsperf_limits: found 5 (int), wanted a list of texts"),
        ("ttsperf_limits = {ttfa_p95_ms = true}", "wanted ttfa_p95_ms=NUMBER"),
        ("ttsperf_limits = {ttfa = 1}", "'ttfa' is no limit"),
        ("ttsperf_target_options = [2]", "ini ttsperf_target_options: found 2 (int), wanted"),
        ("ttsperf_target_options = {a = 2020-01-02}", "(date), wanted texts, numbers"),
        ("ttsperf_compare_fail = {ttfa = 5}", "wanted a change such as '5%' or 0.05"),
        ("ttsperf_http_template = 5", "ini ttsperf_http_template: found 5 (int), wanted a text or"),
        ("ttsperf_inconclusive = 1", "ini ttsperf_inconclusive: found 1 (int), wanted a text"),
    ],
)
def test_a_wrong_type_is_told(project: Project, line: str, message: str) -> None:
    project.test(TEST)
    configure(project, line)
    result = project.run()
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert message in result.stderr.str()
    assert "Traceback" not in result.stderr.str()


def test_the_command_line_wins_over_a_number(project: Project) -> None:
    project.test(TEST.replace("== 5", "== 4"))
    configure(project, NATIVE)
    project.run("--ttsperf-trials=4").assert_outcomes(passed=1)
    project.run("-o", "ttsperf_trials=4").assert_outcomes(passed=1)
