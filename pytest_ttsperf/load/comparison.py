"""Two versions under load: blocks of windows, until each figure is settled or the time is over.

A block is four windows that replay one trace, the baseline's two and the candidate's two in the
order ABBA or BAAB, each with a fresh process of its version. One at a time is open and loaded, so
that nothing stands beside it; of servers that run already the other one is idle, and its CPU time
shows whether it was. Each of these is one process in all windows, whose luck is allowed for
(docs/adr/0064). What follows from blocks, and how surely, is `pairs`' matter.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from statistics import median
from typing import NamedTuple

import numpy as np
from msgspec import structs

from pytest_ttsperf.errors import TargetError
from pytest_ttsperf.experiment import cell, process_luck
from pytest_ttsperf.experiment.plan import TargetFactory
from pytest_ttsperf.experiment.trial import merge_tracers
from pytest_ttsperf.judge.statistics import always_valid
from pytest_ttsperf.judge.statistics.t_rule import BlockPlan
from pytest_ttsperf.load import generator_guard, pairs, window_blocks
from pytest_ttsperf.load.cell import LoadPlan, load_texts
from pytest_ttsperf.load.generator.parent import LoadGenerator
from pytest_ttsperf.load.handles import count_handles
from pytest_ttsperf.load.metering import TargetMeter
from pytest_ttsperf.load.pair_looks import WindowLooks
from pytest_ttsperf.load.traces import draw_trace
from pytest_ttsperf.load.window_blocks import (
    ARMS,
    BASELINE_ARMS,
    WindowBlock,
    count_served,
    to_block,
)
from pytest_ttsperf.load.windows import (
    QUIET_TIMEOUT_S,
    MeteredWindow,
    run_metered_window,
    summarise_window,
    trials_of,
)
from pytest_ttsperf.machine import fingerprint
from pytest_ttsperf.machine.cpu_idle import inhibit_cpu_idle
from pytest_ttsperf.metrics import definitions, validity
from pytest_ttsperf.metrics import load as load_metrics
from pytest_ttsperf.metrics.load_figures import FIGURES
from pytest_ttsperf.nouns import plural
from pytest_ttsperf.real import REAL
from pytest_ttsperf.records import (
    Block,
    ChangeVerdict,
    ComparedMetric,
    Comparison,
    LoadWindow,
    Outcome,
    TargetInfo,
    Threshold,
    Trace,
    Trial,
    player_prebuffer_ms,
)
from pytest_ttsperf.targets.server import target as server_target

DEFAULT_BUDGET_S = 900.0
"""Where none is named: five to seven blocks of usual windows."""
LONGEST_S = 8 * 3600.0
"""Of a comparison whose budget is open."""
OVERRUN = 1.5
"""How far beyond its budget a comparison may go when blocks get slower on the way."""
IDLE_SHARE = 0.05
"""Of a core: what a server may use that is to be idle."""
FUTILE_AFTER = 6
"""Blocks: where none of them could be read, an open budget would not end."""
MOST_FAULTS = 2
"""Blocks that say nothing from the beginning on, before the comparison is given up."""
LEAST_ANSWERED = 0.5
"""Of what was offered to the baseline: with fewer answers there is nothing to compare with."""
Tell = Callable[[str], None]
Servers = AbstractContextManager[tuple[TargetFactory, TargetFactory]]
"""Both versions, as long as they run."""
ExplainBaseline = Callable[[TargetError], tuple[str, Outcome]]
"""What an error of the baseline means: why there is no comparison, and what that is worth."""


class NoComparison(Exception):
    """There is none; `outcome` says what that is worth as a verdict."""

    def __init__(self, reason: str, outcome: Outcome = Outcome.INVALID) -> None:
        super().__init__(reason)
        self.outcome = outcome


def explain_plainly(error: TargetError) -> tuple[str, Outcome]:
    """Of another target, and not of another version of one."""
    return f"the baseline does not run, so nothing was compared with it: {error}", Outcome.INVALID


@dataclass(frozen=True, slots=True)
class LoadComparisonSpec:
    """What to compare: two sources, under which load, and by what."""

    baseline: TargetFactory
    candidate: TargetFactory
    plan: LoadPlan
    """Of its windows only the length counts: how many there are follows from the budget."""
    metrics: tuple[ComparedMetric, ...]
    against: str
    budget_s: float = DEFAULT_BUDGET_S
    """Infinite where the budget is open."""
    budget_option: str = "--ttsperf-budget"
    explain_baseline: ExplainBaseline = explain_plainly
    start_servers: Callable[[int], Servers] | None = None
    """Starts both versions anew for a block, where they are servers; None where they run already,
    and for what is started for each window anyway."""

    def source_of(self, arm: str) -> TargetFactory:
        """What the process of an arm runs."""
        return self.baseline if arm in BASELINE_ARMS else self.candidate

    @property
    def revision(self) -> str | None:
        """The commit of the baseline; None where it is of none."""
        tree = self.baseline.tree
        return tree.revision if tree else None

    @property
    def gates(self) -> tuple[ComparedMetric, ...]:
        """The metrics, with what two processes of the same code may be apart.

        That is where a version is one process in all windows, and nobody starts it anew.
        """
        if self.start_servers is not None:
            return self.metrics
        return process_luck.allow_for(self.metrics, self.baseline, self.candidate)

    @property
    def has_servers(self) -> bool:
        """Whether a version is a server that runs already, and is loaded twice in each block."""
        lifecycles = (self.baseline.lifecycle, self.candidate.lifecycle)
        return "external" in lifecycles


def compare_under_load(spec: LoadComparisonSpec, tell: Tell) -> Comparison:
    """Run blocks within the budget and judge each figure.

    TargetError when the candidate fails; where the baseline does, the comparison says so. `tell`
    gets how far it is, to be overwritten.
    """
    return LoadComparisonRun(spec, tell).run(spec)


# One block


class ArmWindow(NamedTuple):
    """One window of a block, in figures and as trials."""

    window: LoadWindow
    trials: tuple[Trial, ...]
    fault: str | None = None
    """Why nothing is to be concluded from it."""


class WindowBlockRunner:
    """Blocks one after the other, each with a trace of its own."""

    def __init__(self, spec: LoadComparisonSpec, tell: Tell) -> None:
        self.spec = spec
        self.tell = tell
        self.notes: list[str] = []
        if spec.baseline.tree is not None:
            self.notes += spec.baseline.tree.notes
        self.durations_s: list[float] = []
        """Of the blocks so far."""
        self._ready: dict[str, TargetInfo] = {}
        self._thresholds: tuple[Threshold, ...] | None = None
        self._of_block = spec
        """The comparison with the servers of this block."""

    def run_next(self, of_blocks: str) -> WindowBlock:
        """Run the next block; TargetError when the candidate fails.

        `of_blocks` says how many there will be. NoComparison where the baseline does not run, where
        a server answers from a cache, and where a target is traced.
        """
        start_s = REAL.monotonic()
        number = len(self.durations_s)
        trace = self.draw_trace(number)
        random = np.random.default_rng([self.spec.plan.seed, number])
        order = window_blocks.draw_order(random, may_swap=not self.spec.has_servers)
        found: dict[str, ArmWindow] = {}
        with self._servers_of(number):
            for place, arm in enumerate(order):
                prefix = f"{of_blocks}, window {place + 1} of {len(ARMS)}"
                index = len(ARMS) * number + place
                with self._explaining_baseline(arm):
                    found[arm] = self._run_window(arm, trace, index, prefix)
        if not number:
            self._look_at_first(found)
        self.durations_s.append(REAL.monotonic() - start_s)
        return _block_of(found)

    def draw_trace(self, number: int) -> Trace:
        """What all windows of a block replay."""
        plan = self.spec.plan
        texts = load_texts(plan.plan)
        return draw_trace(plan.load, texts, seed=plan.seed + number, plan=plan.window)

    @contextmanager
    def _servers_of(self, number: int) -> Iterator[None]:
        """The servers of a block, started for it where somebody starts them."""
        self._of_block = self.spec
        if self.spec.start_servers is None:
            yield
            return
        with self.spec.start_servers(number) as (baseline, candidate):
            self._of_block = replace(self.spec, baseline=baseline, candidate=candidate)
            yield

    @contextmanager
    def _explaining_baseline(self, arm: str) -> Iterator[None]:
        """NoComparison for what a TargetError of the baseline means."""
        try:
            yield
        except TargetError as error:
            if arm not in BASELINE_ARMS:
                raise
            reason, outcome = self.spec.explain_baseline(error)
            raise NoComparison(reason, outcome) from error

    def _run_window(self, arm: str, trace: Trace, index: int, prefix: str) -> ArmWindow:
        """One window of a fresh process, drained and quiet before and after."""
        spec = self._of_block
        source = spec.source_of(arm)
        window_s = trace.lead_s + trace.counted_s
        self.tell(f"{prefix}, opening")
        idle = self._idle_meter(arm)
        with LoadGenerator(source, spec.plan.load, spec.plan.plan.mode) as generator:
            ready = generator.open()
            meter = _new_meter(generator, source)
            self._wait_quiet(meter, source)
            before = count_handles(generator.target_pids)
            idle_before_s = idle.cpu_s() if idle is not None else 0.0
            start_s = REAL.monotonic()

            def tell(seconds: float) -> None:
                self.tell(f"{prefix}, {seconds:.0f} of {window_s:.0f} s")

            metered = run_metered_window(generator, trace, meter, tell)
            idle_fault = None
            if idle is not None:
                spent_s = idle.cpu_s() - idle_before_s
                idle_fault = _idle_fault(spent_s / (REAL.monotonic() - start_s))
            after = count_handles(generator.target_pids)
            inspected = generator.inspect()
        tracers = merge_tracers(ready.tracers, inspected.tracers)
        _refuse_tracers(source, tracers)
        self._ready.setdefault(arm, structs.replace(ready, placement=inspected.placement))
        found = self._summarise(metered, index, ready)
        window = structs.replace(found.window, handles_before=before, handles_after=after)
        fault = idle_fault or self._generator_fault(arm, window)
        return found._replace(window=window, fault=fault)

    def _generator_fault(self, arm: str, window: LoadWindow) -> str | None:
        """Why a window of the baseline is the generator's as much as its own; None where it is not.

        What the candidate alone does to the generator, as by leaving it no processor, is part of
        its change: latency counts from when a request was due.
        """
        found = generator_guard.find_window_fault(window)
        if found is None:
            return None
        if arm in BASELINE_ARMS:
            return f"the generator was the bottleneck: {found}; {generator_guard.REMEDY}"
        self._note("beside the new code the generator was late, which is in its figures")
        return None

    def _summarise(self, metered: MeteredWindow, index: int, ready: TargetInfo) -> ArmWindow:
        """The window in figures, by the limits that are in force on this machine."""
        if self._thresholds is None:
            self._thresholds = self.spec.plan.plan.limits_on(cell.fingerprint_of(ready))
        session = index // len(ARMS)
        trials = trials_of(metered.record, index, session=session)
        window = summarise_window(
            trials,
            metered.record,
            index=index,
            session=session,
            prebuffer_ms=player_prebuffer_ms(self._thresholds),
            thresholds=self._thresholds,
            usage=metered.usage,
            pace=self.spec.plan.load.pace,
        )
        return ArmWindow(window_blocks.add_figures(window, trials), trials)

    def _wait_quiet(self, meter: TargetMeter | None, source: TargetFactory) -> None:
        if meter is not None and not meter.wait_quiet(QUIET_TIMEOUT_S):
            self._note(
                f"{source.spec.shown} kept working for {QUIET_TIMEOUT_S:g} s before a window"
            )

    def _idle_meter(self, arm: str) -> TargetMeter | None:
        """Reads the version that is to be idle; None where none runs, or it is the same server."""
        loaded = self._of_block.source_of(arm)
        for other in (self._of_block.baseline, self._of_block.candidate):
            if other == loaded or other.lifecycle != "external":
                continue
            owner = server_target.find_server(other.spec)
            if owner.pid is None:
                self._note(f"whether {other.spec.shown} was idle cannot be seen: {owner.reason}")
            elif loaded.lifecycle != "external" or not _is_server(loaded, owner.pid):
                return TargetMeter([owner.pid], started_here=False)
        return None

    def _note(self, text: str) -> None:
        if text not in self.notes:
            self.notes.append(text)

    def _look_at_first(self, found: dict[str, ArmWindow]) -> None:
        """What of a first block is to be said, or forbids a comparison."""
        baseline, candidate = self._ready["baseline"], self._ready["candidate"]
        self.notes += fingerprint.list_differing(baseline, candidate)
        if self.spec.has_servers and self.spec.start_servers is None:
            self._note(
                "a server was loaded that runs already: one start in all blocks, so what two "
                "starts of the same code differ by is in the change"
            )
        self._refuse_silent_baseline(found)
        for first, second in (ARMS[:2], ARMS[2:]):
            source = self._of_block.source_of(first)
            if source.lifecycle == "external":
                _refuse_cache(source, found[first].trials, found[second].trials)

    def _refuse_silent_baseline(self, found: dict[str, ArmWindow]) -> None:
        windows = [found[arm].window for arm in BASELINE_ARMS]
        offered = sum(window.offered for window in windows)
        answered = sum(map(count_served, windows))
        if answered >= LEAST_ANSWERED * offered:
            return
        failures = sorted({kind for window in windows for kind in window.failures})
        listed = f" ({', '.join(failures)})" if failures else ""
        raise NoComparison(
            f"{self.spec.against} answered {answered} of {offered} requests under this load"
            f"{listed}, so there is nothing to compare with: choose a smaller load"
        )


def _is_server(source: TargetFactory, pid: int) -> bool:
    return server_target.find_server(source.spec).pid == pid


def _new_meter(generator: LoadGenerator, source: TargetFactory) -> TargetMeter | None:
    pids = generator.target_pids
    if not pids:
        return None
    return TargetMeter(pids, started_here=source.lifecycle != "external")


def _idle_fault(share: float) -> str | None:
    """Why a window says nothing beside a server that used so much of a core."""
    if share <= IDLE_SHARE:
        return None
    return (
        f"the other version, which was to be idle, used {share:.0%} of a core: let nobody else ask "
        "it meanwhile"
    )


def _refuse_tracers(source: TargetFactory, tracers: tuple[str, ...]) -> None:
    if tracers:
        raise NoComparison(
            f"{source.spec.label} was traced by {', '.join(tracers)}: what was compared is the "
            "tracer's as much as the engine's; run without it"
        )


def _refuse_cache(source: TargetFactory, first: Sequence[Trial], second: Sequence[Trial]) -> None:
    """NoComparison for a server that answers a trace far faster the second time."""
    before = _median_rtf(first)
    again = _median_rtf(second)
    if before is None or again is None or again >= validity.CACHE_RATIO * before:
        return
    raise NoComparison(
        f"{source.spec.shown} answers texts that it has spoken from a cache (median rtf "
        f"{again:.2g} against {before:.2g}), and both windows of a version replay the same texts: "
        "switch the cache off"
    )


def _median_rtf(trials: Sequence[Trial]) -> float | None:
    rtf = definitions.METRICS["rtf"]
    values = []
    for trial in load_metrics.whole_answers(trials):
        value = rtf.of(trial, 0.0)
        if value is not None:
            values.append(value)
    return median(values) if values else None


def _block_of(found: dict[str, ArmWindow]) -> WindowBlock:
    faults = [found[arm].fault for arm in ARMS if found[arm].fault is not None]
    return WindowBlock(
        windows=tuple(found[arm].window for arm in ARMS),
        stages=tuple(window_blocks.slowest_stages(found[arm].trials) for arm in ARMS),
        speech_s=window_blocks.common_speech_s([found[arm].trials for arm in ARMS]),
        fault=faults[0] if faults else None,
    )


# The comparison


class LoadComparisonRun:
    """One comparison from its first block to its verdicts, over all attempts of its test."""

    def __init__(self, spec: LoadComparisonSpec, tell: Tell) -> None:
        self.spec = spec
        self.blocks: list[WindowBlock] = []
        self.runner = WindowBlockRunner(spec, tell)
        self._tell = tell
        self._looks: WindowLooks | None = None
        """None until it is clear which figures can be measured."""
        self._attempts = 0
        self._cpu_idle_inhibited: bool | None = None
        self._judged_after: int | None = None
        """How many blocks there were when a budget was first spent, and with it its levels."""
        self._first = 0
        """How many blocks there were when this attempt began."""
        self._earlier_s = 0.0
        self._started_s = REAL.monotonic()

    def run(self, spec: LoadComparisonSpec) -> Comparison:
        """One attempt, with the blocks of those before; see `compare_under_load`."""
        if self._attempts:
            self._earlier_s = self._elapsed_s()
        self._started_s = REAL.monotonic()
        self.spec = spec
        self.runner.spec = spec
        self._first = len(self.blocks)
        if self._looks is None or not self._looks.is_settled:
            self._attempts += 1
            try:
                with inhibit_cpu_idle() as self._cpu_idle_inhibited:
                    plan = self._run_blocks()
                    self._confirm(plan)
            except NoComparison as error:
                empty = self._base_comparison()
                return structs.replace(empty, outcome=error.outcome, reason=str(error))
            finally:
                self._tell("")
        return self._comparison()

    def _run_blocks(self) -> BlockPlan:
        """Fill `blocks` and look at them, until all is settled or the budget is spent."""
        self._refuse_surely_short()
        self._run_next("block 1")
        plan = self._plan()
        if plan.shortfall is not None:
            raise NoComparison(
                f"{plan.shortfall} ({self.spec.budget_option})",
                Outcome.INCONCLUSIVE,
            )
        while True:
            is_over = self._is_over(plan)
            self._look(plan, is_over=is_over)
            if is_over or self._is_settled:
                return plan
            self._run_next(self._block_text(plan))

    @property
    def _is_settled(self) -> bool:
        return self._looks is not None and self._looks.is_settled

    def _block_text(self, plan: BlockPlan) -> str:
        """`block 3 of 6`; nobody knows of how many where the budget is open."""
        text = f"block {len(self.blocks) + 1}"
        if math.isinf(self.spec.budget_s):
            return text
        return f"{text} of {plan.blocks}"

    def _refuse_surely_short(self) -> None:
        """NoComparison before anything is run, where not even the arrivals fit into the budget."""
        trace = self.runner.draw_trace(0)
        block_s = len(ARMS) * (trace.lead_s + trace.counted_s)
        if self.blocks or pairs.FEWEST_SESSIONS * block_s <= self.spec.budget_s:
            return
        text = pairs.shortfall_text(self.spec.budget_s, block_s)
        raise NoComparison(
            f"{text} and some more to open ({self.spec.budget_option})",
            Outcome.INCONCLUSIVE,
        )

    def _plan(self) -> BlockPlan:
        """How many blocks there will be, with those of earlier attempts.

        Once a budget has been spent, what it allows to err is spent as well: all further looks
        share a level of their own.
        """
        durations_s = self.runner.durations_s[self._first :]
        plan = pairs.plan_blocks(self.spec.budget_s, durations_s[0], LONGEST_S)
        if not self._first or math.isinf(self.spec.budget_s):
            return plan
        blocks = self._first + max(1, plan.blocks)
        if self._judged_after is not None:
            return always_valid.further_plan(plan, self._judged_after, blocks)
        shortfall = plan.shortfall if blocks < pairs.FEWEST_SESSIONS else None
        return structs.replace(plan, blocks=blocks, shortfall=shortfall)

    def _run_next(self, of_blocks: str) -> None:
        prefix = f"against {self.spec.against}, {self.spec.plan.load.label}: {of_blocks}"
        self.blocks.append(self.runner.run_next(prefix))
        faults = [block.fault for block in self.blocks if block.fault is not None]
        if len(faults) == len(self.blocks) >= MOST_FAULTS:
            raise NoComparison(faults[-1])

    def _look(self, plan: BlockPlan, *, is_over: bool) -> None:
        levels = plan.levels_after(len(self.blocks))
        if is_over:
            levels = plan.end
            self._judged_after = self._judged_after or len(self.blocks)
        if levels is None:
            return
        looks = self._chosen_looks()
        looks.look(self.blocks, levels, plan.end, elapsed_s=self._elapsed_s())

    def _chosen_looks(self) -> WindowLooks:
        """The looks at what can be measured; what neither version has is not judged."""
        if self._looks is None:
            metrics = []
            for metric in self.spec.gates:
                if _is_measured(self.blocks, metric):
                    metrics.append(metric)
                else:
                    self.runner.notes.append(
                        f"not compared, as it was not measured: {metric.label}"
                    )
            self._looks = WindowLooks(metrics)
        return self._looks

    def _is_over(self, plan: BlockPlan) -> bool:
        done = len(self.blocks)
        if done >= plan.blocks:
            return True
        spent_s = sum(self.runner.durations_s[self._first :])
        is_open = math.isinf(self.spec.budget_s)
        most_s = LONGEST_S if is_open else OVERRUN * self.spec.budget_s
        if spent_s > most_s:
            self.runner.notes.append(f"stopped after {plural(done, 'block')}, which got slower")
            return True
        is_futile = self._looks is not None and self._looks.is_unreadable
        if done >= FUTILE_AFTER and is_futile:
            self.runner.notes.append(
                f"stopped after {plural(done, 'block')}, as none could be read of what is open"
            )
            return True
        return False

    def _confirm(self, plan: BlockPlan) -> None:
        """Judge suspicions of the last blocks again, with fresh ones beyond the budget."""
        looks = self._chosen_looks()
        wanted = looks.fresh_blocks_wanted(len(self.blocks))
        for done in range(wanted):
            self._run_next(f"confirming a FAIL, block {done + 1} of {wanted}")
        if wanted:
            looks.confirm(self.blocks, plan.end, elapsed_s=self._elapsed_s())

    def _elapsed_s(self) -> float:
        """Of all attempts."""
        return self._earlier_s + REAL.monotonic() - self._started_s

    # What was found

    def _base_comparison(self) -> Comparison:
        return Comparison(
            against=self.spec.against,
            revision=self.spec.revision,
            seconds=self._elapsed_s(),
            seed=self.spec.plan.seed,
            gates=self.spec.gates,
        )

    def _comparison(self) -> Comparison:
        looks = self._chosen_looks()
        measured: dict[str, tuple[Block, ...]] = {}
        for metric in looks.metrics:
            measured[metric.metric] = tuple(to_block(block, metric) for block in self.blocks)
        return structs.replace(
            self._base_comparison(),
            blocks=len(self.blocks),
            attempts=max(1, self._attempts),
            cpu_idle_inhibited=self._cpu_idle_inhibited,
            notes=tuple(dict.fromkeys(self._notes(looks))),
            gates=looks.metrics,
            changes=tuple(map(self._with_cost, looks.verdicts)),
            measured=measured,
            windows=self._windows_by_arm(),
        )

    def _notes(self, looks: WindowLooks) -> list[str]:
        notes = [*self.runner.notes, *self._band_notes(looks)]
        if self._attempts > 1:
            notes.append(f"pooled over {self._attempts} attempts of the test")
        return notes

    def _windows_by_arm(self) -> dict[str, tuple[LoadWindow, ...]]:
        by_arm = {}
        for place, arm in enumerate(ARMS):
            by_arm[arm] = tuple(block.windows[place] for block in self.blocks)
        return by_arm

    def _band_notes(self, looks: WindowLooks) -> list[str]:
        """By how much two windows of the same code differ, and how many pairs that asks for."""
        notes = []
        for metric in looks.metrics:
            if metric.metric != FIGURES["ttfa_p95"].metric:
                continue
            deviation = window_blocks.pair_deviation(self.blocks, metric)
            if deviation is None:
                continue
            wanted = pairs.PAIRS_PER_BLOCK * pairs.blocks_wanted(deviation)
            notes.append(
                f"the {metric.label} of two windows of the same code differs by "
                f"{100 * math.expm1(deviation):.1f} % (standard deviation); {wanted} pairs make "
                f"their mean sure to {100 * pairs.WANTED_ERROR:.0f} %"
            )
        return notes

    def _with_cost(self, change: ChangeVerdict) -> ChangeVerdict:
        """An open verdict with how long the blocks take that it lacks."""
        is_open = change.outcome is Outcome.INCONCLUSIVE
        if not is_open or change.blocks_needed is None or not change.blocks:
            return change
        durations_s = self.runner.durations_s
        further_s = change.blocks_needed * sum(durations_s) / len(durations_s)
        cost = f"{further_s / 60:.0f} min"
        if not math.isinf(self.spec.budget_s):
            budget_s = math.ceil(sum(durations_s) + further_s)
            cost = f"{cost}, {self.spec.budget_option}={budget_s}s"
        return structs.replace(change, reason=f"{change.reason} ({cost})")


def _is_measured(blocks: Sequence[WindowBlock], metric: ComparedMetric) -> bool:
    """Whether any window of either version has the figure."""
    for block in blocks:
        arms = to_block(block, metric).metric
        if np.isfinite(arms.array()).any():
            return True
    return False
