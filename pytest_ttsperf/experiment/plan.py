"""What is to be measured: where the target comes from, which texts, how many trials."""

from __future__ import annotations

import difflib
import hashlib
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from pytest_ttsperf import secrets
from pytest_ttsperf.errors import MeasurementError
from pytest_ttsperf.judge import limits
from pytest_ttsperf.judge.statistics import quantiles
from pytest_ttsperf.measure import corpus, schedule
from pytest_ttsperf.records import (
    Cell,
    CellResult,
    Mode,
    Phase,
    TargetInfo,
    TargetSpec,
    Threshold,
)
from pytest_ttsperf.targets import spec as targets_spec
from pytest_ttsperf.targets.base import Lifecycle, Target, TargetRequest
from pytest_ttsperf.targets.worker.source_tree import Tree

UNNAMED = "default"
"""The provider or voice of a target where none is named, neither by the run nor by itself."""
PERCENTILES = {"p50": 0.50, "p95": 0.95, "p99": 0.99}
DEFAULT_WARM_PERCENTILE = 0.95
DEFAULT_COLD_PERCENTILE = 0.50
LEAK_TRIALS = 200
"""Readings that scatter by 0.2 MB tell a slope from another that is 1 MB per 1000 steeper."""


@dataclass(frozen=True, slots=True)
class TargetFactory:
    """Where a target comes from; each `make` is a new one, not yet open."""

    spec: TargetSpec
    provider: str | None = None
    voice: str | None = None
    requested: tuple[str, ...] = ()
    timeout_s: float = 60.0
    inline: bool = False
    tree: Tree | None = None
    """Another version of the code, in whose place the running one is not opened."""
    python: str | None = None
    """Another interpreter, on whose packages the target is opened."""
    profile_folder: Path | None = None
    """Takes profiles of its sessions of ONNX Runtime, in processes whose figures do not count."""

    def __post_init__(self) -> None:
        """MeasurementError for another version, or interpreter, of what is not imported."""
        # Also where there is no other version: what such a target needs is imported now, and not
        # within a test, which may have replaced the clock or the network.
        target = self._new_target()
        if self.python is not None:
            self._refuse_python(target)
        if self.tree is None or target.can_swap_code:
            return
        if target.lifecycle == "external":
            raise MeasurementError(
                f"{self.spec.shown} runs already: another version of the code cannot be put in its "
                "place; start that version too, and compare with its address"
            )
        if target.lifecycle == "served":
            raise MeasurementError(
                f"{self.spec.shown} is started by its command, which would be the same at "
                f"{self.tree.label}; name that version's: --ttsperf-against='{self.spec.shown}' "
                "--ttsperf-against-option start=COMMAND"
            )
        prefix = targets_spec.kind_of(self.spec.spec).prefixes[0]
        raise MeasurementError(
            f"{self.spec.shown} is not imported, so it would be the same at {self.tree.label}; "
            f"name that version's program itself: --ttsperf-against={prefix}..."
        )

    def _refuse_python(self, target: Target) -> None:
        """MeasurementError where no interpreter of our choice opens the target."""
        if not target.can_swap_code:
            raise MeasurementError(
                f"{self.spec.shown} is not imported, so no interpreter can be chosen for it; start "
                "it with that one, and leave out --ttsperf-python"
            )
        if self.inline:
            raise MeasurementError(
                "--ttsperf-python opens a process of its own; leave it out, or --ttsperf-inline"
            )
        if self.tree is not None and self.tree.has_own_environment:
            raise MeasurementError(
                f"{self.tree.label} has an environment of its own; leave out --ttsperf-python, or "
                "--ttsperf-against-install"
            )

    @property
    def lifecycle(self) -> Lifecycle:
        """How long its process lives: `kept`, `per_text`, `served` or `external`."""
        return self._new_target().lifecycle

    @property
    def cold_missing_because(self) -> str | None:
        """Why it has no cold start that could be measured, and what has; None where it has one."""
        if self.lifecycle == "external":
            return (
                f"{self.spec.shown} runs already, so it has no cold start that could be measured; "
                "measure it warm, or name what starts it as cmd: or module:callable"
            )
        if self.lifecycle == "served":
            return (
                f"{self.spec.shown} has answered once it is open, so it has no cold start that "
                "could be measured; measure it warm, or name its engine as module:callable"
            )
        return None

    @property
    def can_swap_code(self) -> bool:
        """Whether it is imported code, in whose place another version can be opened."""
        return self._new_target().can_swap_code

    @property
    def placement_remedy(self) -> str:
        """How such a target comes to say which provider runs it."""
        return self._new_target().placement_remedy

    def make(self) -> Target:
        """A target to open, of the kind that its spec has.

        MeasurementError for one that cannot be inline, VariableUnset for one whose `{env:NAME}`
        is not set. A `module:callable` has a process of its own unless it is to be inline.
        """
        targets_spec.resolve(self.spec.spec)
        targets_spec.resolve_options(self.spec.options)
        secrets.remember(self.spec.spec, self.spec.options)
        target = self._new_target()
        if self.inline and not target.can_swap_code:
            raise MeasurementError(
                f"{self.spec.shown} runs in a process of its own already; leave out "
                "--ttsperf-inline, which is for module:callable"
            )
        return target

    @property
    def request(self) -> TargetRequest:
        """What is wanted, as those who make targets understand it."""
        available = {}
        if self.provider is not None:
            available["provider"] = self.provider
        if self.voice is not None:
            available["voice"] = self.voice
        return TargetRequest(
            spec=self.spec,
            available=available,
            requested=self.requested,
            timeout_s=self.timeout_s,
            is_inline=self.inline,
            tree=self.tree,
            python=self.python,
            profile_folder=self.profile_folder,
        )

    def _new_target(self) -> Target:
        return targets_spec.new_target(self.request)


@dataclass(frozen=True, slots=True)
class QualityPlan:
    """What of the sound is judged on request, beside what always is."""

    true_peak: bool = False
    loudness: bool = False
    seams: bool = False
    words: bool = False
    timbre: bool = False
    mos: bool = False
    recognizer: str = "pocketsphinx"
    """Or `module:callable`."""
    budget_s: float = 12.0
    """For what is slow: words and opinion are judged of a sample that it holds."""
    save_to: Path | None = None
    """The folder that gets the sound and the chunk timeline of each trial; None for none."""

    @property
    def is_slow(self) -> bool:
        """Whether anything is judged in a process of its own, of a sample of the trials."""
        return self.words or self.mos

    @property
    def needs_sound(self) -> bool:
        """Whether anything is judged after the trials, by their samples."""
        return self.is_slow or self.timbre


NO_QUALITY = QualityPlan()


@dataclass(frozen=True, slots=True)
class Plan:
    """What to measure: one cell, its text, how many trials, and the limits that may stop it."""

    test: str
    text: str
    mode: Mode
    phase: Phase
    trials: int
    limits_on: Callable[[str], tuple[Threshold, ...]] = lambda _: ()
    """The limits in force on a fingerprint; they may differ from machine to machine."""
    first: int = 0
    """Trials that this cell has already; their texts are not used again."""
    quality: QualityPlan = NO_QUALITY
    processes: int | None = None
    """Over how many the trials of a warm cell are spread; None for as many as cost little."""
    texts_from: int = 0
    """The number in the preset's order at which the texts of the run start."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a measurement is; `remaining_s` is None while nothing is known."""

    plan: Plan
    done: int
    of: int
    remaining_s: float | None


Tell = Callable[[Progress], None]
"""Shows how far a measurement is."""


def default_trials(phase: Phase, thresholds: Iterable[Threshold], looks: int = 1) -> int:
    """The fewest trials that can prove the strictest percentile of the thresholds.

    Warm cells get at least what proves a p95 (59), cold ones what proves a p50 (5 starts). A slope
    of memory takes LEAK_TRIALS. Where
    reruns are announced, so that several `looks` share the error, it takes more.
    """
    alpha = limits.Looks(announced=looks).alpha
    if phase == "cold":
        return quantiles.trials_to_prove(DEFAULT_COLD_PERCENTILE, alpha=alpha)
    strictest = DEFAULT_WARM_PERCENTILE
    fewest = 1
    for threshold in thresholds:
        strictest = max(strictest, PERCENTILES.get(threshold.statistic, 0.0))
        if threshold.metric == limits.LEAK:
            fewest = LEAK_TRIALS
    return max(fewest, quantiles.trials_to_prove(strictest, alpha=alpha))


def skip_spoken(plan: Plan, earlier: Iterable[CellResult]) -> Plan:
    """The plan, going on with fresh texts where this test has used some of them already.

    But for those of many listeners, who use up all that there are and begin again.
    """
    wanted = (preset_name(plan.text), plan.mode, plan.phase)
    count = 0
    for result in earlier:
        cell = result.cell
        if cell.load is not None:
            continue
        if (cell.preset, cell.mode, cell.phase) == wanted:
            count += len(result.counted)
    return replace(plan, first=count)


def cell_of(source: TargetFactory, ready: TargetInfo, plan: Plan) -> Cell:
    """What the results of a plan belong to: the identity that baselines are looked up by."""
    placement = ready.placement or {}
    return Cell(
        test=plan.test,
        target=source.spec.label,
        provider=source.provider or UNNAMED,
        voice=source.voice or str(placement.get("voice") or UNNAMED),
        preset=preset_name(plan.text),
        mode=plan.mode,
        phase=plan.phase,
    )


def preset_name(text: str) -> str:
    """A preset's name, or a name for a text of the test's own: its first words and a digest."""
    if corpus.is_preset(text):
        return text
    words = re.findall(r"[^\W_]+", text.lower())
    beginning = "-".join(words[:3])[:24] or "text"
    digest = hashlib.sha256(text.encode()).hexdigest()[:8]
    return f"{beginning}-{digest}"


def trial_texts(plan: Plan) -> Sequence[str]:
    """A fresh text of its preset for each trial, or one text of the test's own for all."""
    if corpus.is_preset(plan.text):
        return corpus.texts(plan.text, plan.trials, skip=plan.first, start=plan.texts_from)
    return [_free_text(plan.text)] * plan.trials


def start_of_texts(plan: Plan) -> int | None:
    """Where in the order of its preset a plan starts; None for a text of the test's own."""
    return plan.texts_from if corpus.is_preset(plan.text) else None


def draw_start() -> int:
    """A number at which the texts of a run may start, drawn anew at each call."""
    return corpus.draw_start()


def warmup_texts(plan: Plan, count: int) -> Sequence[str]:
    """Texts that no trial uses."""
    return corpus.warmup_texts(_preset(plan), count)


def probe_texts(plan: Plan, used: str) -> Sequence[str]:
    """What finds caches: a text that the trials have used, and in turn one that nobody ever has."""
    texts = []
    for fresh in corpus.fresh_texts(_preset(plan), schedule.PROBES):
        texts += [used, fresh]
    return texts


def _preset(plan: Plan) -> str:
    """Where further texts come from."""
    return plan.text if corpus.is_preset(plan.text) else "short"


def _free_text(text: str) -> str:
    """A text of the test's own. MeasurementError for what looks like a preset, misspelt."""
    near = difflib.get_close_matches(text, corpus.PRESETS, n=1, cutoff=0.7)
    if near and " " not in text.strip():
        raise MeasurementError(
            f"{text!r} is no preset ({', '.join(corpus.PRESETS)}); did you mean {near[0]!r}? "
            "A text to be spoken as it is has more than one word"
        )
    return text
