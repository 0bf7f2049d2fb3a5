"""What two versions are compared by: the metrics, and the smallest change of each that counts.

Imports nothing slow at the top, as every pytest run imports it.
"""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, NamedTuple

from pytest_ttsperf.errors import LimitError
from pytest_ttsperf.metrics import load_figures

if TYPE_CHECKING:
    from pytest_ttsperf.records import BlockStatistic, ComparedMetric, Phase, Scale


DEFAULT_MARGIN = 0.03
MOST_OUTSIDE = 0.05
"""Of the texts: what is PASS has surely fewer of them apart."""
MOST_OF_SAMPLE = 1 / 3
"""The same, of the few texts that are listened to: eight without one show it."""
LATER_BY = 0.15
"""A trial that takes so much longer than the median of its text is late, as 1 to 3 in 100 are by
chance in a noisy quarter of an hour (docs/adr/0042)."""
MOST_MORE_LATE = 0.02
"""Of the trials: what is PASS has surely not so many more of them late."""
CLIPPED_TEXT = 0.06
"""Share of clipped samples from which a text counts as clipped: as in the guard `clipping`."""
DEFAULT_BUDGET_S = 60.0
"""Longest time for one comparison, where none is named."""
DEFAULT_LOAD_BUDGET_S = 900.0
"""The same where many listen: windows take half a minute each."""
CEILING_S = 8 * 3600.0
"""Longest time for one comparison whose budget is open."""
OPEN_BUDGET = "open"
"""The word for a budget that ends when all is settled."""
UNITS_S: Mapping[str, float] = {"s": 1.0, "min": 60.0, "h": 3600.0}


class MetricDefault(NamedTuple):
    """What can be compared: a metric, how it is looked at, and on which scale."""

    label: str
    metric: str
    statistic: BlockStatistic
    scale: Scale = "ratio"
    unit: str = ""
    margin: float = DEFAULT_MARGIN
    both_ways: bool = False
    band: float | None = None
    """Of `outside`: how far from the other arms, as a ratio or in the metric's unit; of `late`: how
    far above the median of the arms."""
    event: float | None = None
    """Of a figure that is 0 in most texts: what it is at least in a text that has the event."""

    @property
    def is_share(self) -> bool:
        """Whether its margin is a share, and not in the metric's unit."""
        return self.scale == "ratio" or self.statistic in ("outside", "late")


FIGURES: Mapping[str, MetricDefault] = {
    "ttfa_p50": MetricDefault("ttfa p50", "ttfa_sound_ms", "p50"),
    "ttfa_p95": MetricDefault("ttfa p95", "ttfa_sound_ms", "p95"),
    "ttfa_late": MetricDefault(
        "ttfa late", "ttfa_sound_ms", "late", margin=MOST_MORE_LATE, band=LATER_BY
    ),
    "rtf_p50": MetricDefault("rtf p50", "rtf", "p50"),
    "rtf_p95": MetricDefault("rtf p95", "rtf", "p95"),
    "rtf_late": MetricDefault("rtf late", "rtf", "late", margin=MOST_MORE_LATE, band=LATER_BY),
    "heard_p50": MetricDefault("heard ttfa p50", "ttfa_ms", "p50"),
    "heard_p95": MetricDefault("heard ttfa p95", "ttfa_ms", "p95"),
    "cpu_p50": MetricDefault("cpu p50", "cpu_s_per_audio_s", "p50"),
    "gap_p50": MetricDefault("longest gap p50", "gap_max_ms", "p50"),
    "underruns": MetricDefault("underruns", "underruns", "p50", "difference", event=1.0),
    "rss_peak": MetricDefault("rss peak", "rss_peak_mb", "value"),
}
WORK: Mapping[str, MetricDefault] = {
    "speech": MetricDefault("speech", "speech_s", "p50", margin=0.02, both_ways=True),
    "silence": MetricDefault(
        "silence share", "silence_share", "p50", "difference", margin=0.02, both_ways=True
    ),
    "level": MetricDefault(
        "level", "active_level_dbfs", "p50", "difference", "dB", margin=1.0, both_ways=True
    ),
    "true_peak": MetricDefault(
        "true peak", "true_peak_dbtp", "p50", "difference", "dB", margin=1.0, both_ways=True
    ),
    "bandwidth": MetricDefault("bandwidth", "bandwidth_khz", "p50", margin=0.05, both_ways=True),
    "clipped": MetricDefault(
        "clipped share",
        "clipped_share",
        "p50",
        "difference",
        margin=0.01,
        event=CLIPPED_TEXT,
    ),
    "texts_length": MetricDefault(
        "texts of another length", "speech_s", "outside", "ratio", "", MOST_OUTSIDE, band=0.2
    ),
    "texts_silence": MetricDefault(
        "texts of another silence",
        "silence_share",
        "outside",
        "difference",
        "",
        MOST_OUTSIDE,
        band=0.2,
    ),
    "texts_level": MetricDefault(
        "texts of another level",
        "active_level_dbfs",
        "outside",
        "difference",
        "",
        MOST_OUTSIDE,
        band=6.0,
    ),
    "texts_broken": MetricDefault(
        "texts with broken samples",
        "non_finite",
        "outside",
        "difference",
        "",
        MOST_OUTSIDE,
        band=0.5,
    ),
}
"""What the figures are the price of: compared too, so that nobody gets faster by saying less. The
margins are above what two runs of the same voice differ by (docs/adr/0033)."""
REQUESTED: Mapping[str, MetricDefault] = {
    "words": MetricDefault("word error rate", "wer", "p50", "difference", margin=0.05),
    "worst_run": MetricDefault(
        "texts with a run of wrong words",
        "worst_run",
        "outside",
        "difference",
        margin=MOST_OF_SAMPLE,
        band=2.0,
    ),
    "timbre": MetricDefault("timbre", "timbre_db", "p50", "difference", "dB", margin=1.0),
}
"""What takes a recogniser, or the sound of all arms, and is judged of a sample of the texts."""
DEFAULT = ("ttfa_p50", "ttfa_p95", "rtf_p50")
GATED_FROM_S: Mapping[str, float] = {"ttfa_late": 300.0}
"""Budgets from which these are judged too where nobody names them. With less time unchanged code
would stay undecided too often, so they are shown (docs/adr/0042)."""
GATED_FROM_TEXTS = 900
"""Of each process, and no fewer in that budget: a slow engine speaks too few in it."""
ALL: Mapping[str, MetricDefault] = {**FIGURES, **WORK, **REQUESTED}
SAMPLED = frozenset(figure.metric for figure in REQUESTED.values())
SHORT: Mapping[str, tuple[str, ...]] = {
    "ttfa": ("ttfa_p50", "ttfa_p95"),
    "rtf": ("rtf_p50",),
    "memory": ("rss_peak",),
}
"""Names that stand for several figures, or for the usual one."""
WARM_ONLY = frozenset(
    {
        "ttfa_p95",
        "ttfa_late",
        "heard_p95",
        "rtf_p95",
        "rtf_late",
        "rss_peak",
        "underruns",
        "texts_length",
        "texts_silence",
        "texts_level",
        "texts_broken",
        *REQUESTED,
    }
)
"""What a single start for each block has none of."""


class Accepted(NamedTuple):
    """What a smallest change can be given to."""

    shares: Mapping[str, bool]
    """By figure: whether its margin is a share."""
    short: Mapping[str, tuple[str, ...]]
    """Words that stand for some of the figures."""
    where: str = ""
    """Where they are compared; nothing for everywhere."""

    @property
    def names(self) -> list[str]:
        """All that can be named."""
        return [*self.short, *self.shares]


_SHARES = {name: figure.is_share for name, figure in ALL.items()}
_LOAD_SHARES = {name: figure.is_share for name, figure in load_figures.FIGURES.items()}
ONE_LISTENER = Accepted(_SHARES, SHORT, " where one listens")
UNDER_LOAD = Accepted(_LOAD_SHARES, load_figures.SHORT, " where many listen")
EITHER = Accepted(
    {**_SHARES, **_LOAD_SHARES},
    {**SHORT, "ttfa": tuple(dict.fromkeys((*SHORT["ttfa"], *load_figures.SHORT["ttfa"])))},
)
"""Of a run, whose tests may be of both kinds."""


def budget_s(text: object, source: str) -> float:
    """`60`, `60s`, `1.5min`, `1h` -> seconds, and `open` -> infinity.

    LimitError names the `source` of anything else.
    """
    if str(text).strip() == OPEN_BUDGET:
        return math.inf
    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*(s|min|h)?\s*", str(text))
    seconds = 0.0
    if found:
        seconds = float(found[1]) * UNITS_S[found[2] or "s"]
    if not 0 < seconds < math.inf:
        raise LimitError(f"{source}={text!r}; wanted a time above 0, as 60s or 3min, or open")
    return seconds


def default_figures(budget_s: float, round_s: float | None = None) -> list[str]:
    """What is compared where nobody names anything else, in so much time.

    `round_s` is what one text takes in all processes of a block; None where that is not known.
    """
    longer = [name for name in GATED_FROM_S if budget_s >= gated_from_s(name, round_s)]
    return [*DEFAULT, *longer]


def gated_from_s(name: str, round_s: float | None) -> float:
    """The budget from which a figure is judged where nobody names it."""
    texts_s = 0.0 if round_s is None else GATED_FROM_TEXTS * round_s
    return max(GATED_FROM_S[name], texts_s)


def choose_metrics(
    phase: Phase,
    *margins: Mapping[str, float],
    budget_s: float = DEFAULT_BUDGET_S,
    round_s: float | None = None,
) -> tuple[ComparedMetric, ...]:
    """The metrics of a test: the usual ones (see `default_figures`), and what is named.

    A later mapping wins. What is compared only where many listen is left out.
    """
    merged = {name: ALL[name].margin for name in default_figures(budget_s, round_s)}
    for each in margins:
        merged.update(each)
    return tuple(
        _compared_metric(name, margin)
        for name, margin in merged.items()
        if name in ALL and (phase == "warm" or name not in WARM_ONLY)
    )


def choose_ungated(gates: Iterable[ComparedMetric], phase: Phase) -> tuple[ComparedMetric, ...]:
    """What is shown beside the gates of a test, as its budget is too short to judge it."""
    labels = {gate.label for gate in gates}
    shown = []
    for name in GATED_FROM_S:
        if phase == "cold" and name in WARM_ONLY:
            continue
        if ALL[name].label not in labels:
            shown.append(_compared_metric(name, ALL[name].margin))
    return tuple(shown)


def why_ungated(metric: ComparedMetric, round_s: float | None = None) -> str:
    """When a figure of `choose_ungated` is judged."""
    name, *_ = [name for name in GATED_FROM_S if ALL[name].label == metric.label]
    return (
        f"judged in a budget of {math.ceil(gated_from_s(name, round_s))} s or more "
        f"(--ttsperf-budget), or where @regression({name}=...) names it"
    )


def with_work(compared: Iterable[ComparedMetric], phase: Phase) -> tuple[ComparedMetric, ...]:
    """The metrics of two versions of one target, which are to say the same for the same text."""
    metrics = list(compared)
    labels = {metric.label for metric in metrics}
    for name, default in WORK.items():
        if phase == "cold" and name in WARM_ONLY:
            continue
        if default.label not in labels:
            metrics.append(_compared_metric(name, default.margin))
    return tuple(metrics)


def _compared_metric(name: str, margin: float) -> ComparedMetric:
    from pytest_ttsperf.records import ComparedMetric  # msgspec is slow to import

    default = ALL[name]
    band = default.band
    if band is not None and default.scale == "ratio":
        band = math.log1p(band)
    return ComparedMetric(
        label=default.label,
        metric=default.metric,
        statistic=default.statistic,
        scale=default.scale,
        unit=default.unit,
        margin=margin,
        both_ways=default.both_ways,
        is_work=name in WORK or name in REQUESTED,
        band=band,
        event=default.event,
    )


def margins_of_keywords(keywords: Mapping[str, object], source: str) -> dict[str, float]:
    """Keyword arguments -> figure -> smallest change. LimitError names what is accepted."""
    found: dict[str, float] = {}
    for name, value in keywords.items():
        found.update(_margin(name, value, f"{source}({name}={value!r})", EITHER))
    return found


def margins_of_lines(
    lines: Iterable[str],
    source: str,
    accepted: Accepted = EITHER,
) -> dict[str, float]:
    """`ttfa_p95:7.5%` each -> figure -> smallest change. LimitError names what is accepted."""
    found: dict[str, float] = {}
    for line in lines:
        name, colon, value = (part.strip() for part in line.partition(":"))
        if not colon:
            raise LimitError(f"{source}: {line!r}; wanted FIGURE:CHANGE, as ttfa_p95:7.5%")
        found.update(_margin(name, value, f"{source}: {line!r}", accepted))
    return found


def _margin(
    name: str,
    value: object,
    source: str,
    accepted: Accepted,
) -> dict[str, float]:
    figures = accepted.short.get(name, (name,))
    if figures[0] not in accepted.shares:
        hint = ""
        for near in difflib.get_close_matches(name, accepted.names, n=1):
            hint = f" (did you mean {near!r}?)"
        raise LimitError(
            f"{source}: {name!r} cannot be compared{accepted.where}{hint}; accepted: "
            f"{', '.join(accepted.names)}"
        )
    is_share = accepted.shares[figures[0]]
    margin = _parse_number(value, is_share=is_share)
    if not 0 < margin < math.inf:
        wanted = "a change such as '5%' or 0.05" if is_share else "a number above 0, as 1"
        raise LimitError(f"{source}; wanted {wanted}")
    return dict.fromkeys(figures, margin)


def list_foreign(names: Iterable[str], accepted: Accepted) -> list[str]:
    """Those of the names of which nothing is compared there."""
    foreign = []
    for name in names:
        figures = EITHER.short.get(name, (name,))
        if not accepted.shares.keys() & set(figures):
            foreign.append(name)
    return foreign


def _parse_number(value: object, *, is_share: bool) -> float:
    """nan for what is no number, or none of the kind."""
    text = str(value).strip()
    percent = text.removesuffix("%")
    try:
        number = float(percent)
    except ValueError:
        return math.nan
    if percent != text:
        return number / 100 if is_share else math.nan
    if is_share and number >= 1:
        return math.nan  # 5 for 5 % would be a gate that never fires
    return number
