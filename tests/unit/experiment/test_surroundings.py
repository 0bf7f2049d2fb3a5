"""A later process starts from where the first one did."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from pytest_ttsperf.experiment.surroundings import read_surroundings


@pytest.fixture
def before(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A folder, and variables and a search path that are put back in the end."""
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.setenv("TTSPERF_CHANGED", "before")
    monkeypatch.delenv("TTSPERF_ADDED", raising=False)
    folder = tmp_path / "before"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


def change(folder: Path) -> None:
    """What a test does before it measures."""
    os.environ["TTSPERF_CHANGED"] = "after"
    os.environ["TTSPERF_ADDED"] = "new"
    sys.path.append("somewhere")
    folder.mkdir()
    os.chdir(folder)


def test_variables_folder_and_search_path_are_as_they_were_meanwhile(
    before: Path, tmp_path: Path
) -> None:
    surroundings = read_surroundings()
    change(tmp_path / "after")
    with surroundings.restored():
        assert os.environ["TTSPERF_CHANGED"] == "before"
        assert "TTSPERF_ADDED" not in os.environ
        assert "somewhere" not in sys.path
        assert Path.cwd() == before
    assert os.environ["TTSPERF_CHANGED"] == "after"
    assert os.environ.pop("TTSPERF_ADDED") == "new"
    assert "somewhere" in sys.path
    assert Path.cwd() == tmp_path / "after"


def test_also_after_an_error(before: Path, tmp_path: Path) -> None:
    surroundings = read_surroundings()
    change(tmp_path / "after")
    with pytest.raises(ValueError, match="no model"), surroundings.restored():
        raise ValueError("no model")
    assert os.environ.pop("TTSPERF_ADDED") == "new"
    assert Path.cwd() == tmp_path / "after"


@pytest.mark.skipif(sys.platform != "linux", reason="others keep a folder that is in use")
def test_a_folder_that_is_gone_is_gone_afterwards(before: Path, tmp_path: Path) -> None:
    surroundings = read_surroundings()
    change(tmp_path / "after")
    (tmp_path / "after").rmdir()
    with surroundings.restored():
        assert Path.cwd() == before
    os.environ.pop("TTSPERF_ADDED")
    assert read_surroundings().folder is None


def test_secrets_among_the_variables_are_not_shown(before: Path) -> None:
    os.environ["TTSPERF_CHANGED"] = "sk-secret"
    assert "sk-secret" not in repr(read_surroundings())
