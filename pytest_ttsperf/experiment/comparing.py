"""New against old, side by side: runs blocks of three processes until each gate can be judged.

A block is the old code twice and the new code once, started together; when all are warm and quiet,
each text is spoken by all three, one at a time and in random order. A cold block is one start of
each. What is decided from them, and how surely, is judge.change's.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import NamedTuple

from msgspec import structs

from pytest_ttsperf import environment
from pytest_ttsperf.errors import TargetError, WrongTree
from pytest_ttsperf.experiment.plan import Plan, Source, warmup_texts
from pytest_ttsperf.experiment.sampling import (
    Opened,
    cold_trial,
    open_target,
    speak_or_fail,
    warm_up,
)
from pytest_ttsperf.judge import change
from pytest_ttsperf.measure import corpus, interleave
from pytest_ttsperf.measure.resources import wait_all_quiet
from pytest_ttsperf.metrics import definitions
from pytest_ttsperf.records import (
    Arms,
    Block,
    Change,
    Comparison,
    Gate,
    Look,
    Outcome,
    Trial,
    Verdict,
)

TEXTS = 16
QUIET_TIMEOUT_S = 5.0
OVERRUN = 1.5
"""How far beyond its budget a comparison may go when blocks get slower on the way."""
ARMS = ("old", "twin", "new")
PER_PROCESS = "rss_peak_mb"
"""The metric that each process has one of, and not each trial."""
Tell = Callable[[str], None]


class NotThereError(Exception):
    """The old code cannot be opened the way the new one is; the message says why."""


@dataclass(frozen=True, slots=True)
class Contest:
    """What to compare: two sources, the cells of one test, and what each is gated by."""

    old: Source
    new: Source
    cells: Mapping[str, tuple[Plan, tuple[Gate, ...]]]
    """By cell id."""
    against: str
    budget_s: float
    gates_in_run: int
    seed: int = 0
    texts: int | None = None
    """Spoken by each process of a warm block; None for the usual number."""

    @property
    def revision(self) -> str | None:
        """The commit that the old code is of; None for anything else."""
        return self.old.tree.revision if self.old.tree else None

    @property
    def is_cold(self) -> bool:
        """Whether each block is a single start of each."""
        return all(plan.phase == "cold" for plan, _ in self.cells.values())


class Spoken(NamedTuple):
    """What the arms of one block did in one cell, each with the texts in the same order."""

    trials: dict[str, tuple[Trial, ...]]
    rss_peak_mb: dict[str, float | None]


Blocks = dict[str, list[Spoken]]


def compare(contest: Contest, tell: Tell) -> dict[str, Comparison]:
    """Run blocks within the budget and judge each cell, by cell id.

    What keeps the old code from being compared is INCONCLUSIVE with the reason; TargetError when
    the new code fails.
    """
    begun = time.monotonic()
    blocks: Blocks = {cell: [] for cell in contest.cells}
    notes: list[str] = []
    outcome, judged = Outcome.INCONCLUSIVE, {}
    try:
        look, reason = _run(contest, blocks, notes, tell)
        judged = {
            cell: _judged(contest, cell, blocks[cell], look)
            for cell in (contest.cells if reason is None else ())
        }
        judged = _confirmed(contest, blocks, judged, notes, tell)
    except NotThereError as error:
        reason = str(error)
    except WrongTree as error:
        outcome, reason = Outcome.INVALID, str(error)
    finally:
        tell("")
    if reason is not None:
        empty = Comparison(
            against=contest.against,
            revision=contest.revision,
            seconds=time.monotonic() - begun,
            seed=contest.seed,
            outcome=outcome,
            reason=reason,
        )
        return {
            cell: structs.replace(empty, gates=gates) for cell, (_, gates) in contest.cells.items()
        }
    return {
        cell: Comparison(
            against=contest.against,
            revision=contest.revision,
            blocks=len(blocks[cell]),
            seconds=time.monotonic() - begun,
            seed=contest.seed,
            notes=tuple(dict.fromkeys(notes)),
            gates=tuple(gate for gate, _ in changes),
            changes=tuple(structs.replace(found, raw=()) for _, found in changes),
            measured={
                gate.metric: tuple(numbers(one, gate.metric) for one in blocks[cell])
                for gate, _ in changes
            },
        )
        for cell, changes in judged.items()
    }


def verdicts(comparison: Comparison) -> list[Verdict]:
    """One verdict for each gate of a comparison."""
    if comparison.reason is not None:
        return [
            Verdict(
                subject=f"against {comparison.against}",
                outcome=comparison.outcome,
                reason=comparison.reason,
                gate="trust" if comparison.outcome is Outcome.INVALID else "change",
            )
        ]
    return [
        Verdict(
            subject=f"{gate.label} against {comparison.against}",
            outcome=found.outcome,
            reason=found.reason,
            gate="change",
            metric=gate.metric,
            statistic=gate.statistic if gate.statistic != "value" else None,
            improved=found.improved,
            value=found.effect,
            limit=found.delta,
            unit=gate.unit,
            n=found.blocks,
            p_value=found.p_slower,
        )
        for gate, found in zip(comparison.gates, comparison.changes, strict=True)
    ]


class _Clock(NamedTuple):
    """How long the blocks so far took, each."""

    seconds: tuple[float, ...]

    def plan(self, budget_s: float) -> change.Plan | None:
        """How many blocks there will be; None while it is too early to tell.

        The first block is not like the others: it also fills the page cache.
        """
        first, *others = self.seconds
        if others:
            return change.plan(budget_s - first + others[0], others[0])
        return change.plan(budget_s, first) if 2 * first > budget_s else None


def _run(contest: Contest, blocks: Blocks, notes: list[str], tell: Tell) -> tuple[Look, str | None]:
    """Fill `blocks`. Gives the look they are for, and why there are too few to look at."""
    clock, planned = _Clock(()), None
    while planned is None or len(clock.seconds) < planned.blocks:
        begun = time.monotonic()
        _add(blocks, run_block(contest, len(clock.seconds), notes))
        clock = _Clock((*clock.seconds, time.monotonic() - begun))
        planned = planned or clock.plan(contest.budget_s)
        if planned is None:
            continue
        if planned.shortfall:
            return "end", planned.shortfall
        done, spent_s = len(clock.seconds), sum(clock.seconds)
        left_s = (planned.blocks - done) * spent_s / done
        tell(
            f"against {contest.against}: {done} of {planned.blocks} blocks, "
            f"about {max(1, round(left_s))} s left"
        )
        if done == planned.early_at and _is_decided(contest, blocks):
            return "early", None
        if spent_s > OVERRUN * contest.budget_s:
            notes.append(f"stopped after {done} of {planned.blocks} blocks, which got slower")
            break
    return "end", None


def _is_decided(contest: Contest, blocks: Blocks) -> bool:
    """Whether every gate of every cell is decided at the early look."""
    return all(
        found.outcome is not Outcome.INCONCLUSIVE
        for cell in contest.cells
        for _, found in _judged(contest, cell, blocks[cell], "early")
    )


def _judged(
    contest: Contest, cell: str, blocks: Sequence[Spoken], look: Look
) -> list[tuple[Gate, Change]]:
    _, gates = contest.cells[cell]
    found = [
        change.decide(
            [numbers(spoken, gate.metric) for spoken in blocks],
            delta=gate.delta,
            statistic=gate.statistic,
            scale=gate.scale,
            unit=gate.unit,
            look=look,
        )
        for gate in gates
    ]
    return list(zip(gates, change.void_by_control(found), strict=True))


def _confirmed(
    contest: Contest,
    blocks: Blocks,
    judged: dict[str, list[tuple[Gate, Change]]],
    notes: list[str],
    tell: Tell,
) -> dict[str, list[tuple[Gate, Change]]]:
    """FAILs judged once more, with as many fresh blocks, where a run has many gates."""
    doubted = {
        cell
        for cell, changes in judged.items()
        if any(change.needs_confirmation(found, contest.gates_in_run) for _, found in changes)
    }
    if not doubted:
        return judged
    again = replace(contest, cells={cell: contest.cells[cell] for cell in doubted})
    count = max(len(blocks[cell]) for cell in doubted)
    fresh: Blocks = {cell: [] for cell in doubted}
    for at in range(count):
        tell(f"against {contest.against}: confirming a FAIL, {at} of {count} fresh blocks")
        _add(fresh, run_block(again, count + at, notes))
    for cell in doubted:
        pooled = [
            change.confirm(found, [numbers(one, gate.metric) for one in fresh[cell]])
            if change.needs_confirmation(found, contest.gates_in_run)
            else found
            for gate, found in judged[cell]
        ]
        gates = contest.cells[cell][1]
        judged[cell] = list(zip(gates, change.void_by_control(pooled), strict=True))
        blocks[cell] += fresh[cell]
    return judged


# Blocks


def _add(blocks: Blocks, one: Mapping[str, Spoken]) -> None:
    for cell, spoken in one.items():
        blocks[cell].append(spoken)


def run_block(contest: Contest, number: int, notes: list[str]) -> dict[str, Spoken]:
    """One block in every cell. NotThereError when the old code cannot be opened or spoken with."""
    order = random.Random(f"{contest.seed}/{number}")  # noqa: S311 - an order, no secret
    if contest.is_cold:
        return {
            cell: _cold_block(contest, plan, number, order)
            for cell, (plan, _) in contest.cells.items()
        }
    with _opened(contest) as arms:
        if number == 0:
            notes += _differences(arms)
        spoken = {
            cell: _warm_block(
                arms, plan, _texts(plan, number, contest.texts or TEXTS), order, notes
            )
            for cell, (plan, _) in contest.cells.items()
        }
        if number == 0:
            for arm in ARMS:
                arms[arm].target.inspect()  # asks once more where the code came from
    return spoken


@contextmanager
def _opened(contest: Contest) -> Iterator[dict[str, Opened]]:
    """Three fresh processes, opened at the same time and warmed; all closed in the end."""
    sources = {"old": contest.old, "twin": contest.old, "new": contest.new}
    with ThreadPoolExecutor(len(ARMS)) as pool:
        opening = {arm: pool.submit(open_target, sources[arm], warm=True) for arm in ARMS}
    failed = {arm: future.exception() for arm, future in opening.items()}
    opened = {arm: opening[arm].result() for arm in ARMS if failed[arm] is None}
    try:
        for arm in reversed(ARMS):  # what ails the new code is told first
            error = failed[arm]
            if error is not None and arm != "new" and isinstance(error, TargetError):
                raise _not_there(contest, error)
            if error is not None:
                raise error
        yield opened
    finally:
        for one in opened.values():
            one.close()


def _not_there(contest: Contest, error: TargetError) -> Exception:
    if isinstance(error, WrongTree):
        return error
    first = str(error).strip().splitlines()[0]
    return NotThereError(
        f"new: {contest.against} cannot be opened as it is now ({first}); there is nothing to "
        "compare with"
    )


def _warm_block(
    arms: Mapping[str, Opened],
    plan: Plan,
    texts: Sequence[str],
    order: random.Random,
    notes: list[str],
) -> Spoken:
    for arm in ARMS:
        for _ in warm_up(arms[arm], plan):
            pass
    if not wait_all_quiet([meter for arm in ARMS if (meter := arms[arm].meter)], QUIET_TIMEOUT_S):
        notes.append(
            f"the targets kept working for {QUIET_TIMEOUT_S:g} s, and so disturb each other"
        )
    spoken: dict[str, list[Trial]] = {arm: [] for arm in ARMS}
    for step in interleave.steps(texts, "trial"):
        for arm in order.sample(ARMS, len(ARMS)):
            spoken[arm].append(speak_or_fail(arms[arm], step, plan.mode, with_usage=False))
    return Spoken(
        {arm: tuple(trials) for arm, trials in spoken.items()},
        {arm: _peak_mb(arms[arm]) for arm in ARMS},
    )


def _peak_mb(opened: Opened) -> float | None:
    return opened.meter.usage().rss_peak_bytes / 1e6 if opened.meter else None


def _cold_block(contest: Contest, plan: Plan, number: int, order: random.Random) -> Spoken:
    (step,) = interleave.cold_steps(_texts(plan, number, 1))
    (second,) = warmup_texts(plan, 1)
    spoken: dict[str, tuple[Trial, ...]] = {}
    for arm in order.sample(ARMS, len(ARMS)):
        source = contest.new if arm == "new" else contest.old
        try:
            trial, _, _ = cold_trial(source, step, second, plan.mode)
        except TargetError as error:
            if arm != "new":
                raise _not_there(contest, error) from error
            raise
        spoken[arm] = (trial,)
    return Spoken(spoken, dict.fromkeys(ARMS))


def _texts(plan: Plan, number: int, count: int) -> Sequence[str]:
    """The texts of a block: behind those that the limits were judged by, others in each block.

    When all were spoken they start again: in fresh processes, as each block has them.
    """
    if not corpus.is_preset(plan.text):
        return [plan.text] * count
    pool = corpus.texts(plan.text, corpus.trial_count(plan.text))
    first = plan.first + plan.trials + number * count
    return [pool[(first + at) % len(pool)] for at in range(count)]


def _differences(arms: Mapping[str, Opened]) -> list[str]:
    """What the arms run on, where it is not the same: `threads 1 -> 2`."""
    old, new = (environment.identity(arms[arm].ready) for arm in ("old", "new"))
    return [
        f"{name} {old.get(name)} -> {new.get(name)}"
        for name in sorted({*old, *new})
        if old.get(name) != new.get(name)
    ]


# Numbers


def numbers(spoken: Spoken, metric: str) -> Block:
    """What one gate is judged by, and where the time went."""
    if metric == PER_PROCESS:
        return Block(metric=Arms(**{arm: (spoken.rss_peak_mb[arm],) for arm in ARMS}))
    told = {
        arm: [definitions.stages_ms(trial, whole=metric.startswith("rtf")) for trial in trials]
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
