"""Blocks of three processes, and the one number per block that a change is judged by.

A block is the old code twice and the new code once, measured in turns in the same minutes on the
same texts. It gives a number for new against old, and one for old against old, whose true value is
known: the control. The two are orthogonal, so the control costs no precision.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt

from pytest_ttsperf.records import Arms, Judged, Scale

Array = npt.NDArray[np.float64]
Part = TypeVar("Part")

CONFIDENCE = 0.95
TRIM = 0.2
TAILS = {"p95": 0.95, "p99": 0.99}


class Effects(NamedTuple):
    """One number per block each; logs on the scale `ratio`, the metric's unit otherwise."""

    new: Array
    control: Array


class Estimate(NamedTuple):
    """A mean over blocks, its standard error and degrees of freedom."""

    mean: float
    error: float
    freedom: int

    @classmethod
    def of(cls, per_block: Array) -> Estimate:
        """Over at least two blocks; scatter that is only rounding counts as none."""
        error = float(per_block.std(ddof=1)) / math.sqrt(per_block.size)
        rounding = 1e-12 * float(np.abs(per_block).max())
        return cls(float(per_block.mean()), error if error > rounding else 0.0, per_block.size - 1)

    def p_above(self, level: float) -> float:
        """One-sided t: the chance of so high a mean if the truth is `level`."""
        from scipy import stats

        gap = self.mean - level
        if self.error == 0:
            return 0.0 if gap > 0 else 1.0
        return float(stats.t.sf(gap / self.error, self.freedom))

    def p_below(self, level: float) -> float:
        """One-sided t: the chance of so low a mean if the truth is `level`."""
        return Estimate(-self.mean, self.error, self.freedom).p_above(-level)

    def p_apart(self, level: float) -> float:
        """Two-sided t."""
        return min(1.0, 2 * min(self.p_above(level), self.p_below(level)))

    def interval(self) -> tuple[float, float]:
        """95 %, two-sided."""
        from scipy import stats

        reach = float(stats.t.isf((1 - CONFIDENCE) / 2, self.freedom)) * self.error
        return self.mean - reach, self.mean + reach


def effects(metrics: Sequence[Arms], statistic: Judged, scale: Scale) -> Effects:
    """Compare new with old and old with old, block by block.

    The middle: how the arms differ text by text, as `levels` has it. On the scale `difference`
    nothing is trimmed, as an underrun in one text of ten would not be seen.
    A tail: by how much the middle moved, and beyond that by how much later the late ones are than
    is usual for their text: Harrell-Davis quantiles of each arm's lateness over all blocks, and the
    delete-one jackknife to see how far they can be trusted.
    Raises ValueError for a number of 0 or less on the scale `ratio`.
    """
    values = [_on_scale(_pair(arms.array()), scale) for arms in metrics]
    is_tail = statistic in TAILS
    placed = levels(values, TRIM if is_tail or scale == "ratio" else 0.0)
    new, control = contrasts(placed.T)
    if is_tail:
        late = [tail_residuals(*both) for both in zip(values, placed, strict=True)]
        tail = leave_one_out(lambda some: _tail_contrasts(some, TAILS[statistic]), late)
        new, control = new + tail[:, 0], control + tail[:, 1]
    return Effects(new, control)


def levels(values: Sequence[Array], trim: float = TRIM) -> Array:
    """Where each arm stands beside the others: [blocks, ..., 3] from [..., 3, texts] each.

    The mean over all three arms, itself among them, of how it differs from each: the trimmed mean
    over texts. By pairs, because what two arms of the same code differ by is symmetric, and
    trimming leaves its middle where it is. New minus the mean of both old arms is not, and its
    trimmed mean is not 0 for the same code (docs/adr/0020).
    """
    pairs = [arms[..., :, np.newaxis, :] - arms[..., np.newaxis, :, :] for arms in values]
    return np.asarray(trim_mean(pairs, trim).mean(axis=-1), dtype=float)


def tail_residuals(arms: Array, placed: Array) -> Array:
    """What each of [3, texts] is above its arm's level [3] and what is usual for its text.

    Usual is the median of the three arms, in which each has the same part: centred on the old ones
    alone, these would scatter less than the new one, and that looks like a longer tail. What makes
    a text slow, or a moment, is in all three and drops out.
    """
    above = arms - placed[:, np.newaxis]
    return np.asarray(above - np.median(above, axis=0), dtype=float)


def missing_rates(metrics: Sequence[Arms]) -> Effects:
    """Share of texts that could not be measured, new against old and old against old."""
    gone = [~np.isfinite(arms.array()) for arms in metrics]
    per_block = np.array([contrasts(each.mean(axis=1)) for each in gone])
    return Effects(per_block[:, 0], per_block[:, 1])


def contrasts(arms: Array) -> Array:
    """Turn arms [3, ...] into [2, ...]: new - mean(old, twin), and old - twin."""
    old, twin, new = arms
    return np.stack([new - (old + twin) / 2, old - twin])


def trim_mean(values: Sequence[Array], trim: float = TRIM) -> Array:
    """Mean over the last axis of each, without the share `trim` at either end."""
    from scipy import stats

    alike = len({each.shape for each in values}) == 1
    batches = [np.stack(values)] if alike else [each[np.newaxis] for each in values]
    return np.concatenate([stats.trim_mean(batch, trim, axis=-1) for batch in batches])


def leave_one_out(figure: Callable[[Sequence[Part]], Array], parts: Sequence[Part]) -> Array:
    """Give each part's number in a figure of all parts, by the delete-one jackknife (Tukey 1958).

    From figures [k] comes [parts, k]: its mean is the figure of all parts, and the standard error
    of that mean is the jackknife's.
    """
    without = np.array([figure([*parts[:i], *parts[i + 1 :]]) for i in range(len(parts))])
    return np.asarray(figure(parts) + (len(parts) - 1) * (without.mean(axis=0) - without))


def _tail_contrasts(late: Sequence[Array], level: float) -> Array:
    from scipy.stats import mstats

    pooled = np.concatenate(late, axis=1)
    tails = np.asarray(mstats.hdquantiles(pooled, prob=[level], axis=1), dtype=float)
    return contrasts(tails[:, 0])


def _pair(values: Array) -> Array:
    """Only the texts that all three arms measured."""
    return np.asarray(values[:, np.isfinite(values).all(axis=0)], dtype=float)


def _on_scale(values: Array, scale: Scale) -> Array:
    if scale == "difference":
        return values
    if (values <= 0).any():
        raise ValueError(
            f"found {values.min():g} among the numbers of a block, wanted all above 0; compare a "
            "metric that can be 0 by differences"
        )
    return np.asarray(np.log(values), dtype=float)
