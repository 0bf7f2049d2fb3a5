"""`@regression(ttfa="5%", rtf="10%")`, ini `ttsperf_compare_fail` and `--ttsperf-compare-fail`.

They say what a test is compared by with another version, and the smallest change that counts. The
command line wins over the mark, the mark over ini, per figure.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import pytest

from pytest_ttsperf import figures
from pytest_ttsperf.errors import LimitError

if TYPE_CHECKING:
    from pytest_ttsperf.records import Gate, Phase

MARK = "regression"
DESCRIPTION = (
    "(ttfa='5%', rtf='10%', ...): the smallest change that makes a comparison with another version "
    "fail (--ttsperf-against)"
)


def gates(
    mark: pytest.Mark | None, told: Mapping[str, float], ini: Mapping[str, float], phase: Phase
) -> tuple[Gate, ...]:
    """The gates of a test. LimitError for a mark that cannot be understood."""
    return figures.gates(phase, ini, {} if mark is None else _marked(mark), told)


def _marked(mark: pytest.Mark) -> dict[str, float]:
    if mark.args:
        raise LimitError(
            f"@{MARK} takes keywords only, such as ttfa='5%'; "
            f"accepted: {', '.join(figures.names())}"
        )
    return figures.of_keywords(mark.kwargs, f"@{MARK}")
