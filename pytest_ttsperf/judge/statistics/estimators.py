"""Blocks of processes, and the one number per block that a change is judged by.

A block is the baseline twice and the candidate once or twice, measured in turns in the same minutes
on the same texts. It gives one number for the candidate against the baseline, and one for each
version against itself, whose true value is 0: the controls. All are orthogonal, so the controls
cost no precision. Two of them also say how much processes scatter, which makes few blocks enough.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from typing import NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt

from pytest_ttsperf.records import Arms, BlockStatistic, Scale

Array = npt.NDArray[np.float64]
Part = TypeVar("Part")

CONFIDENCE = 0.95
TRIM = 0.2
TAILS = {"p95": 0.95, "p99": 0.99}
BASELINES = 2
"""The first arms are of the old code: baseline and control."""


class Effects(NamedTuple):
    """One number per block each; logs on the scale `ratio`, the metric's unit otherwise."""

    candidate: Array
    """Against the baseline."""
    controls: tuple[Array, ...]
    """The baseline against itself; where there are four arms the candidate against itself too."""

    @property
    def control(self) -> Array:
        """The baseline against itself."""
        return self.controls[0]


class Estimate(NamedTuple):
    """A mean over blocks, its standard error and degrees of freedom."""

    mean: float
    error: float
    freedom: int
    blocks: int

    @classmethod
    def of(cls, per_block: Array) -> Estimate:
        """Over at least two blocks; scatter that is only rounding counts as none."""
        freedom = per_block.size - 1
        squares = float(np.square(per_block - per_block.mean()).sum())
        return cls._of_squares(per_block, squares, freedom)

    @classmethod
    def pooled(cls, per_block: Array, controls: Sequence[Array]) -> Estimate:
        """Over at least two blocks, by the scatter of both versions against themselves as well.

        With four arms the candidate's number is half the sum of two processes minus half that of
        two others, and a control the difference of two: its square is twice the variance of a
        process, of which the number has a quarter from each. So half the squares of both controls
        together have the same expectation as two squares of the number, whether or not processes
        of one version scatter more than those of the other. Where the number scatters more than
        they say, as the versions take the machine's moods differently, that is the error.
        """
        alone = cls.of(per_block)
        squares = float(np.square(per_block - per_block.mean()).sum())
        freedom = alone.freedom
        for control in controls:
            squares += float(np.square(control).sum()) / 2
            freedom += control.size
        together = cls._of_squares(per_block, squares, freedom)
        return together.with_least_error(alone.error)

    @classmethod
    def _of_squares(cls, per_block: Array, squares: float, freedom: int) -> Estimate:
        error = math.sqrt(squares / freedom / per_block.size)
        rounding = 1e-12 * float(np.abs(per_block).max())
        if error <= rounding:
            error = 0.0
        return cls(
            mean=float(per_block.mean()),
            error=error,
            freedom=freedom,
            blocks=per_block.size,
        )

    def with_least_error(self, least_error: float) -> Estimate:
        """The same, no surer than the values' own resolution lets anyone be (`resolution`)."""
        return self._replace(error=max(self.error, least_error))

    def p_above(self, level: float) -> float:
        """One-sided t: the chance of so high a mean if the truth is `level`."""
        gap = self.mean - level
        if self.error == 0:
            return 0.0 if gap > 0 else 1.0
        return float(self.p_of(gap / self.error, self.blocks, self.freedom))

    @staticmethod
    def p_of(
        t: npt.ArrayLike,
        blocks: npt.ArrayLike,
        freedom: npt.ArrayLike,
    ) -> Array:
        """One-sided, for means that are so many standard errors above the truth; or arrays."""
        from scipy import special

        del blocks  # these count for what is looked at more than once
        # What stats.t.sf comes to, without checks that take a hundred times as long.
        return np.asarray(special.stdtr(freedom, np.negative(t)), dtype=float)

    def p_below(self, level: float) -> float:
        """One-sided t: the chance of so low a mean if the truth is `level`."""
        return self.mirrored.p_above(-level)

    @property
    def mirrored(self) -> Estimate:
        """Of the numbers with their signs changed."""
        return self._replace(mean=-self.mean)

    def p_apart(self, level: float) -> float:
        """Two-sided t."""
        one_sided = min(self.p_above(level), self.p_below(level))
        return min(1.0, 2 * one_sided)

    def interval(self, confidence: float = CONFIDENCE) -> tuple[float, float]:
        """Two-sided, 95 % unless another confidence is wanted."""
        from scipy import special

        alpha = (1 - confidence) / 2
        half_width = -float(special.stdtrit(self.freedom, alpha)) * self.error
        return self.mean - half_width, self.mean + half_width


def effects(
    metrics: Sequence[Arms],
    statistic: BlockStatistic,
    scale: Scale,
    trim: float = TRIM,
) -> Effects:
    """Compare the candidate with the baseline, and each with itself, block by block.

    The middle: how the arms differ text by text, as in `levels`, without the share `trim` at either
    end. On the scale `difference` nothing is trimmed, as an underrun in one text of ten would not
    be seen.
    A tail: how far the middle moved, plus how much later the late texts are than is usual for their
    text: Harrell-Davis quantiles of each arm's `tail_residuals` over all blocks, and the delete-one
    jackknife to see how far these can be trusted. Of four arms one candidate at a time stands
    beside the baselines: a text that both are late in would be half as late beside the other.
    Raises ValueError for a number of 0 or less on the scale `ratio`.
    """
    is_tail = statistic in TAILS
    if scale == "difference" and not is_tail:
        trim = 0.0
    values = [_on_scale(drop_incomplete(arms), scale) for arms in metrics]
    arm_levels = levels(values, trim)
    candidate, *controls = contrasts(arm_levels.T)
    if not is_tail:
        return Effects(candidate, tuple(controls))
    residuals = []
    for block, block_levels in zip(values, arm_levels, strict=True):
        residuals.append(_residuals_by_candidate(block, block_levels))
    level = TAILS[statistic]
    tail = leave_one_out(lambda some: _tail_contrasts(some, level), residuals)
    candidate_tail, *control_tails = tail.T
    together = []
    for control, control_tail in zip(controls, control_tails, strict=True):
        together.append(control + control_tail)
    return Effects(candidate + candidate_tail, tuple(together))


def levels(values: Sequence[Array], trim: float = TRIM) -> Array:
    """Where each arm stands beside the others: [blocks, ..., arms] from [..., arms, texts] each.

    The mean over all arms, itself among them, of how it differs from each: the trimmed mean over
    texts. By pairs, because the difference of two arms of the same code is symmetric, and
    trimming leaves its middle where it is. The candidate minus the mean of both baselines is not
    symmetric, and its trimmed mean is not 0 for the same code (docs/adr/0020).
    """
    pairs = []
    for arms in values:
        rows = arms[..., :, np.newaxis, :]
        columns = arms[..., np.newaxis, :, :]
        pairs.append(rows - columns)
    means = trim_mean(pairs, trim)
    return np.asarray(means.mean(axis=-1), dtype=float)


def tail_residuals(arms: Array, arm_levels: Array) -> Array:
    """What each of [arms, texts] is above its arm's level [arms] and what is usual for its text.

    Usual is the median of the arms, to which each contributes alike: centred on the baselines
    alone, these would scatter less than the candidate, and that looks like a longer tail. What
    makes a text or a moment slow is in all of them and drops out.
    """
    above = arms - arm_levels[:, np.newaxis]
    return np.asarray(above - np.median(above, axis=0), dtype=float)


def _residuals_by_candidate(arms: Array, arm_levels: Array) -> Array:
    """[candidates, 3, texts]: the baselines beside each of the candidate's arms."""
    each = []
    for candidate in range(BASELINES, len(arms)):
        rows = [*range(BASELINES), candidate]
        each.append(tail_residuals(arms[rows], arm_levels[rows]))
    return np.stack(each)


def is_missing(arms: Arms) -> npt.NDArray[np.bool_]:
    """[arms, texts]: which texts could not be measured in which arm."""
    return ~np.isfinite(arms.array())


def missing_rates(metrics: Sequence[Arms]) -> Effects:
    """How the share of texts that could not be measured differs, block by block."""
    per_block = []
    for arms in metrics:
        shares = is_missing(arms).mean(axis=1)
        per_block.append(contrasts(shares))
    candidate, *controls = np.array(per_block).T
    return Effects(candidate, tuple(controls))


def find_outside(arms: Arms, scale: Scale, band: float) -> npt.NDArray[np.bool_]:
    """[3, texts]: in which texts an arm is further than `band` from two that are not.

    Of the first three arms: where the candidate errs for the same texts each time, a second one of
    it would agree with the first. A text that one arm did not measure, and one in which all three
    differ, is nobody's. Raises ValueError for a number of 0 or less on the scale `ratio`.
    """
    values = _on_scale(drop_incomplete(arms)[:3], scale)
    outside = np.zeros(values.shape, dtype=bool)
    for arm in range(len(values)):
        one, other = np.delete(values, arm, axis=0)
        is_far = (np.abs(values[arm] - one) > band) & (np.abs(values[arm] - other) > band)
        outside[arm] = is_far & (np.abs(one - other) <= band)
    return outside


def contrasts(arms: Array) -> Array:
    """Turn arms [3 or 4, ...] into [2 or 3, ...]: the candidate against the baseline, the controls.

    candidate - mean(both baselines), baseline - control; of four arms mean(both candidates) -
    mean(both baselines), baseline - control, candidate - its control.
    """
    baseline, control, *candidates = arms
    usual = (baseline + control) / 2
    rows = [np.mean(candidates, axis=0) - usual, baseline - control]
    if len(candidates) > 1:
        candidate, candidate_control = candidates
        rows.append(candidate - candidate_control)
    return np.stack(rows)


def trim_mean(values: Sequence[Array], trim: float = TRIM) -> Array:
    """Mean over the last axis of each, without the share `trim` at either end."""
    from scipy import stats

    shapes = {each.shape for each in values}
    if len(shapes) == 1:
        # One call for all blocks, as each call of scipy has a cost of its own.
        means = stats.trim_mean(np.stack(values), trim, axis=-1)
        return np.asarray(means)
    means = [stats.trim_mean(each, trim, axis=-1) for each in values]
    return np.stack(means)


def leave_one_out(
    figure: Callable[[Sequence[Part]], Array],
    parts: Sequence[Part],
) -> Array:
    """Give each part's number in a figure of all parts, by the delete-one jackknife (Tukey 1958).

    From figures [k] comes [parts, k]: its mean is the figure of all parts, and the standard error
    of that mean is the jackknife's.
    """
    count = len(parts)
    figures = []
    for index in range(count):
        others = [*parts[:index], *parts[index + 1 :]]
        figures.append(figure(others))
    without = np.array(figures)
    shifts = without.mean(axis=0) - without
    return np.asarray(figure(parts) + (count - 1) * shifts)


def _tail_contrasts(residuals: Sequence[Array], level: float) -> Array:
    """From [candidates, 3, texts] of each block."""
    pooled = np.concatenate(residuals, axis=-1)
    candidates, _, count = pooled.shape
    if count < 2:
        return np.zeros(1 + candidates)  # one value has no tail
    tails = np.array([harrell_davis(each, level) for each in pooled])
    baselines = tails[:, :BASELINES].mean(axis=0)
    return contrasts(np.concatenate([baselines, tails[:, BASELINES]]))


def harrell_davis(values: Array, level: float) -> Array:
    """Quantiles [rows] of [rows, values], as scipy.stats.mstats.hdquantiles has them, but sooner.

    Of rows with two values or more.
    """
    weights = _harrell_davis_weights(values.shape[1], level)
    quantiles = [np.dot(weights, row) for row in np.sort(values, axis=1)]
    return np.array(quantiles)


@functools.lru_cache(maxsize=256)
def _harrell_davis_weights(count: int, level: float) -> Array:
    """How much each of so many sorted values counts in their quantile at `level`.

    The jackknife asks for the same few counts again and again; scipy works them out each time.
    """
    from scipy import stats

    steps = np.arange(count + 1) / count
    shares = stats.beta.cdf(steps, (count + 1) * level, (count + 1) * (1 - level))
    return np.asarray(np.diff(shares), dtype=float)


def drop_incomplete(arms: Arms) -> Array:
    """Only the texts that all arms measured."""
    values = arms.array()
    is_complete = np.isfinite(values).all(axis=0)
    return np.asarray(values[:, is_complete], dtype=float)


def _on_scale(values: Array, scale: Scale) -> Array:
    if scale == "difference":
        return values
    if (values <= 0).any():
        raise ValueError(
            f"found {values.min():g} among the numbers of a block, wanted all above 0; compare a "
            "metric that can be 0 by differences"
        )
    return np.asarray(np.log(values), dtype=float)
