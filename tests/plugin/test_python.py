"""`--ttsperf-python` and its ini line: a provider on an interpreter of its own."""

from __future__ import annotations

import sys
import venv
from pathlib import Path

import pytest

from tests.plugin.conftest import Project

TEST = "@trials(2)\n@ttfa(max_ms=60000)\ndef test_x(perf):\n    perf.stream('short')"
# Tells which environment's package it has found.
FLAVOURED = """
from engines import *

try:
    from flavour import NAME
except ImportError:
    NAME = "running"

class Flavoured(Telling):
    def placement(self):
        return {**super().placement(), "runtime": NAME, "runtime_version": sys.prefix}
"""
TARGET = "--ttsperf-target=flavoured:Flavoured"


@pytest.fixture
def environment(project: Project, tmp_path: Path) -> Path:
    """An environment with one package, for a target that says where it got it from."""
    folder = tmp_path / "other"
    venv.create(folder, symlinks=True)
    packages_of(folder).joinpath("flavour.py").write_text("NAME = 'other'\n")
    project.pytester.makepyfile(flavoured=FLAVOURED)
    project.test(TEST)
    return folder


def packages_of(folder: Path) -> Path:
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    return folder / "lib" / version / "site-packages"


def runtimes(project: Project) -> dict[str, str]:
    """By provider: the environment that its target was opened in."""
    found = {}
    for cell in project.cells():
        found[cell["cell"]["provider"]] = cell["ready"]["placement"]["runtime"]
    return found


def test_only_the_provider_that_is_named_runs_on_that_interpreter(
    project: Project, environment: Path
) -> None:
    option = f"--ttsperf-python=cpu={environment}/bin/python"
    project.run(TARGET, "--ttsperf-provider=cpu,cuda", option)
    assert runtimes(project) == {"cpu": "other", "cuda": "running"}
    folder = project.cells()[0]["ready"]["placement"]["runtime_version"]
    assert Path(folder).resolve() == environment.resolve()


def test_the_folder_of_an_environment_will_do_and_ini_starts_at_the_root(
    project: Project, environment: Path
) -> None:
    link = project.path / ".venv-other"
    link.symlink_to(environment)
    project.ini(
        ttsperf_target="flavoured:Flavoured",
        ttsperf_provider="cpu",
        ttsperf_python="\n    cpu=.venv-other",
    )
    project.run().assert_outcomes(passed=1)
    assert runtimes(project) == {"cpu": "other"}


def test_the_code_of_the_project_wins_over_a_copy_in_that_environment(
    project: Project, environment: Path
) -> None:
    stale = packages_of(environment) / "engines.py"
    stale.write_text("raise RuntimeError('the copy that was installed long ago')\n")
    project.run(TARGET, f"--ttsperf-python=cpu={environment}").assert_outcomes(passed=1)
    assert runtimes(project) == {"cpu": "other"}


def test_packages_of_pythonpath_do_not_win_over_those_of_that_environment(
    project: Project, environment: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "flavour.py").write_text("NAME = 'of PYTHONPATH'\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    project.run(TARGET, f"--ttsperf-python=cpu={environment}").assert_outcomes(passed=1)
    assert runtimes(project) == {"cpu": "other"}


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("cpu", "wanted PROVIDER=PATH, as openvino="),
        ("=x", "wanted PROVIDER=PATH"),
        ("cpu=/nowhere/python", "/nowhere/python is no program"),
    ],
)
def test_what_names_no_interpreter_is_an_error_before_any_test(
    project: Project, value: str, words: str
) -> None:
    project.test(TEST)
    result = project.run(f"--ttsperf-python={value}")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert words in "\n".join(result.errlines + result.outlines)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--ttsperf-inline",), "*leave it out, or --ttsperf-inline*"),
        (("--ttsperf-target=http://127.0.0.1:9",), "*is not imported, so no interpreter can be*"),
    ],
)
def test_a_target_that_no_interpreter_of_ours_opens_is_an_error(
    project: Project, environment: Path, options: tuple[str, ...], words: str
) -> None:
    option = f"--ttsperf-python=cpu={environment}"
    result = project.run("--ttsperf-provider=cpu", option, *options)
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines([words])
