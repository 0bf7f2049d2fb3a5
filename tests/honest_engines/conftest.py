"""A scratch project that has the honest engines beside its test."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from engine.cache import VARIABLE
from tests.plugin.conftest import (  # noqa: F401  (fixtures)
    Project,
    _compile_once,
    forks,
    project,
    usual_warm_ups,
)

FOLDER = Path(__file__).parent
MODULES = {"engines.py": "honest.py", "packages.py": "packages.py"}
CACHE = os.environ.get("XDG_CACHE_HOME", str(Path.home() / ".cache"))
ENGINE_CACHE = os.environ.get(VARIABLE, "")
"""As it was before tests of the engine name one for this run, which lacks what they do not open."""


@pytest.fixture
def honest_project(
    project: Project,  # noqa: F811
    usual_warm_ups: None,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> Project:
    """With `honest:OneChunk` and the like as targets.

    pytester has another home, where our engine would derive its graphs anew.
    """
    monkeypatch.setenv("XDG_CACHE_HOME", CACHE)
    monkeypatch.setenv(VARIABLE, ENGINE_CACHE)
    for name, copy in MODULES.items():
        shutil.copy(FOLDER / name, project.path / copy)
    return project
