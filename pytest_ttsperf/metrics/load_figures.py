"""What versions are compared by where many listen, and the smallest change of each that counts.

A window gives one number of each figure (docs/adr/0045). Imports nothing slow at the top, as every
pytest run imports it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from pytest_ttsperf.records import Scale


class LoadFigure(NamedTuple):
    """One number of a window, of which more is worse."""

    label: str
    metric: str
    margin: float
    scale: Scale = "ratio"
    unit: str = ""
    is_share: bool = True
    """Whether its margin is a share, which may be written as `5%`, and not a number of things."""
    is_work: bool = False
    """Whether less of it is as bad as more: of what is said, and not how fast."""


FIGURES: Mapping[str, LoadFigure] = {
    "ttfa_typical": LoadFigure("ttfa geometric mean", "ttfa_sound_typical_ms", margin=0.05),
    "ttfa_p95": LoadFigure("ttfa p95", "ttfa_sound_p95_ms", margin=0.10),
    "stalled": LoadFigure(
        "share of stalled answers",
        "stalled_share",
        margin=0.02,
        scale="difference",
    ),
    "goodput": LoadFigure("time per good answer", "good_answer_s", margin=0.05),
    "left_behind": LoadFigure(
        "threads and descriptors left behind by a request",
        "left_behind",
        margin=0.25,
        scale="difference",
        is_share=False,
    ),
    "speech": LoadFigure("speech", "speech_s", margin=0.02, is_work=True),
}
"""The margins are above what two windows of one version differ by (docs/adr/0045)."""
SHORT: Mapping[str, tuple[str, ...]] = {"ttfa": ("ttfa_typical", "ttfa_p95")}
"""Names that stand for several figures."""
