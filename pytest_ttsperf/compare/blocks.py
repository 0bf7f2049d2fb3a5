"""Blocks: the old code twice and the new code once, in fresh processes that take turns.

All three are started together; when they are warm and quiet, each text is spoken by each of them,
one at a time and in random order. A cold block is one start of each. Gives the numbers of a block;
what follows from them is decided elsewhere.

A server runs already, so its "processes" are connections to one, which speaks each text for both.
What was used a moment ago is faster: so the new one speaks each text twice as well, a server over
two connections, and one of the two is not counted.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from statistics import median
from typing import NamedTuple

from pytest_ttsperf.compare import absence
from pytest_ttsperf.errors import TargetError
from pytest_ttsperf.experiment.plan import Plan, TargetFactory, probe_texts, warmup_texts
from pytest_ttsperf.experiment.trial import (
    OpenTarget,
    merge_tracers,
    open_target,
    run_cold_trial,
    run_trial_or_fail,
    warm_up,
)
from pytest_ttsperf.machine import fingerprint
from pytest_ttsperf.measure import corpus, schedule
from pytest_ttsperf.measure.memory import wait_all_quiet
from pytest_ttsperf.metrics import definitions, validity
from pytest_ttsperf.metrics import stages as metrics_stages
from pytest_ttsperf.real import REAL
from pytest_ttsperf.records import Arms, Block, ComparedMetric, TargetInfo, Trial

TEXTS = 16
"""That each process speaks in the first block; how long that takes says how many in the others."""
FEWEST_TEXTS, MOST_TEXTS = 8, 64
PROCESS_TO_TRIAL = 8.0
"""How much more one trial scatters than the processes of the same code do (docs/adr/0020)."""
ENOUGH_BLOCKS = 20
"""With more of them a t test gains little, and a tail lives on trials: longer ones then."""
QUIET_TIMEOUT_S = 5.0
ARMS = ("old", "twin", "new")
OLD_ARMS = ("old", "twin")
SPARE = "spare"
"""Of the new code once more; it is not counted."""
PER_PROCESS = "rss_peak_mb"
"""The metric that each process has one of, and not each trial."""


class CachedError(Exception):
    """A server does not speak what it has spoken before; the message says which."""


class TracedError(Exception):
    """A debugger or profiler is at work in a target's process; the message says which."""


@dataclass(frozen=True, slots=True)
class ComparisonSpec:
    """What to compare: two sources, the cells of one test, and what each is gated by."""

    old: TargetFactory
    new: TargetFactory
    cells: Mapping[str, tuple[Plan, tuple[ComparedMetric, ...]]]
    """By cell id."""
    against: str
    budget_s: float
    gates_in_run: int
    seed: int = 0
    texts: int | None = None
    """Spoken by each process of a warm block; None for as many as are worth its opening."""

    @property
    def revision(self) -> str | None:
        """The commit that the old code is of; None for anything else."""
        return self.old.tree.revision if self.old.tree else None

    @property
    def is_cold(self) -> bool:
        """Whether each block is a single start of each."""
        return all(plan.phase == "cold" for plan, _ in self.cells.values())

    @property
    def turns(self) -> tuple[str, ...]:
        """Who speaks each text: a process that has two of the arms is asked twice as often."""
        is_uneven = self.old.lifecycle == "external" and self.old != self.new
        return (*ARMS, SPARE) if is_uneven else ARMS


class BlockTrials(NamedTuple):
    """What the arms of one block did in one cell, each with the texts in the same order."""

    trials: dict[str, tuple[Trial, ...]]
    rss_peak_mb: dict[str, float | None]
    spare: tuple[Trial, ...] = ()

    @property
    def seconds(self) -> float:
        """That the trials took, all arms' and the spare ones."""
        told = (one.recording for trials in (*self.trials.values(), self.spare) for one in trials)
        return sum(one.end_ns - one.request_ns for one in told if one) / 1e9


class BlockRunner:
    """Blocks one after the other, each with other texts: as many as are worth three new processes.

    Processes are dear and trials scatter: with both known, so many texts in a block give the least
    deviation in a given time (Cochran 1977, two-stage sampling at a cost). A budget that holds more
    of these blocks than are of use has longer ones.
    """

    def __init__(self, contest: ComparisonSpec) -> None:
        self.notes: list[str] = list(contest.old.tree.notes if contest.old.tree else ())
        self.seconds: list[float] = []
        self.texts = contest.texts or TEXTS
        self._adapts = contest.texts is None and not contest.is_cold
        self._spoken = 0

    def block(self, contest: ComparisonSpec) -> dict[str, BlockTrials]:
        """Run the next block in every cell.

        NotThereError when the old code lacks what is measured, OldFailedError when it does not
        run; CachedError.
        """
        begun = REAL.monotonic()
        number, first = len(self.seconds), self._spoken
        spoken = _block(contest, number, range(first, first + self.texts), self.notes)
        self.seconds.append(REAL.monotonic() - begun)
        if number == 0:
            refuse_silent_old(contest, {cell: [one] for cell, one in spoken.items()})
        self._spoken += 1 if contest.is_cold else self.texts
        if self._adapts:
            trials_s = sum(one.seconds for one in spoken.values())
            self.texts = texts_worth(
                self.seconds[-1] - trials_s, trials_s / self.texts, contest.budget_s
            )
            self._adapts = False
        return spoken


def texts_worth(opening_s: float, round_s: float, budget_s: float) -> int:
    """How many texts a block best has, by the time it takes to open and that of one text in all."""
    if round_s <= 0:
        return TEXTS
    opening_s = max(opening_s, 0.0)
    best = PROCESS_TO_TRIAL * math.sqrt(opening_s / round_s)
    roomy = (budget_s / ENOUGH_BLOCKS - opening_s) / round_s
    return round(min(max(best, roomy, FEWEST_TEXTS), MOST_TEXTS))


def _block(
    contest: ComparisonSpec, number: int, places: range, notes: list[str]
) -> dict[str, BlockTrials]:
    """One block in every cell, of the texts at those places behind the ones spoken before."""
    order = random.Random(f"{contest.seed}/{number}")  # noqa: S311 - an order, no secret
    if contest.is_cold:
        return {
            cell: _run_cold_block(contest, plan, places[:1], order)
            for cell, (plan, _) in contest.cells.items()
        }
    with _open_target(contest) as arms:
        if number == 0:
            notes += [*_differences(arms), *_two_starts(contest)]
        spoken = {
            cell: _warm_block(contest, arms, plan, _texts(plan, places), order, notes)
            for cell, (plan, _) in contest.cells.items()
        }
        if number == 0:
            for cell, (plan, _) in contest.cells.items():
                _refuse_caches(arms, plan, spoken[cell])
            for arm in ARMS:
                opened = arms[arm]  # which is asked once more where its code came from
                _refuse_tracers(opened.source, opened.ready, opened.target.inspect().tracers)
    return spoken


def _refuse_tracers(
    source: TargetFactory, ready: TargetInfo, tracers: tuple[str, ...] = ()
) -> None:
    """TracedError for a target that is slowed down by what looks on."""
    found = merge_tracers(ready.tracers, tracers)
    if found:
        raise TracedError(
            f"{source.spec.label} was traced by {', '.join(found)}: what was compared is the "
            "tracer's as much as the engine's; run without it"
        )


@contextmanager
def _open_target(contest: ComparisonSpec) -> Iterator[dict[str, OpenTarget]]:
    """Fresh processes, opened at the same time and warmed; all closed in the end."""
    sources = {"old": contest.old, "twin": contest.old, "new": contest.new}
    if SPARE in contest.turns and contest.new.lifecycle == "external":
        sources[SPARE] = contest.new
    with ThreadPoolExecutor(len(sources)) as pool:
        opening = {arm: pool.submit(open_target, one, warm=True) for arm, one in sources.items()}
    failed = {arm: future.exception() for arm, future in opening.items()}
    opened = {arm: opening[arm].result() for arm in sources if failed[arm] is None}
    try:
        for arm in reversed(sources):  # what ails the new code is told first
            error = failed[arm]
            if arm in OLD_ARMS and isinstance(error, TargetError):
                raise absence.explain(contest.old, contest.against, error) from error
            if error is not None:
                raise error
        yield {turn: opened[turn if turn in opened else "new"] for turn in contest.turns}
    finally:
        for one in opened.values():
            one.close()


def refuse_silent_old(contest: ComparisonSpec, blocks: Mapping[str, Sequence[BlockTrials]]) -> None:
    """OldFailedError, or NotThereError, where the old code did not speak most texts of a cell."""
    for one in blocks.values():
        trials = [trial for spoken in one for arm in OLD_ARMS for trial in spoken.trials[arm]]
        absence.refuse_silence(contest.old, contest.against, trials)


def _warm_block(
    contest: ComparisonSpec,
    arms: Mapping[str, OpenTarget],
    plan: Plan,
    texts: Sequence[str],
    order: random.Random,
    notes: list[str],
) -> BlockTrials:
    for arm, one in arms.items():
        try:
            for _ in warm_up(one, plan):
                pass
        except TargetError as error:
            if arm in OLD_ARMS:
                raise absence.explain(contest.old, contest.against, error) from error
            raise
    if not wait_all_quiet([one.meter for one in arms.values() if one.meter], QUIET_TIMEOUT_S):
        notes.append(
            f"the targets kept working for {QUIET_TIMEOUT_S:g} s, and so disturb each other"
        )
    spoken: dict[str, list[Trial]] = {arm: [] for arm in arms}
    for step in schedule.schedule_trials(texts, "trial"):
        for arm in order.sample(list(arms), len(arms)):
            spoken[arm].append(run_trial_or_fail(arms[arm], step, plan.mode, with_usage=False))
    return BlockTrials(
        {arm: tuple(spoken[arm]) for arm in ARMS},
        {arm: _peak_mb(arms[arm]) for arm in ARMS},
        tuple(spoken.get(SPARE, ())),
    )


def _refuse_caches(arms: Mapping[str, OpenTarget], plan: Plan, spoken: BlockTrials) -> None:
    """CachedError for a server that answers a text of this block far faster than a new one.

    It was asked for each text more than once, and for all of them if it was compared before.
    """
    for arm in ("old", "new"):
        opened = arms[arm]
        if opened.source.lifecycle != "external":
            continue
        probes = [
            run_trial_or_fail(opened, step, plan.mode, with_usage=False)
            for step in schedule.schedule_trials(
                probe_texts(plan, spoken.trials[arm][0].text), "probe"
            )
        ]
        rtfs = [definitions.rtf(one.recording) if one.recording else None for one in probes]
        told = [(known, new) for known, new in zip(rtfs[::2], rtfs[1::2], strict=True)
                if known is not None and new is not None]  # fmt: skip
        if told and validity.is_cache(told):
            known, new = (median(values) for values in zip(*told, strict=True))
            raise CachedError(
                f"{opened.source.spec.shown} answers a text that it has spoken from a cache (rtf "
                f"{known:.2g} against {new:.2g} for a new one), and here each text is asked for "
                "again and again: switch the cache off"
            )


def _two_starts(contest: ComparisonSpec) -> list[str]:
    servers = [one.spec.shown for one in (contest.old, contest.new) if one.lifecycle == "external"]
    if not servers or contest.old == contest.new:
        return []
    return [
        f"{' and '.join(servers)}: one start in all blocks, so what two starts of the same code "
        "differ by is in the change"
    ]


def _peak_mb(opened: OpenTarget) -> float | None:
    usage = opened.meter.usage() if opened.meter else None
    return usage.rss_peak_bytes / 1e6 if usage else None


def _run_cold_block(
    contest: ComparisonSpec, plan: Plan, places: range, order: random.Random
) -> BlockTrials:
    (step,) = schedule.schedule_cold_trials(_texts(plan, places))
    (second,) = warmup_texts(plan, 1)
    spoken: dict[str, tuple[Trial, ...]] = {}
    for arm in order.sample(ARMS, len(ARMS)):
        source = contest.new if arm == "new" else contest.old
        try:
            trial, ready, _ = run_cold_trial(source, step, second, plan.mode)
            _refuse_tracers(source, ready)
        except TargetError as error:
            if arm != "new":
                raise absence.explain(contest.old, contest.against, error) from error
            raise
        spoken[arm] = (trial,)
    return BlockTrials(spoken, dict.fromkeys(ARMS))


def _texts(plan: Plan, places: range) -> Sequence[str]:
    """The texts of a block: behind those that the limits were judged by, others in each block.

    When all were spoken they start again: in fresh processes, as each block has them.
    """
    if not corpus.is_preset(plan.text):
        return [plan.text] * len(places)
    pool = corpus.texts(plan.text, corpus.trial_count(plan.text))
    return [pool[(plan.first + plan.trials + place) % len(pool)] for place in places]


def _differences(arms: Mapping[str, OpenTarget]) -> list[str]:
    """What the arms run on, where it is not the same: `threads 1 -> 2`."""
    old, new = (fingerprint.identity(arms[arm].ready) for arm in ("old", "new"))
    return [
        f"{name} {old.get(name)} -> {new.get(name)}"
        for name in sorted({*old, *new})
        if old.get(name) != new.get(name)
    ]


# Numbers


def summarise_block(spoken: BlockTrials, metric: str) -> Block:
    """What one gate is judged by, and where the time went."""
    if metric == PER_PROCESS:
        return Block(metric=Arms(**{arm: (spoken.rss_peak_mb[arm],) for arm in ARMS}))
    told = {
        arm: [metrics_stages.stages_ms(trial, whole=metric.startswith("rtf")) for trial in trials]
        for arm, trials in spoken.trials.items()
    }
    stages = sorted({name for each in told.values() for one in each if one for name in one[1]})
    return Block(
        metric=_arms(
            {
                arm: definitions.sample(metric, trials).values
                for arm, trials in spoken.trials.items()
            },
            above_zero=not metric.startswith("underruns"),
        ),
        elapsed_ms=_arms({arm: [one and one[0] for one in each] for arm, each in told.items()})
        if stages
        else None,
        stages_ms={
            name: _arms(
                {arm: [one and one[1].get(name, 0.0) for one in each] for arm, each in told.items()}
            )
            for name in stages
        },
    )


def _arms(values: Mapping[str, Sequence[float | None]], *, above_zero: bool = False) -> Arms:
    """By arm; 0 is no latency, but something that was not measured."""
    return Arms(
        **{
            arm: tuple(
                None if value is None or (above_zero and value <= 0) else value for value in each
            )
            for arm, each in values.items()
        }
    )
