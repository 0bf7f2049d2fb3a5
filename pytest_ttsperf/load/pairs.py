"""Is the candidate worse under load? Pairs of windows in, a verdict for each figure out.

All listeners of a window share its queue, so they are no independent witnesses: a window gives one
number of each figure. Four windows make a block, and replay one trace: the baseline twice and the
candidate twice, each in fresh processes. These are two pairs, and each version against itself is a
control. The t rule of single streams judges them (docs/adr/0045). Pure: starts, reads and writes
nothing.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from msgspec import structs

from pytest_ttsperf.judge.statistics import always_valid, t_rule
from pytest_ttsperf.judge.statistics.attribution import attribute, describe
from pytest_ttsperf.judge.statistics.estimators import effects
from pytest_ttsperf.judge.statistics.t_rule import (
    BlockPlan,
    Contrast,
    Levels,
    blocks_needed,
    plural,
)
from pytest_ttsperf.metrics import stages as metrics_stages
from pytest_ttsperf.records import (
    Arms,
    Block,
    ChangeVerdict,
    ComparedMetric,
    LoadWindow,
    Outcome,
    Scale,
    Trial,
)

ARMS = ("baseline", "control", "candidate", "candidate_control")
PAIRS_PER_BLOCK = 2
FEWEST_SESSIONS = 3
"""A verdict on code rests on so many blocks at least, as each is a session of fresh processes."""
FIRST_LOOK = 2
"""After so many blocks, which is after the fourth pair, a FAIL may be suspected."""
FRESH_SHARE = 0.34
"""Of the blocks that a suspicion rests on: so many fresh ones confirm it, one at the least."""
SLOWEST = 0.1
"""Of the answers of a window: those whose stages are compared, as a p95 is made by them."""
WANTED_ERROR = 0.04
"""Of the mean of the pairs of a comparison, as a log: less than half of the margin of a p95."""
HALF = 0.5
"""Added to the good answers of a window, so that a window without any has a number."""

EARLY = Levels("early", fail=0.002, passes=0.005, control=0.001, fewest=FIRST_LOOK)
END = Levels("end", fail=0.005, passes=0.03, control=0.01, fewest=FEWEST_SESSIONS)


class LoadFigure(NamedTuple):
    """What versions are compared by under load: one number of a window, of which more is worse."""

    label: str
    metric: str
    read: Callable[[LoadWindow], float | None]
    margin: float
    scale: Scale = "ratio"
    unit: str = ""


def _ttfa_typical_ms(window: LoadWindow) -> float | None:
    return window.ttfa_sound_typical_ms


def _ttfa_p95_ms(window: LoadWindow) -> float | None:
    return window.ttfa_sound_p95_ms


def _stalled_share(window: LoadWindow) -> float | None:
    if window.stalled is None or not window.answered:
        return None
    return window.stalled / window.answered


def _good_answer_s(window: LoadWindow) -> float | None:
    """Seconds for each answer that meets the limits of the test: the inverse of goodput."""
    if not window.offered:
        return None
    good = float(window.answered)
    if window.goodput is not None:
        good = window.goodput * window.seconds
    return window.seconds / (good + HALF)


def _left_behind(window: LoadWindow) -> float | None:
    """Threads and descriptors that the target has more after the window, for each request."""
    if window.handles_before is None or window.handles_after is None or not window.offered:
        return None
    return (window.handles_after - window.handles_before) / window.offered


FIGURES: Mapping[str, LoadFigure] = {
    "ttfa_typical": LoadFigure(
        "ttfa geometric mean", "ttfa_sound_typical_ms", _ttfa_typical_ms, margin=0.05
    ),
    "ttfa_p95": LoadFigure("ttfa p95", "ttfa_sound_p95_ms", _ttfa_p95_ms, margin=0.10),
    "stalled": LoadFigure(
        "share of stalled answers", "stalled_share", _stalled_share, 0.02, "difference"
    ),
    "goodput": LoadFigure("time per good answer", "good_answer_s", _good_answer_s, margin=0.05),
    "left_behind": LoadFigure(
        "threads and descriptors left behind by a request",
        "left_behind",
        _left_behind,
        0.25,
        "difference",
    ),
}
BY_METRIC = {figure.metric: figure for figure in FIGURES.values()}


def choose_metrics(margins: Mapping[str, float] | None = None) -> tuple[ComparedMetric, ...]:
    """All figures, with the usual smallest changes that count or those of `margins`, by name."""
    margins = margins or {}
    chosen = []
    for name, figure in FIGURES.items():
        chosen.append(
            ComparedMetric(
                label=figure.label,
                metric=figure.metric,
                statistic="value",
                scale=figure.scale,
                unit=figure.unit,
                margin=margins.get(name, figure.margin),
            )
        )
    return tuple(chosen)


# Windows as blocks


def draw_order(random: np.random.Generator, *, may_swap: bool = True) -> tuple[str, ...]:
    """In which order the arms of a block are loaded: ABBA or BAAB.

    Either version's two are drawn too, unless they are one process that is loaded twice: then the
    control is its second time, and shows what it remembers of the first.
    """
    baselines = ["baseline", "control"]
    candidates = ["candidate", "candidate_control"]
    if may_swap:
        random.shuffle(baselines)
        random.shuffle(candidates)
    outer, inner = baselines, candidates
    if random.random() < HALF:
        outer, inner = candidates, baselines
    return outer[0], *inner, outer[1]


class StageTimes(NamedTuple):
    """Where the slowest answers of a window spent their time to the first sound; means in ms."""

    elapsed_ms: float
    stages_ms: dict[str, float]


class WindowBlock(NamedTuple):
    """Four windows that have replayed one trace; both tuples in the order of `ARMS`."""

    windows: tuple[LoadWindow, ...]
    stages: tuple[StageTimes | None, ...] = (None, None, None, None)


def slowest_stages(trials: Iterable[Trial]) -> StageTimes | None:
    """Mean times of the slowest tenth of the counted answers; None without stages."""
    times = []
    for trial in trials:
        if trial.kind != "trial":
            continue
        found = metrics_stages.stages_ms(trial, whole=False)
        if found is not None:
            times.append(found)
    if not times:
        return None
    times.sort(key=lambda each: -each[0])
    slowest = times[: max(1, math.ceil(SLOWEST * len(times)))]
    names = sorted({name for _, stages in slowest for name in stages})
    by_stage = {}
    for name in names:
        by_stage[name] = sum(stages.get(name, 0.0) for _, stages in slowest) / len(slowest)
    elapsed_ms = sum(elapsed for elapsed, _ in slowest) / len(slowest)
    return StageTimes(elapsed_ms, by_stage)


def to_block(block: WindowBlock, metric: ComparedMetric) -> Block:
    """One number of each window, None where it was not measured, and where their time went."""
    read = BY_METRIC[metric.metric].read
    values = [read(window) for window in block.windows]
    found = Block(metric=_arms(values))
    if metric.metric not in (FIGURES["ttfa_typical"].metric, FIGURES["ttfa_p95"].metric):
        return found
    stages = [each for each in block.stages if each is not None]
    if len(stages) < len(ARMS):
        return found
    names = sorted({name for each in stages for name in each.stages_ms})
    by_stage = {}
    for name in names:
        by_stage[name] = _arms([each.stages_ms.get(name, 0.0) for each in stages])
    elapsed = _arms([each.elapsed_ms for each in stages])
    return structs.replace(found, elapsed_ms=elapsed, stages_ms=by_stage)


def _arms(values: Sequence[float | None]) -> Arms:
    baseline, control, candidate, candidate_control = values
    return Arms(
        baseline=(baseline,),
        control=(control,),
        candidate=(candidate,),
        candidate_control=(candidate_control,),
    )


# The rule


class WindowBlockPlan(BlockPlan, frozen=True, kw_only=True):
    """How many blocks of windows a budget holds: a look after each from the fourth pair on."""

    @property
    def end(self) -> Levels:
        """Those of the look when the budget is spent."""
        return END

    def levels_after(self, done: int) -> Levels | None:
        """Those of the look after so many blocks; None where there is none."""
        if done >= self.blocks:
            return END
        return EARLY if done >= FIRST_LOOK else None


def plan_blocks(budget_s: float, block_s: float, longest_s: float) -> BlockPlan:
    """Give the blocks of four windows that a budget holds; infinite where it is open."""
    if math.isinf(budget_s):
        plan = always_valid.open_plan(longest_s)
        levels = plan.levels._replace(fewest=FEWEST_SESSIONS)
        return structs.replace(plan, levels=levels, looks_from=FEWEST_SESSIONS)
    blocks = int(budget_s / block_s + t_rule.ROUNDING)
    shortfall = None
    if blocks < FEWEST_SESSIONS:
        wanted_s = math.ceil(FEWEST_SESSIONS * block_s)
        shortfall = (
            f"four windows take {block_s:.0f} s, so {budget_s:.0f} s hold "
            f"{plural(blocks, 'block')} of them, and {FEWEST_SESSIONS} are the fewest that can "
            f"decide; {wanted_s} s hold these"
        )
    return WindowBlockPlan(blocks=blocks, seconds=blocks * block_s, shortfall=shortfall)


def decide(
    blocks: Sequence[WindowBlock],
    metric: ComparedMetric,
    levels: Levels = END,
) -> ChangeVerdict:
    """Judge one figure from its blocks, at the levels of one look.

    A block with a window in which the figure could not be measured is left out. A FAIL of fewer
    than `FEWEST_SESSIONS` blocks is a suspicion, which `WindowLooks` has confirmed; a PASS of so
    few is none yet. Raises ValueError for a margin that is not above 0.
    """
    if not 0 < metric.margin < math.inf:
        raise ValueError(
            f"found {metric.margin} as the smallest change that counts, wanted it above 0"
        )
    numbers = [to_block(block, metric) for block in blocks]
    readable = []
    for number, block in zip(numbers, blocks, strict=True):
        if number.metric.is_readable():
            readable.append((number, block))
    draft = ChangeVerdict(
        outcome=Outcome.INCONCLUSIVE,
        reason="",
        statistic=metric.statistic,
        scale=metric.scale,
        unit=metric.unit,
        margin=metric.margin,
        look=levels.look,
        blocks=len(readable),
        left_out=len(blocks) - len(readable),
    )
    if len(readable) < levels.fewest:
        return _too_few(draft, levels)
    contrast = _contrast(readable, metric, levels)
    verdict = _apply_rule(draft, contrast, levels)
    found = attribute([number for number, _ in readable], metric.statistic)
    verdict = structs.replace(verdict, attribution=found)
    verdict = structs.replace(verdict, reason=_reason(verdict))
    return void(verdict, verdict) if verdict.control_fired else verdict


def _contrast(
    readable: Sequence[tuple[Block, WindowBlock]],
    metric: ComparedMetric,
    levels: Levels,
) -> Contrast:
    per_block = effects([number.metric for number, _ in readable], metric.statistic, metric.scale)
    margin = metric.margin
    if metric.scale == "ratio":
        margin = math.log1p(margin)
    contrast = Contrast.of(per_block, margin, levels.estimate)
    if metric.metric != FIGURES["stalled"].metric:
        return contrast
    least_error = _counting_error([block for _, block in readable])
    return contrast._replace(candidate=contrast.candidate.with_least_error(least_error))


def _counting_error(blocks: Sequence[WindowBlock]) -> float:
    """Of the difference of two shares, if the answers were independent; they are less than that.

    Windows that happen to have the same few stalls do not scatter at all, and prove nothing.
    """
    stalled = 0
    answered = 0
    for block in blocks:
        for window in block.windows:
            stalled += window.stalled or 0
            answered += window.answered
    of_a_version = answered / 2
    return math.sqrt(stalled + 1) / of_a_version


def _apply_rule(draft: ChangeVerdict, contrast: Contrast, levels: Levels) -> ChangeVerdict:
    """Fill in the numbers of the test and the outcome of the rule."""
    from_scale: Callable[[float], float] = float
    if draft.scale == "ratio":
        from_scale = math.expm1
    outcome = _outcome(contrast, draft, levels)
    needed = None
    if outcome is Outcome.INCONCLUSIVE:
        needed = _blocks_needed(contrast, draft, levels)
    low, high = contrast.candidate.interval()
    return structs.replace(
        draft,
        outcome=outcome,
        effect=from_scale(contrast.candidate.mean),
        low=from_scale(low),
        high=from_scale(high),
        p_slower=contrast.candidate.p_above(0.0),
        p_within=contrast.candidate.p_below(contrast.margin),
        improved=contrast.is_faster and draft.blocks >= FEWEST_SESSIONS,
        control_effect=from_scale(contrast.control.mean),
        p_control=contrast.control.p_apart(0.0),
        control_fired=contrast.has_control_effect(levels.control),
        blocks_needed=needed,
    )


def _outcome(contrast: Contrast, draft: ChangeVerdict, levels: Levels) -> Outcome:
    if contrast.is_slower(levels.fail_of(draft.statistic)):
        return Outcome.FAIL
    if draft.blocks >= FEWEST_SESSIONS and contrast.is_within_margin(levels.passes):
        return Outcome.PASS
    return Outcome.INCONCLUSIVE


def _blocks_needed(contrast: Contrast, draft: ChangeVerdict, levels: Levels) -> int | None:
    missing = FEWEST_SESSIONS - draft.blocks
    needed = blocks_needed(contrast, draft.statistic, levels)
    return needed if needed is None else max(needed, missing)


def blocks_wanted(deviation: float, error: float = WANTED_ERROR) -> int:
    """How many blocks make the mean so sure, where a pair of windows deviates by so much, in logs.

    At least `FEWEST_SESSIONS`. Two pairs of a block count as two: each has its own windows.
    """
    pairs = math.ceil((deviation / error) ** 2 - t_rule.ROUNDING)
    return max(FEWEST_SESSIONS, math.ceil(pairs / PAIRS_PER_BLOCK))


def pair_deviation(blocks: Sequence[WindowBlock], metric: ComparedMetric) -> float | None:
    """How much a pair of windows of the *same* code deviates, by both controls; None without any.

    Their mean is 0 by design, so it is the root of the mean square: a log on the scale `ratio`.
    """
    arms = [to_block(block, metric).metric for block in blocks]
    readable = [each for each in arms if each.is_readable()]
    if not readable:
        return None
    controls = np.concatenate(effects(readable, metric.statistic, metric.scale).controls)
    return float(np.sqrt(np.square(controls).mean()))


def void(verdict: ChangeVerdict, fired: ChangeVerdict) -> ChangeVerdict:
    """Without its FAIL or improvement, as the control of `fired` differed."""
    if verdict.outcome is not Outcome.FAIL and not verdict.improved:
        return verdict
    outcome = Outcome.INCONCLUSIVE
    if verdict.improved:
        outcome = verdict.outcome
    effect = _amount(fired.control_effect, fired)
    p_value = fired.p_control or 0.0
    return structs.replace(
        verdict,
        outcome=outcome,
        improved=False,
        reason=(
            f"{verdict.reason}. But a control, the same code against itself, differs by {effect} "
            f"(p = {p_value:.1g}): nothing is to be concluded from that; run it again when the "
            "machine does nothing else"
        ),
    )


# Looks


class WindowLooks:
    """What the looks at one cell under load have settled so far.

    A PASS is settled as soon as it is reached. A suspicion waits for fresh blocks, and is judged
    again on all blocks together by the levels of the end: no single look accuses a version.
    """

    def __init__(self, metrics: Sequence[ComparedMetric]) -> None:
        self.metrics = tuple(metrics)
        self._verdicts: list[ChangeVerdict | None] = [None] * len(self.metrics)
        self._failed_after: dict[int, int] = {}
        """By figure: with how many blocks it failed first, and is not confirmed since."""

    @property
    def verdicts(self) -> tuple[ChangeVerdict, ...]:
        """One for each of the metrics; ValueError before the first look."""
        if None in self._verdicts:
            raise ValueError("found no look at this cell yet, wanted one before its verdicts")
        return tuple(verdict for verdict in self._verdicts if verdict is not None)

    @property
    def is_settled(self) -> bool:
        """Whether more blocks would change nothing, or not the whole: one confirmed FAIL is red.

        What else is suspected by then is still confirmed; what is open stays so, as blocks take
        minutes.
        """
        if self._failed_after:
            return False
        for index, verdict in enumerate(self._verdicts):
            is_fail = verdict is not None and verdict.outcome is Outcome.FAIL
            if is_fail and self._is_settled(index):
                return True
        return all(map(self._is_settled, range(len(self.metrics))))

    def fresh_blocks_wanted(self, done: int) -> int:
        """How many more confirm every suspicion; 0 for none."""
        wanted = 0
        for failed_after in self._failed_after.values():
            wanted = max(wanted, _confirmed_after(failed_after) - done)
        return wanted

    def look(
        self,
        blocks: Sequence[WindowBlock],
        levels: Levels,
        end: Levels,
        *,
        elapsed_s: float | None = None,
    ) -> None:
        """Judge what is not settled, by the levels of this look; suspicions by those of the end."""
        for index in range(len(self.metrics)):
            if not self._is_settled(index):
                self._judge(index, blocks, levels, end, elapsed_s)
        self._void_by_control()

    def confirm(
        self,
        blocks: Sequence[WindowBlock],
        end: Levels,
        *,
        elapsed_s: float | None = None,
    ) -> None:
        """Judge again what waits for fresh blocks, after the last look, and nothing else."""
        for index in list(self._failed_after):
            self._judge(index, blocks, end, end, elapsed_s)
        self._void_by_control()

    def _is_settled(self, index: int) -> bool:
        verdict = self._verdicts[index]
        # What passed while its control fired goes on, lest it void the FAILs of others for good.
        if verdict is None or verdict.control_fired:
            return False
        is_confirmed = verdict.outcome is Outcome.FAIL and verdict.confirmed
        return verdict.outcome is Outcome.PASS or is_confirmed

    def _judge(
        self,
        index: int,
        blocks: Sequence[WindowBlock],
        levels: Levels,
        end: Levels,
        elapsed_s: float | None,
    ) -> None:
        metric = self.metrics[index]
        failed_after = self._failed_after.get(index)
        if failed_after is None:
            verdict = decide(blocks, metric, levels)
            if verdict.outcome is Outcome.FAIL:
                self._failed_after[index] = len(blocks)
        elif len(blocks) < _confirmed_after(failed_after):
            return
        else:
            del self._failed_after[index]
            verdict = _confirmed(decide(blocks, metric, end), len(blocks) - failed_after)
        self._verdicts[index] = structs.replace(verdict, decided_s=elapsed_s)

    def _void_by_control(self) -> None:
        """Take back all FAILs where a control fired; a suspicion among them starts anew."""
        fired = [verdict for verdict in self.verdicts if verdict.control_fired]
        for index, verdict in enumerate(self.verdicts):
            if fired and not verdict.control_fired:
                verdict = void(verdict, fired[0])
            if verdict.outcome is not Outcome.FAIL:
                self._failed_after.pop(index, None)
            if verdict.outcome is Outcome.INCONCLUSIVE:
                verdict = structs.replace(verdict, decided_s=None)
            self._verdicts[index] = verdict


def replay(
    blocks: Sequence[WindowBlock],
    metrics: Sequence[ComparedMetric],
    plan: BlockPlan,
    block_s: float | None = None,
) -> tuple[WindowLooks, int]:
    """What the looks settle on recorded blocks, and with how many of them the comparison ends.

    Verdicts say after how many seconds, where a block takes `block_s`. Blocks beyond the plan's are
    there to confirm a suspicion; without them it stays unconfirmed.
    """
    looks = WindowLooks(metrics)
    used = 0
    while used < min(plan.blocks, len(blocks)) and not looks.is_settled:
        used += 1
        levels = plan.levels_after(used)
        if levels is not None:
            elapsed_s = None if block_s is None else used * block_s
            looks.look(blocks[:used], levels, plan.end, elapsed_s=elapsed_s)
    wanted = looks.fresh_blocks_wanted(used)
    if wanted and used + wanted <= len(blocks):
        used += wanted
        elapsed_s = None if block_s is None else used * block_s
        looks.confirm(blocks[:used], plan.end, elapsed_s=elapsed_s)
    return looks, used


def _confirmed_after(failed_after: int) -> int:
    """With how many blocks a suspicion that rests on so many can be confirmed."""
    fresh = max(1, math.ceil(FRESH_SHARE * failed_after - t_rule.ROUNDING))
    return max(FEWEST_SESSIONS, failed_after + fresh)


def _confirmed(pooled: ChangeVerdict, fresh: int) -> ChangeVerdict:
    verb = "is a fresh one" if fresh == 1 else "are fresh ones"
    reason = f"{pooled.reason}; {fresh} of the blocks {verb}, to confirm a FAIL"
    return structs.replace(pooled, confirmed=True, reason=reason)


# Wording


def _too_few(draft: ChangeVerdict, levels: Levels) -> ChangeVerdict:
    needed = levels.fewest - draft.blocks
    verb = "is" if needed == 1 else "are"
    reason = (
        f"{_count_text(draft)}: {levels.fewest} are the fewest that can decide, {needed} more "
        f"{verb} needed"
    )
    return structs.replace(draft, blocks_needed=needed, reason=reason)


def _reason(verdict: ChangeVerdict) -> str:
    """The effect, how sure, from how many blocks, the smallest change that counts, the stage."""
    effect = _amount(verdict.effect, verdict)
    low = _amount(verdict.low, verdict)
    high = _amount(verdict.high, verdict)
    margin = _amount(verdict.margin, verdict)
    text = f"changed by {effect} (95 % interval {low} to {high}; {_count_text(verdict)})"
    counts = f"{margin}, the smallest change that counts"
    if verdict.outcome is Outcome.FAIL:
        return f"{text}: worse by more than {counts}{_stage_text(verdict)}"
    if verdict.improved:
        return f"{text}: an improvement by more than {counts.lstrip('+')}{_stage_text(verdict)}"
    if verdict.outcome is Outcome.PASS:
        return f"{text}: surely below {counts}"
    return f"{text}: neither surely worse nor surely below {counts}; {_open_end(verdict)}"


def _open_end(verdict: ChangeVerdict) -> str:
    if verdict.blocks_needed is None:
        return (
            f"{t_rule.MOST_BLOCKS} further blocks like these would not decide, so close is it to "
            "that change; choose another smallest change"
        )
    return f"about {plural(verdict.blocks_needed, 'further block')} like these would decide"


def _count_text(verdict: ChangeVerdict) -> str:
    text = f"{plural(verdict.blocks, 'block')} of four windows"
    if not verdict.left_out:
        return text
    return f"{text}, and {verdict.left_out} left out in which it could not be measured"


def _stage_text(verdict: ChangeVerdict) -> str:
    """`; +112 ms in the slowest tenth, of which server.queue +98 ms (+80 to +116)`."""
    found = verdict.attribution
    if found is None:
        return ""
    return f"; {found.total_ms:+.1f} ms in the slowest tenth of the answers, {describe(found)}"


def _amount(value: float | None, verdict: ChangeVerdict) -> str:
    value = value or 0.0
    if verdict.scale == "ratio":
        return f"{100 * value:+.1f} %"
    return f"{value:+.3g} {verdict.unit}".rstrip()
