"""The windows of a comparison under load as a table: one row a block, one column an arm."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

from pytest_ttsperf.load.window_blocks import ARMS, count_served
from pytest_ttsperf.records import Comparison, LoadWindow

HEADS = ("block", "old", "old again", "new", "new again", "new / old")
WIDTH = 10


def text(found: Mapping[str, Comparison], load: str) -> str:
    """A table for each preset that was compared; `load` is the label of the load.

    Empty where nothing was compared.
    """
    lines: list[str] = []
    for preset, comparison in found.items():
        if comparison.windows:
            lines += _table(preset, load, comparison)
    return "\n".join(lines)


def _table(preset: str, load: str, comparison: Comparison) -> Iterator[str]:
    yield f"{preset}, {load}: ttfa p95 of each window, in ms"
    yield _row(HEADS)
    by_arm = [comparison.windows[arm] for arm in ARMS]
    for number, windows in enumerate(zip(*by_arm, strict=True), start=1):
        cells = [_number(window.ttfa_sound_p95_ms) for window in windows]
        yield _row((str(number), *cells, _change(windows)))
    yield _row(("stalled", *map(_stalled, by_arm), ""))
    yield _row(("unserved", *map(_unserved, by_arm), ""))


def _row(cells: tuple[str, ...]) -> str:
    return "  " + "".join(cell.rjust(WIDTH) for cell in cells)


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.1f}"


def _change(windows: tuple[LoadWindow, ...]) -> str:
    """The ratio of geometric means, as a change; nothing where a window has no number."""
    logs = []
    for window in windows:
        if not window.ttfa_sound_p95_ms:
            return "-"
        logs.append(math.log(window.ttfa_sound_p95_ms))
    old = (logs[0] + logs[1]) / 2
    new = (logs[2] + logs[3]) / 2
    return f"{100 * math.expm1(new - old):+.1f} %"


def _stalled(windows: tuple[LoadWindow, ...]) -> str:
    """`3/240`: of all answers of an arm."""
    measured = [window for window in windows if window.stalled is not None]
    if not measured:
        return "-"
    stalled = sum(window.stalled or 0 for window in measured)
    return f"{stalled}/{sum(map(count_served, measured))}"


def _unserved(windows: tuple[LoadWindow, ...]) -> str:
    """`0/240`: requests that were refused, failed or held back, of all that were offered."""
    unserved = sum(window.refused + window.failed + window.capped for window in windows)
    return f"{unserved}/{sum(window.offered for window in windows)}"
