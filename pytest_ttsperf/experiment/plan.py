"""What is to be measured: where the target comes from, which texts, how many trials."""

from __future__ import annotations

import difflib
import hashlib
import re
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from msgspec import structs

from pytest_ttsperf import secrets
from pytest_ttsperf.errors import MeasurementError
from pytest_ttsperf.judge.statistics import quantiles
from pytest_ttsperf.measure import corpus, schedule
from pytest_ttsperf.records import (
    Cell,
    CellResult,
    Json,
    Mode,
    Phase,
    TargetInfo,
    TargetSpec,
    Threshold,
)
from pytest_ttsperf.targets import spec as targets_spec
from pytest_ttsperf.targets.base import Target
from pytest_ttsperf.targets.command import target
from pytest_ttsperf.targets.python.inline import InlineTarget
from pytest_ttsperf.targets.server import request_template
from pytest_ttsperf.targets.server.target import ServerTarget
from pytest_ttsperf.targets.spec import SERVERS, kind
from pytest_ttsperf.targets.worker.parent import WorkerTarget
from pytest_ttsperf.targets.worker.source_tree import Tree, TreeOverride

UNNAMED = "default"
"""The provider or voice of a target that was asked for none and tells none."""
PERCENTILES = {"p50": 0.50, "p95": 0.95, "p99": 0.99}
DEFAULT_WARM_PERCENTILE = 0.95
DEFAULT_COLD_PERCENTILE = 0.50


@dataclass(frozen=True, slots=True)
class TargetFactory:
    """Where a target comes from; each `make` is a new one, not yet open."""

    spec: TargetSpec
    provider: str | None = None
    voice: str | None = None
    demanded: tuple[str, ...] = ()
    timeout_s: float = 60.0
    inline: bool = False
    tree: Tree | None = None
    """Another version of the code, in whose place the running one is not opened."""

    def __post_init__(self) -> None:
        """MeasurementError for another version of what is not imported."""
        if self.is_server and self.tree is not None:
            raise MeasurementError(
                f"{self.spec.shown} runs already: another version of the code cannot be put in its "
                "place; start that version too, and compare with its address"
            )
        if kind(self.spec.spec) == "command" and self.tree is not None:
            raise MeasurementError(
                f"{self.spec.shown} is not imported, so it would be the same at {self.tree.label}; "
                "name that version's program itself: --ttsperf-against=cmd:..."
            )

    @property
    def is_per_text(self) -> bool:
        """Whether each trial is a fresh start of it, so that there is nothing warm to measure."""
        return kind(self.spec.spec) == "command" and target.is_once(self.spec)

    @property
    def is_server(self) -> bool:
        """Whether it runs already, before it is measured."""
        return kind(self.spec.spec) in SERVERS

    def make(self) -> Target:
        """A target to open, by the form of its spec.

        MeasurementError for one that cannot be inline, VariableUnset for one whose `{env:NAME}`
        is not set.
        A `module:callable` has a process of its own unless asked for inline.
        """
        targets_spec.resolve(self.spec.spec)
        targets_spec.resolve_options(self.spec.options)
        secrets.remember(self.spec.spec, self.spec.options)
        pairs = {"provider": self.provider, "voice": self.voice}
        offered = {name: value for name, value in pairs.items() if value is not None}
        if self.inline and kind(self.spec.spec) != "python":
            raise MeasurementError(
                f"{self.spec.shown} runs in a process of its own already; leave out "
                "--ttsperf-inline, which is for module:callable"
            )
        match kind(self.spec.spec):
            case "command":
                return target.CommandTarget(
                    self.spec, offered=offered, demanded=self.demanded, timeout_s=self.timeout_s
                )
            case "http" | "wyoming":
                return ServerTarget(
                    self.spec, offered=offered, demanded=self.demanded, timeout_s=self.timeout_s
                )
            case "python":
                return self._in_python(offered)

    def _in_python(self, offered: dict[str, str]) -> Target:
        if self.inline:
            return InlineTarget(self.spec, offered=offered, demanded=self.demanded)
        return WorkerTarget(
            self.spec,
            offered=offered,
            demanded=self.demanded,
            timeout_s=self.timeout_s,
            mirror=self.tree
            and TreeOverride(ours=str(self.tree.project), theirs=str(self.tree.folder)),
            python=self.tree.python if self.tree else sys.executable,
        )


def with_http_options(spec: TargetSpec, http: Mapping[str, Json]) -> TargetSpec:
    """A server's spec with the run's options for HTTP; its own come first.

    Whether the connection is kept is always among them: it is another cell otherwise. TargetError
    for a form that cannot be understood.
    """
    if kind(spec.spec) not in SERVERS:
        return spec
    if kind(spec.spec) == "wyoming":
        given = {"connection": http.get("connection", "keep"), **spec.options}
        return structs.replace(spec, options=given)
    given = {**http, **spec.options}
    form = request_template.build_template(
        given.get("preset"), given.get("template"), given.get("connection")
    )
    return structs.replace(spec, options={**given, "connection": form.connection})


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
    """Trials already spoken in this cell; they are not spoken again."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a measurement is; `remaining_s` is None while nothing is known."""

    plan: Plan
    done: int
    of: int
    remaining_s: float | None


def default_trials(phase: Phase, thresholds: Iterable[Threshold]) -> int:
    """The fewest trials that can prove the strictest percentile asked for.

    Warm cells get at least what proves a p95 (59), cold ones what proves a p50 (5 starts).
    """
    floor = DEFAULT_WARM_PERCENTILE if phase == "warm" else DEFAULT_COLD_PERCENTILE
    if phase == "cold":
        return quantiles.trials_to_prove(floor)
    asked = [PERCENTILES[t.statistic] for t in thresholds if t.statistic in PERCENTILES]
    return quantiles.trials_to_prove(max([floor, *asked]))


def skip_spoken(plan: Plan, earlier: Iterable[CellResult]) -> Plan:
    """The plan, going on with fresh texts where this test has spoken some of them already."""
    same = (
        len(result.counted)
        for result in earlier
        if (result.cell.preset, result.cell.mode, result.cell.phase)
        == (preset_name(plan.text), plan.mode, plan.phase)
    )
    return replace(plan, first=sum(same))


def cell_of(source: TargetFactory, ready: TargetInfo, plan: Plan) -> Cell:
    told = ready.placement or {}
    return Cell(
        test=plan.test,
        target=source.spec.label,
        provider=source.provider or UNNAMED,
        voice=source.voice or str(told.get("voice") or UNNAMED),
        preset=preset_name(plan.text),
        mode=plan.mode,
        phase=plan.phase,
    )


def preset_name(text: str) -> str:
    """A preset's name, or a name for a text of the test's own: its first words and a digest."""
    if corpus.is_preset(text):
        return text
    first = "-".join(re.findall(r"[^\W_]+", text.lower())[:3])[:24] or "text"
    return f"{first}-{hashlib.sha256(text.encode()).hexdigest()[:8]}"


def trial_texts(plan: Plan) -> Sequence[str]:
    if corpus.is_preset(plan.text):
        return corpus.texts(plan.text, plan.trials, skip=plan.first)
    return [_free_text(plan.text)] * plan.trials


def warmup_texts(plan: Plan, count: int) -> Sequence[str]:
    return corpus.warmup_texts(plan.text if corpus.is_preset(plan.text) else "short", count)


def probe_texts(plan: Plan, spoken: str) -> Sequence[str]:
    """What finds caches: a text the trials have spoken, and in turn one that nobody ever has."""
    preset = plan.text if corpus.is_preset(plan.text) else "short"
    unheard = corpus.fresh_texts(preset, schedule.PROBES)
    return [text for new in unheard for text in (spoken, new)]


def _free_text(text: str) -> str:
    near = difflib.get_close_matches(text, corpus.PRESETS, n=1, cutoff=0.7)
    if near and " " not in text.strip():
        raise MeasurementError(
            f"{text!r} is no preset ({', '.join(corpus.PRESETS)}); did you mean {near[0]!r}? "
            "A text to be spoken as it is has more than one word"
        )
    return text
