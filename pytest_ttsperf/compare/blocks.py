"""Blocks: the baseline twice and the candidate twice, in fresh processes that take turns.

All are started together; when they are warm and quiet, each of them speaks each text, one at a time
and in random order. A cold block is one start of each. Gives the numbers of a block; what follows
from them is decided elsewhere.

Of a server that runs already the "processes" are connections to one server, which speaks each text
for both; one that is started for its target is a process of its own in each arm.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import chain
from statistics import median
from typing import NamedTuple

from pytest_ttsperf.compare import absence, budget, metrics
from pytest_ttsperf.compare.incomparable import Incomparable
from pytest_ttsperf.errors import TargetError
from pytest_ttsperf.experiment.plan import (
    Plan,
    QualityPlan,
    TargetFactory,
    probe_texts,
    warmup_texts,
)
from pytest_ttsperf.experiment.trial import (
    OpenTarget,
    merge_tracers,
    open_target,
    rtf_of,
    run_cold_trial,
    run_trial_or_fail,
    warm_up,
)
from pytest_ttsperf.judge.statistics.t_rule import MIN_BLOCKS
from pytest_ttsperf.machine import fingerprint
from pytest_ttsperf.measure import corpus, schedule
from pytest_ttsperf.measure.memory import wait_all_quiet
from pytest_ttsperf.metrics import definitions, validity
from pytest_ttsperf.metrics import stages as metrics_stages
from pytest_ttsperf.real import REAL
from pytest_ttsperf.records import Arms, Block, ComparedMetric, Trial

TrialTimes = tuple[float, dict[str, float]]
"""The time of a trial in ms, and by stage what of it the stage was at work in."""

TEXTS = 16
"""Per process in the first block; how long that takes says how many the others have."""
FEWEST_TEXTS, MOST_TEXTS = 8, 64
LONGER = 1.1
"""How much longer than foreseen a block may take, as no two take the same time."""
PROCESS_TO_TRIAL = 6.0
"""How much more one trial scatters than the processes of the same code do (docs/adr/0043)."""
QUIET_TIMEOUT_S = 5.0
BASELINE_ARMS = ("baseline", "control")
ARMS = (*BASELINE_ARMS, "candidate", "candidate_control")
LISTENED_ARMS = (*BASELINE_ARMS, "candidate")
"""Whose words and timbre are judged: that takes long, and the fourth would add little."""
MAY_BE_ZERO = frozenset(
    figure.metric for figure in metrics.ALL.values() if figure.scale == "difference"
)
CPU = "cpu_s_per_audio_s"
PER_PROCESS = "rss_peak_mb"
"""The metric that each process has one of, and not each trial."""


class ComparedCell(NamedTuple):
    """How one cell is measured, and the metrics it is judged by."""

    plan: Plan
    metrics: tuple[ComparedMetric, ...]
    ungated: tuple[ComparedMetric, ...] = ()
    """What is shown besides, and not judged."""

    @property
    def is_same_work(self) -> bool:
        """Whether the arms are to say the same for the same text."""
        return any(metric.is_work for metric in self.metrics)

    @property
    def needs_usage(self) -> bool:
        """Whether the CPU time of each trial is to be read: beside a trial that costs something."""
        return any(metric.metric == CPU for metric in self.metrics)

    @property
    def quality(self) -> QualityPlan:
        """What of the sound its metrics need, and nothing else."""
        wanted = {metric.metric for metric in self.metrics}
        return replace(
            self.plan.quality,
            true_peak="true_peak_dbtp" in wanted,
            loudness=False,
            seams=False,
            save_to=None,
            words=not wanted.isdisjoint(("wer", "worst_run")),
            timbre="timbre_db" in wanted,
            mos=False,
        )


@dataclass(frozen=True, slots=True)
class ComparisonSpec:
    """What to compare: two sources and the cells of one test."""

    baseline: TargetFactory
    candidate: TargetFactory
    cells: Mapping[str, ComparedCell]
    """By cell id."""
    against: str
    budget_s: float
    """Infinite where the budget is open."""
    seed: int = 0
    texts: int | None = None
    """Per process in a warm block; None for as many as are worth opening the process."""
    budget_option: str = budget.OPTION
    """How a user gives another budget."""
    trial_s: float | None = None
    """How long one trial in every cell took before, at the least; None where none was measured."""
    usual_trial_s: float | None = None
    """The same on average."""
    start_s: float | None = None
    """What it took before to open one process, to warm it up and to wait until it was quiet; None
    where that was not measured."""

    @property
    def round_s(self) -> float | None:
        """What one text in every cell usually takes in all processes; None if none was spoken."""
        return None if self.usual_trial_s is None else len(ARMS) * self.usual_trial_s

    @property
    def is_open(self) -> bool:
        """Whether it goes on until all is settled."""
        return math.isinf(self.budget_s)

    @property
    def longest_s(self) -> float:
        """How long it may take; of one that is open, at the most."""
        return metrics.CEILING_S if self.is_open else self.budget_s

    @property
    def revision(self) -> str | None:
        """The commit of the baseline; None where it is of none."""
        tree = self.baseline.tree
        return tree.revision if tree else None

    def source_of(self, arm: str) -> TargetFactory:
        """What the process of an arm runs."""
        return self.baseline if arm in BASELINE_ARMS else self.candidate

    @property
    def is_cold(self) -> bool:
        """Whether each block is a single start of each."""
        return all(cell.plan.phase == "cold" for cell in self.cells.values())


class BlockTrials(NamedTuple):
    """What the arms of one block did in one cell, each with the texts in the same order."""

    by_arm: dict[str, tuple[Trial, ...]]
    rss_peak_mb: dict[str, float | None]
    sampled: frozenset[int] = frozenset()
    """Positions of the texts that are listened to."""

    def texts_of(self, metric: str) -> list[str]:
        """The texts that a metric is measured of, in the order of the trials."""
        texts = [trial.text for trial in self.by_arm["candidate"]]
        if metric not in metrics.SAMPLED:
            return texts
        return [texts[position] for position in sorted(self.sampled)]

    @property
    def duration_s(self) -> float:
        """Of all trials."""
        duration_ns = 0
        for trial in chain(*self.by_arm.values()):
            if trial.recording is not None:
                duration_ns += trial.recording.end_ns - trial.recording.request_ns
        return duration_ns / 1e9


Draw = Callable[[str, int, int], frozenset[int]]
"""Cell, number of a block and of its texts -> positions of those whose sound is kept."""


class BlockRunner:
    """Blocks one after the other, each with other texts: as many as are worth new processes.

    Processes are expensive and trials scatter: with both measured, one number of texts in a block
    gives the least deviation in a given time (Cochran 1977, two-stage sampling at a cost).
    """

    def __init__(self, spec: ComparisonSpec, draw: Draw | None = None) -> None:
        self.draw = draw
        """Which texts of the next block are listened to; None for none."""
        self.notes: list[str] = []
        if spec.baseline.tree is not None:
            self.notes += spec.baseline.tree.notes
        self.durations_s: list[float] = []
        """Of the blocks so far."""
        self.expected_block_s: float | None = None
        """How long a block will take that has another number of texts than the first."""
        self.texts = spec.texts or TEXTS
        """Per process in the next block."""
        self._adapts_texts = spec.texts is None and not spec.is_cold
        self._next_text = 0

    def run_next(self, spec: ComparisonSpec) -> dict[str, BlockTrials]:
        """Run the next block in every cell; TargetError when the candidate fails.

        Raises Incomparable when the baseline lacks what is measured or does not run, when a server
        answers from a cache and when a target is traced.
        """
        started_s = REAL.monotonic()
        trials = self._run_block(spec)
        duration_s = REAL.monotonic() - started_s
        self.durations_s.append(duration_s)
        if len(self.durations_s) == 1:
            refuse_silent_baseline(spec, {cell: [block] for cell, block in trials.items()})
        self._next_text += 1 if spec.is_cold else self.texts
        if self._adapts_texts:
            self._adapts_texts = False
            trials_s = sum(block.duration_s for block in trials.values())
            opening_s = duration_s - trials_s
            round_s = trials_s / self.texts
            affordable = texts_affordable(spec.budget_s - duration_s, opening_s, round_s)
            self.texts = min(texts_worth(opening_s, round_s), affordable)
            self.expected_block_s = opening_s + self.texts * round_s
        return trials

    def _run_block(self, spec: ComparisonSpec) -> dict[str, BlockTrials]:
        """One block in every cell, of the texts that follow those of the blocks before."""
        number = len(self.durations_s)
        order = random.Random(f"{spec.seed}/{number}")  # noqa: S311 - an order, no secret
        positions = range(self._next_text, self._next_text + self.texts)
        if spec.is_cold:
            return {
                cell: _run_cold_block(spec, compared, positions[:1], order)
                for cell, compared in spec.cells.items()
            }
        with _open_arms(spec, order) as arms:
            if number == 0:
                self.notes += [*_differences(arms), *_server_notes(spec)]
            trials = {}
            for cell, compared in spec.cells.items():
                texts = _texts(compared.plan, positions)
                sampled: frozenset[int] = frozenset()
                if self.draw is not None:
                    sampled = self.draw(cell, number, len(texts))
                trials[cell] = self._run_warm_block(spec, arms, compared, texts, sampled, order)
            if number == 0:
                for cell, compared in spec.cells.items():
                    _refuse_precomputed(spec, trials[cell])
                    _refuse_caches(arms, compared.plan, trials[cell])
                for arm in ARMS:
                    opened = arms[arm]
                    # This also checks again where the code of the target came from.
                    tracers = opened.target.inspect().tracers
                    _refuse_tracers(opened.source, merge_tracers(opened.ready.tracers, tracers))
        return trials

    def _run_warm_block(
        self,
        spec: ComparisonSpec,
        arms: Mapping[str, OpenTarget],
        compared: ComparedCell,
        texts: Sequence[str],
        sampled: frozenset[int],
        order: random.Random,
    ) -> BlockTrials:
        plan = compared.plan
        quality = compared.quality
        for arm in order.sample(ARMS, len(ARMS)):
            with _explain_baseline_errors(spec, arm):
                for _ in warm_up(arms[arm], plan):
                    pass
        meters = [opened.meter for opened in arms.values() if opened.meter]
        if not wait_all_quiet(meters, QUIET_TIMEOUT_S):
            self.notes.append(
                f"the targets kept working for {QUIET_TIMEOUT_S:g} s, and so disturb each other"
            )
        trials: dict[str, tuple[Trial, ...]] = dict.fromkeys(ARMS, ())
        for position, step in enumerate(schedule.schedule_trials(texts, "trial")):
            for arm in order.sample(ARMS, len(ARMS)):
                trial = run_trial_or_fail(
                    arms[arm],
                    step,
                    plan.mode,
                    with_usage=compared.needs_usage,
                    quality=quality,
                    keep_sound=arm in LISTENED_ARMS and position in sampled,
                )
                trials[arm] += (trial,)
        return BlockTrials(
            sampled=sampled,
            by_arm=trials,
            rss_peak_mb={arm: _peak_mb(arms[arm]) for arm in ARMS},
        )


def texts_worth(opening_s: float, round_s: float) -> int:
    """How many texts a block best has, by the time to open it and the time of one text in all."""
    if round_s <= 0:
        return TEXTS
    most_precise = PROCESS_TO_TRIAL * math.sqrt(max(opening_s, 0.0) / round_s)
    return round(min(max(most_precise, FEWEST_TEXTS), MOST_TEXTS))


def texts_affordable(left_s: float, opening_s: float, round_s: float) -> int:
    """How many texts a block may have, so that what is left holds the fewest blocks that decide.

    As many as there may be where even the fewest texts are too many for that.
    """
    if round_s <= 0 or math.isinf(left_s):
        return MOST_TEXTS
    block_s = left_s / (MIN_BLOCKS - 1) / LONGER
    texts = math.floor((block_s - opening_s) / round_s)
    return texts if FEWEST_TEXTS <= texts <= MOST_TEXTS else MOST_TEXTS


def _refuse_tracers(source: TargetFactory, tracers: tuple[str, ...]) -> None:
    """Incomparable for a target that a debugger or profiler slows down."""
    if tracers:
        raise Incomparable(
            f"{source.spec.label} was traced by {', '.join(tracers)}: what was compared is the "
            "tracer's as much as the engine's; run without it"
        )


@contextmanager
def _explain_baseline_errors(spec: ComparisonSpec, arm: str) -> Iterator[None]:
    """Raise what a TargetError of the baseline means; one of the candidate is left alone."""
    try:
        yield
    except TargetError as error:
        if arm in BASELINE_ARMS:
            raise absence.explain(spec.baseline, spec.against, error) from error
        raise


@contextmanager
def _open_arms(spec: ComparisonSpec, order: random.Random) -> Iterator[dict[str, OpenTarget]]:
    """Fresh processes, opened at the same time and warmed; all closed in the end, likewise.

    Which is asked for first is drawn: who is first has the processors to itself for a moment.
    """
    opening = {}
    with ThreadPoolExecutor(len(ARMS)) as pool:
        for arm in order.sample(ARMS, len(ARMS)):
            opening[arm] = pool.submit(open_target, spec.source_of(arm), warm=True)
    try:
        opened = {}
        # An error of the candidate is reported before those of the baseline.
        for arm in reversed(ARMS):
            with _explain_baseline_errors(spec, arm):
                opened[arm] = opening[arm].result()
        yield opened
    finally:
        _close_all([each.result() for each in opening.values() if each.exception() is None])


def _close_all(arms: Sequence[OpenTarget]) -> None:
    """Close all at the same time, as each takes as long as an interpreter does to end."""
    with ThreadPoolExecutor(len(ARMS)) as pool:
        closing = [pool.submit(arm.close) for arm in arms]
    for each in closing:
        each.result()


def refuse_silent_baseline(
    spec: ComparisonSpec,
    blocks: Mapping[str, Sequence[BlockTrials]],
) -> None:
    """Raise Incomparable where the baseline did not speak most texts of a cell."""
    for cell_blocks in blocks.values():
        trials: list[Trial] = []
        for block in cell_blocks:
            trials += block.by_arm["baseline"] + block.by_arm["control"]
        absence.refuse_silence(spec.baseline, spec.against, trials)


def _refuse_precomputed(spec: ComparisonSpec, trials: BlockTrials) -> None:
    """Incomparable for an arm that is faster than anything that synthesises."""
    for arm, source in (("baseline", spec.baseline), ("candidate", spec.candidate)):
        rtfs = [value for value in _metric_values("rtf", trials.by_arm[arm]) if value is not None]
        if rtfs and median(rtfs) < validity.FLOOR_RTF:
            raise Incomparable(
                f"the {arm} ({source.spec.shown}) has a median rtf of {median(rtfs):.2g}, below "
                f"the physical floor of {validity.FLOOR_RTF:g}: a cache or precomputed audio "
                "answered; switch it off"
            )


def _refuse_caches(
    arms: Mapping[str, OpenTarget],
    plan: Plan,
    trials: BlockTrials,
) -> None:
    """Incomparable for a server that answers a text of this block far faster than a new one.

    It was asked for each text more than once, and for all of them if it was compared before.
    """
    for arm in ("baseline", "candidate"):
        opened = arms[arm]
        if opened.source.lifecycle != "external":
            continue
        probes = _probe_cache(opened, plan, trials.by_arm[arm][0].text)
        if not probes or not validity.is_cache(probes):
            continue
        repeated, new = map(median, zip(*probes, strict=True))
        raise Incomparable(
            f"{opened.source.spec.shown} answers a text that it has spoken from a cache (rtf "
            f"{repeated:.2g} against {new:.2g} for a new one), and here each text is asked for "
            "again and again: switch the cache off"
        )


def _probe_cache(
    opened: OpenTarget,
    plan: Plan,
    text: str,
) -> list[tuple[float, float]]:
    """Pairs of RTFs: of a text that was spoken before, and of one that never was."""
    rtfs: list[float | None] = []
    for step in schedule.schedule_trials(probe_texts(plan, text), "probe"):
        rtfs.append(rtf_of(run_trial_or_fail(opened, step, plan.mode, with_usage=False)))
    pairs = []
    # The probes alternate.
    for repeated, new in zip(rtfs[::2], rtfs[1::2], strict=True):
        if repeated is not None and new is not None:
            pairs.append((repeated, new))
    return pairs


def _server_notes(spec: ComparisonSpec) -> list[str]:
    sources = (spec.baseline, spec.candidate)
    servers = [source.spec.shown for source in sources if source.lifecycle == "external"]
    if not servers or spec.baseline == spec.candidate:
        return []
    return [
        f"{' and '.join(servers)}: one start in all blocks, so what two starts of the same code "
        "differ by is in the change"
    ]


def _peak_mb(opened: OpenTarget) -> float | None:
    usage = opened.meter.usage() if opened.meter else None
    return usage.rss_peak_bytes / 1e6 if usage else None


def _run_cold_block(
    spec: ComparisonSpec,
    compared: ComparedCell,
    positions: range,
    order: random.Random,
) -> BlockTrials:
    plan = compared.plan
    quality = compared.quality
    (step,) = schedule.schedule_cold_trials(_texts(plan, positions))
    (second,) = warmup_texts(plan, 1)
    trials: dict[str, tuple[Trial, ...]] = {}
    for arm in order.sample(ARMS, len(ARMS)):
        source = spec.source_of(arm)
        with _explain_baseline_errors(spec, arm):
            trial, ready, _ = run_cold_trial(source, step, second, plan.mode, quality)
            _refuse_tracers(source, ready.tracers)
        trials[arm] = (trial,)
    return BlockTrials(trials, dict.fromkeys(ARMS))


def _texts(plan: Plan, positions: range) -> Sequence[str]:
    """The texts of a block: after those that the limits were judged by, others in each block.

    When all have been spoken they start again: in fresh processes, as each block has them.
    """
    text = plan.text
    if not corpus.is_preset(text):
        return [text] * len(positions)
    pool = corpus.texts(text, corpus.trial_count(text), start=plan.texts_from)
    start = plan.first + plan.trials
    return [pool[(start + position) % len(pool)] for position in positions]


def _differences(arms: Mapping[str, OpenTarget]) -> list[str]:
    """What the arms run on, where it is not the same."""
    return fingerprint.list_differing(arms["baseline"].ready, arms["candidate"].ready)


# Numbers


def summarise_block(trials: BlockTrials, metric: str, *, is_same_work: bool = False) -> Block:
    """What one metric is judged by, and where the time went.

    Where the arms are to say the same, their RTF is by what the baseline says for each text.
    """
    if metric == PER_PROCESS:
        peaks_mb = {arm: [trials.rss_peak_mb[arm]] for arm in ARMS}
        return Block(metric=_arms(peaks_mb))
    if metric in metrics.SAMPLED:
        return _summarise_sample(trials, metric)
    is_whole = metric.startswith("rtf")
    values = _arms(_values_by_arm(trials, metric, is_for_work=is_whole and is_same_work))
    times: dict[str, list[TrialTimes | None]] = {}
    stages: set[str] = set()
    for arm in ARMS:
        arm_trials = trials.by_arm[arm]
        times[arm] = [metrics_stages.stages_ms(trial, whole=is_whole) for trial in arm_trials]
        for _, by_stage in filter(None, times[arm]):
            stages.update(by_stage)
    if not stages:
        return Block(metric=values)
    return Block(
        metric=values,
        elapsed_ms=_arms_of_stage(times, None),
        stages_ms={stage: _arms_of_stage(times, stage) for stage in sorted(stages)},
    )


def _values_by_arm(
    trials: BlockTrials,
    metric: str,
    *,
    is_for_work: bool,
) -> dict[str, list[float | None]]:
    """A metric of each trial; `is_for_work` for the time by what the baseline says."""
    if not is_for_work:
        return {arm: _metric_values(metric, trials.by_arm[arm]) for arm in ARMS}
    speech_s = _metric_values("speech_s", trials.by_arm["baseline"])
    return {arm: _seconds_for_work(trials.by_arm[arm], speech_s) for arm in ARMS}


def _summarise_sample(trials: BlockTrials, metric: str) -> Block:
    """A metric of the texts that were listened to; one that is missing where there are none."""
    values: dict[str, list[float | None]] = {}
    for arm in LISTENED_ARMS:
        arm_trials = trials.by_arm[arm]
        sampled = [arm_trials[position] for position in sorted(trials.sampled)]
        values[arm] = _metric_values(metric, sampled) or [None]
    return Block(metric=_arms(values))


def _metric_values(metric: str, trials: Sequence[Trial]) -> list[float | None]:
    """A latency of 0 is none, but something that was not measured; underruns may be 0."""
    is_signed = metric in MAY_BE_ZERO
    values: list[float | None] = []
    for value in definitions.sample(metric, trials).values:
        is_measured = value is not None and (is_signed or value > 0)
        values.append(value if is_measured else None)
    return values


def _seconds_for_work(
    trials: Sequence[Trial],
    speech_s: Sequence[float | None],
) -> list[float | None]:
    """How long each trial took for a second of what the baseline says for its text.

    By its own audio a version that says more would look faster than it is.
    """
    values: list[float | None] = []
    for trial, work_s in zip(trials, speech_s, strict=True):
        elapsed_s = None
        if trial.recording is not None:
            elapsed_s = definitions.elapsed_s(trial.recording)
        if elapsed_s is None or work_s is None:
            values.append(None)
        else:
            values.append(elapsed_s / work_s)
    return values


def _arms_of_stage(
    times: Mapping[str, Sequence[TrialTimes | None]],
    stage: str | None,
) -> Arms:
    """The time of a stage in each trial, or all of it; None where no stages were reported."""
    by_arm = {}
    for arm, arm_times in times.items():
        by_arm[arm] = [_time_ms(one, stage) for one in arm_times]
    return _arms(by_arm)


def _time_ms(times: TrialTimes | None, stage: str | None) -> float | None:
    """0 where other stages were reported and this one was not."""
    if times is None:
        return None
    whole_ms, by_stage = times
    return whole_ms if stage is None else by_stage.get(stage, 0.0)


def _arms(by_arm: Mapping[str, Sequence[float | None]]) -> Arms:
    return Arms(**{arm: tuple(values) for arm, values in by_arm.items()})
