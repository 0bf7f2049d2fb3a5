"""The test that load_quality.py runs: with the load that its environment names, or one listener."""

from __future__ import annotations

import json
import os
from typing import Any

LOAD = "LOAD_OF_CASE"
"""Variable: keywords of `perf.stream`, in JSON; without it one listener."""


def test_load(perf: Any) -> None:
    """Compared with another version; it has no limits of its own."""
    perf.stream("short", **json.loads(os.environ.get(LOAD, "{}")))
