"""What a window offers, drawn before anything is measured: instants, texts, listeners, hang-ups.

All of it is a function of a seed, so that two versions that are compared get the same window. In an
open loop the instants are those of a Poisson process (the users of a service know nothing of one
another) or come at even intervals; nobody waits for an answer, as in wrk2 and in loadgen's server
scenario. In a closed loop a listener asks again after its answer, and only the first instant of
each is drawn.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import mean
from typing import NamedTuple

import numpy as np

from pytest_ttsperf.errors import MeasurementError
from pytest_ttsperf.measure import corpus
from pytest_ttsperf.records import LoadSpec, OfferedRequest, Trace

NS_PER_S = 1_000_000_000
FIRST_S = 1.0
"""Within which the listeners of a closed loop begin, so that they are not in step; all of them
before anything is counted."""
HANG_UP_SHARE = 0.5
"""Of the requests, where listeners hang up."""
LAST_HANG_UP = 8
"""Chunks: a listener hangs up after 1 to so many, each as likely. A shorter answer ends before."""


class WindowPlan(NamedTuple):
    """How long a window is: at least so long, and so many requests if they come soon enough."""

    lead_s: float = 5.0
    """At the beginning: arrivals are sent and not counted."""
    counted_s: float = 20.0
    least_requests: int = 60
    most_s: float = 120.0
    """Beyond it nobody waits for the least number of requests, but for the fewest."""
    fewest_requests: int = 10
    """However long they take: of fewer there is no 95th percentile (`window_limits`)."""

    def counting(self, counted_s: float) -> WindowPlan:
        """A window in which requests are counted so long, a shorter one shortened in all parts.

        A longer one has the same lead, and the same least number of requests.
        """
        share = min(1.0, counted_s / self.counted_s)
        return self.shortened(share)._replace(counted_s=counted_s)

    def shortened(self, share: float) -> WindowPlan:
        """This share of the window, in all its parts."""
        return WindowPlan(
            lead_s=share * self.lead_s,
            counted_s=share * self.counted_s,
            least_requests=math.ceil(share * self.least_requests),
            most_s=share * self.most_s,
            fewest_requests=math.ceil(share * self.fewest_requests),
        )

    def length_s(self, request_s: float) -> float:
        """How long requests are counted if each takes up so much of a window, on average."""
        longest_s = max(self.most_s, self.fewest_requests * request_s)
        return max(self.counted_s, min(self.least_requests * request_s, longest_s))


def draw_trace(load: LoadSpec, texts: Sequence[str], *, seed: int, plan: WindowPlan) -> Trace:
    """Draw one window. The same seed gives the same trace.

    MeasurementError without any text, and for a load that is none.

    Counted are at least `plan.least_requests` on average: a window that would hold fewer is longer,
    but for requests that come so slowly that it would take more than `plan.most_s`. How many a
    closed loop of `pace="played"` makes is estimated by how long its texts are spoken; with
    `pace="greedy"` that is not known, and its listeners ask so often that `plan.counted_s` stands
    as it is.
    """
    if not texts:
        raise MeasurementError("found no text to be spoken under load, wanted at least one")
    if (load.listeners or load.rate or 0) <= 0:
        raise MeasurementError(
            f"found listeners={load.listeners} and rate={load.rate}, wanted one of them above 0"
        )
    generator = np.random.default_rng(seed)
    counted_s = plan.length_s(_seconds_per_request(load, texts))
    if load.rate is not None:
        requests = _draw_open(load, texts, generator, plan.lead_s + counted_s)
    else:
        requests = _draw_closed(load, texts, generator, min(FIRST_S, plan.lead_s))
    return Trace(
        seed=seed,
        lead_s=plan.lead_s,
        counted_s=counted_s,
        requests=tuple(requests),
    )


def _seconds_per_request(load: LoadSpec, texts: Sequence[str]) -> float:
    """How much of a window a request takes up, on average; 0 where that is not known before."""
    if load.rate is not None:
        return 1 / load.rate
    if load.listeners is None or load.pace == "greedy":
        return 0.0
    return (mean(map(_spoken_s, texts)) + load.think_s) / load.listeners


def _spoken_s(text: str) -> float:
    """About how long a text lasts, as `corpus` estimates it."""
    least_s, _ = corpus.speech_band_s(text)
    return least_s / corpus.LEAST


def _draw_open(
    load: LoadSpec,
    texts: Sequence[str],
    generator: np.random.Generator,
    seconds: float,
) -> list[OfferedRequest]:
    """Requests until the end of the window, each of a listener of its own."""
    instants_ns = _draw_instants(load, generator, seconds)
    drawn = _draw_texts(texts, len(instants_ns), generator)
    hang_ups = _draw_hang_ups(load, len(instants_ns), generator)
    return [
        OfferedRequest(index=index, listener=index, text=text, at_ns=at_ns, hang_up_after=chunks)
        for index, (at_ns, text, chunks) in enumerate(
            zip(instants_ns, drawn, hang_ups, strict=True)
        )
    ]


def _draw_instants(load: LoadSpec, generator: np.random.Generator, seconds: float) -> list[int]:
    """When requests come, in ns from the beginning of the window."""
    assert load.rate is not None
    mean_s = 1 / load.rate
    if load.arrivals == "constant":
        count = math.ceil(seconds * load.rate)
        at_s = np.arange(count) * mean_s
    else:
        enough = math.ceil(seconds * load.rate + 10 * math.sqrt(seconds * load.rate) + 10)
        at_s = np.cumsum(generator.exponential(mean_s, enough))
        at_s = at_s[at_s < seconds]
    instants: list[int] = (at_s * NS_PER_S).astype(np.int64).tolist()
    return instants


def _draw_closed(
    load: LoadSpec,
    texts: Sequence[str],
    generator: np.random.Generator,
    first_s: float,
) -> list[OfferedRequest]:
    """As many turns as there are texts: in each turn every listener has a request.

    No text comes twice before the listeners have used up their own, which in a window of usual
    length they never do; only where there are fewer texts than listeners some share one.
    """
    listeners = load.listeners or 0
    turns = max(1, len(texts) // listeners)
    first_ns = generator.integers(0, max(1, int(first_s * NS_PER_S)), listeners).tolist()
    drawn = _draw_texts(texts, turns * listeners, generator)
    hang_ups = _draw_hang_ups(load, turns * listeners, generator)
    requests = []
    for index, (text, chunks) in enumerate(zip(drawn, hang_ups, strict=True)):
        turn, listener = divmod(index, listeners)
        requests.append(
            OfferedRequest(
                index=index,
                listener=listener,
                text=text,
                at_ns=first_ns[listener] if turn == 0 else None,
                hang_up_after=chunks,
            )
        )
    return requests


def _draw_texts(texts: Sequence[str], count: int, generator: np.random.Generator) -> list[str]:
    """So many texts in random order; all are used before one comes again."""
    drawn: list[str] = []
    while len(drawn) < count:
        order = generator.permutation(len(texts)).tolist()
        drawn += [texts[place] for place in order]
    return drawn[:count]


def _draw_hang_ups(
    load: LoadSpec,
    count: int,
    generator: np.random.Generator,
) -> list[int | None]:
    """After how many chunks each request is hung up; None for those that are listened to."""
    if not load.hangs_up:
        return [None] * count
    chunks = generator.integers(1, LAST_HANG_UP + 1, count).tolist()
    is_hung_up = generator.random(count) < HANG_UP_SHARE
    return [number if is_cut else None for number, is_cut in zip(chunks, is_hung_up, strict=True)]
