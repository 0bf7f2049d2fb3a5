"""How well the sound on one side of a joint continues that on the other, sample by sample.

Both sides together give one linear predictor (autoregressive, covariance method; Makhoul, "Linear
prediction: a tutorial review", 1975). What it leaves unexplained across the joint is compared with
what it would leave if there were one sample more, or one less. Sound that goes on is best as it is;
where the sides do not belong together, moving one of them helps.

A pulse of the voice, or the burst of a consonant, is as great a surprise as a broken joint; but no
shift makes it less of one.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

Samples = NDArray[np.float64]

REACH_S = 0.015
"""Of sound on either side of a joint: two pitch periods or more, and less than any usual chunk."""
ORDER_S = 1 / 600
"""How far back the predictor looks: longer than the vocal tract rings for one formant's period."""
FEWEST_COEFFICIENTS, MOST_COEFFICIENTS = 24, 64
CROSSING_SHARE = 0.6
"""Of the order: errors right after a joint, where most of what a shift leaves is. At low rates, all
of them are looked at: a few errors are by chance as if shifted."""
RIDGE = 1e-8
"""Of the mean power: keeps the equations solvable where the sound is band-limited."""


class Predictor(NamedTuple):
    """Error filter of shape (order + 1,), oldest sample first, and its mean squared error."""

    error_filter: Samples
    error_power: float


def unexplained_share(left: Samples, right: Samples, sample_rate: int) -> float | None:
    """The share of the prediction error at a joint that one sample more or less takes away.

    `left` and `right` have shape (frames,), end and begin at the joint, and hold REACH_S each. At
    most 1; below 0 where the sound is best as it is. None where the sides are too short.
    Forward and backward prediction are averaged: a pulse of the voice surprises only one of them.
    """
    order = int(sample_rate * ORDER_S)
    order = min(max(order, FEWEST_COEFFICIENTS), MOST_COEFFICIENTS)
    if min(left.size, right.size) < 3 * order:
        return None
    products = _mean_products(left, right, order + 1)
    forward = _error_shares(left, right, products)
    backward = _error_shares(right[::-1], left[::-1], products[::-1, ::-1])
    return float(((forward + backward) / 2).max())


def _mean_products(left: Samples, right: Samples, length: int) -> Samples:
    """Of any two samples of a window, over all windows that do not cross the joint.

    Shape (length, length). Turned around, they are those of the sound played backwards.
    """
    windows = np.concatenate(
        (sliding_window_view(left, length), sliding_window_view(right, length))
    )
    products: Samples = windows.T @ windows / len(windows)
    return products


def _error_shares(left: Samples, right: Samples, products: Samples) -> Samples:
    """Shares of the error that go with one sample less, and with one more; shape (2,)."""
    predictor = _fit(products)
    order = len(products) - 1
    count = max(int(order * CROSSING_SHARE), FEWEST_COEFFICIENTS)
    past = left[-order:]
    as_it_is = _errors(predictor, past, right, count)
    one_less = _errors(predictor, past, right[1:], count)
    error = float(as_it_is @ as_it_is)
    scale = error + count * predictor.error_power
    if scale <= 0:
        return np.zeros(2)
    error_with_less = float(one_less @ one_less)
    error_with_more = _error_with_one_more(predictor, past, right, count)
    return np.array([error - error_with_less, error - error_with_more]) / scale


def _fit(products: Samples) -> Predictor:
    """The least mean squared error of the last sample of a window, from those before it."""
    past = products[:-1, :-1]
    power = float(np.trace(past)) / len(past)
    ridge = np.eye(len(past)) * (power * RIDGE + np.finfo(float).tiny)
    coefficients = np.linalg.solve(past + ridge, products[:-1, -1])
    error_filter = np.append(-coefficients, 1.0)
    error_power = float(error_filter @ products @ error_filter)
    return Predictor(error_filter, max(error_power, 0.0))


def _errors(predictor: Predictor, past: Samples, following: Samples, count: int) -> Samples:
    """Prediction errors of the first `count` samples that follow `past`."""
    joined = np.concatenate((past, following[:count]))
    errors: Samples = sliding_window_view(joined, past.size + 1) @ predictor.error_filter
    return errors


def _error_with_one_more(predictor: Predictor, past: Samples, right: Samples, count: int) -> float:
    """Squared errors with the sample between the sides that suits them best.

    It adds an error of its own: the sum is that of `count` errors.
    """
    around_zero = np.concatenate(([0.0], right))
    errors = _errors(predictor, past, around_zero, count + 1)
    answer = predictor.error_filter[::-1][: count + 1]
    best = -(errors @ answer) / (answer @ answer)
    left_over = errors + best * answer
    return float(left_over @ left_over) * count / (count + 1)
