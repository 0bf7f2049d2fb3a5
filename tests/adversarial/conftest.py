"""Liars are measured in the same scratch projects as everything else, by the real plugin."""

from __future__ import annotations

from tests.plugin.conftest import _compile_once, forks, project

__all__ = ["_compile_once", "forks", "project"]
