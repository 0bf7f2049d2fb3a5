"""How pytest runs in a scratch project: without what that has no use for."""

from __future__ import annotations

OF_OTHERS = ("anyio", "benchmark", "hypothesispytest", "randomly")
"""Plugins that a run of a scratch project has no use for: importing them takes a second."""
OF_PYTEST = ("legacypath", "pastebin", "setuponly", "setupplan", "stepwise")
"""And of pytest: a fifth of a small run is the registering of plugins."""
UNUSED = OF_OTHERS + OF_PYTEST
LIGHT = " ".join(
    ["--no-header", "--assert=plain", "--ttsperf-report=no", *(f"-p no:{name}" for name in UNUSED)]
)
"""To list all plugins at the top, and to look for modules to rewrite, reads what is installed; and
hardly any test looks at the pages of its run."""
