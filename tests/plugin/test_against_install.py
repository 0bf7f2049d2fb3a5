"""`--ttsperf-against-install`: the old code on the dependencies that it had."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from pytest_ttsperf.compare import revisions
from tests.plugin.conftest import Project
from tests.plugin.repository import commit_all, slowdown

BACKEND = '''
"""Builds wheels without a network: one module, or for an editable install the way to it."""
import pathlib, zipfile

HERE = pathlib.Path(__file__).parent
NAME, VERSION = (HERE / "name.txt").read_text().split()

def _wheel(folder, files):
    info = f"{NAME}-{VERSION}.dist-info"
    needs = "".join(f"Requires-Dist: {line}\\n" for line in _needs())
    files = {
        **files,
        f"{info}/METADATA": f"Metadata-Version: 2.1\\nName: {NAME}\\nVersion: {VERSION}\\n{needs}",
        f"{info}/WHEEL": "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n",
    }
    rows = "".join(f"{name},,\\n" for name in [*files, f"{info}/RECORD"])
    wheel = f"{NAME}-{VERSION}-py3-none-any.whl"
    with zipfile.ZipFile(pathlib.Path(folder) / wheel, "w") as archive:
        for name, text in {**files, f"{info}/RECORD": rows}.items():
            archive.writestr(name, text)
    return wheel

def _needs():
    import tomllib
    return tomllib.loads((HERE / "pyproject.toml").read_text())["project"].get("dependencies", [])

def build_wheel(folder, config_settings=None, metadata_directory=None):
    return _wheel(folder, {f"{NAME}.py": (HERE / f"{NAME}.py").read_text()})

def build_editable(folder, config_settings=None, metadata_directory=None):
    return _wheel(folder, {f"{NAME}.pth": str(HERE)})
'''
PROJECT = """
[build-system]
requires = []
build-backend = "backend"
backend-path = ["."]

[project]
name = "{name}"
version = "{version}"
dependencies = [{needs}]
"""


def package(folder: Path, name: str, version: str, needs: str = "") -> None:
    """A project in a folder that pip can install without a network."""
    folder.mkdir(exist_ok=True)
    (folder / "backend.py").write_text(BACKEND)
    (folder / "name.txt").write_text(f"{name} {version}")
    needs = f'"{needs}"' if needs else ""
    text = PROJECT.format(name=name, version=version, needs=needs)
    (folder / "pyproject.toml").write_text(text)


def pause(folder: Path, version: str, first_s: float) -> str:
    """A dependency that decides how soon the engine speaks; how to require it."""
    package(folder, "pause", version)
    (folder / "pause.py").write_text(f"FIRST_S = {first_s}\n")
    return f"pause @ {folder.as_uri()}"


@pytest.mark.usefixtures("one_block")
def test_the_old_code_runs_on_its_own_dependencies(
    repository: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The engine is the same; the release of what it depends on is not."""
    old = pause(tmp_path / "pause-1", "1.0", first_s=0.045)
    new = pause(tmp_path / "pause-2", "2.0", first_s=0.012)
    engines = repository.path / "engines.py"
    engines.write_text(
        "from pause import FIRST_S\n"
        + engines.read_text().replace("first_s=0.012", "first_s=FIRST_S")
    )
    package(repository.path, "engines", "1.0", needs=old)
    commit_all(repository, "on the first release")
    package(repository.path, "engines", "1.0", needs=new)
    commit_all(repository, "on the second")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "pause-2"))

    result = repository.run("--ttsperf-against=HEAD~1", "--ttsperf-against-install")
    result.assert_outcomes(passed=1)
    assert slowdown(repository) < 0.7
    result.stdout.no_fnmatch_line("*declares other dependencies*")


@pytest.fixture
def lent_pip(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Environments borrow the pip of the running one: to unpack another takes two seconds."""
    spec = importlib.util.find_spec("pip")
    assert spec is not None
    assert spec.origin is not None
    lent = tmp_path / "lent"
    lent.mkdir()
    (lent / "pip").symlink_to(Path(spec.origin).parent)
    monkeypatch.setenv("PYTHONPATH", str(lent))
    run = revisions._run_command

    def run_without_pip(command: list[str], what: str) -> None:
        run([*command, "--without-pip"] if "venv" in command else command, what)

    monkeypatch.setattr(revisions, "_run_command", run_without_pip)


@pytest.mark.usefixtures("lent_pip")
def test_dependencies_that_cannot_be_installed_are_told(
    repository: Project, tmp_path: Path
) -> None:
    package(repository.path, "engines", "1.0", needs=f"pause @ {(tmp_path / 'gone').as_uri()}")
    commit_all(repository, "on what is nowhere")
    result = repository.run("--ttsperf-against=HEAD", "--ttsperf-against-install")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    told = "\n".join(result.errlines + result.outlines)
    assert "making its dependencies failed" in told
    assert "gone" in told
