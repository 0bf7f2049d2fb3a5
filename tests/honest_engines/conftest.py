"""A scratch project that has the honest engines beside its test."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.plugin.conftest import (  # noqa: F401  (fixtures)
    Project,
    _compile_once,
    forks,
    project,
)

FOLDER = Path(__file__).parent
MODULES = {"engines.py": "honest.py", "packages.py": "packages.py"}


@pytest.fixture
def honest_project(project: Project) -> Project:  # noqa: F811
    """With `honest:OneChunk` and the like as targets."""
    for name, copy in MODULES.items():
        shutil.copy(FOLDER / name, project.path / copy)
    return project
