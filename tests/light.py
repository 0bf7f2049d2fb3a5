"""How pytest runs in a scratch project: without what that has no use for."""

from __future__ import annotations

UNUSED = ("anyio", "benchmark", "hypothesispytest", "randomly")
"""Plugins that a run of a scratch project has no use for: importing them takes a second."""
LIGHT = " ".join(
    ["--no-header", "--assert=plain", "--ttsperf-report=no", *(f"-p no:{name}" for name in UNUSED)]
)
"""To list all plugins at the top, and to look for modules to rewrite, reads what is installed; and
hardly any test looks at the pages of its run."""
