"""Fixtures: a warmed engine per provider, a cold one, and `perf`, which measures either."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from pytest_ttsperf import secrets
from pytest_ttsperf.errors import MeasurementError, ProviderMissing, TtsperfError
from pytest_ttsperf.plugin import (
    crowds,
    lazy,
    listeners,
    markers,
    run_state,
    soaks,
    target_fixture,
    usage,
)
from pytest_ttsperf.plugin.alternatives import Alternatives
from pytest_ttsperf.plugin.listeners import CallLoad, ListenerCount
from pytest_ttsperf.targets import spec

if TYPE_CHECKING:
    from pytest_ttsperf.experiment.plan import Plan, TargetFactory, Tell
    from pytest_ttsperf.experiment.trial import OpenTarget
    from pytest_ttsperf.records import (
        ArrivalProcess,
        BargeIn,
        CellResult,
        LoadSpec,
        Mode,
        Pace,
        Phase,
        Recording,
        Summary,
        TargetInfo,
        TargetSpec,
    )


class Measurement:
    """What one `perf.stream` or `perf.synthesize` has measured; assert on it as you like."""

    def __init__(self, result: CellResult) -> None:
        self.result = result

    def __getitem__(self, metric: str) -> Summary:
        """A metric's summary: `measurement["ttfa_ms"].p95`. KeyError lists the metrics."""
        if self._hang_ups is not None:
            raise KeyError(
                f"{metric!r}: the test limits only what follows a hang-up, so nothing was "
                "listened to until its end; measure that in a test of its own, or limit it beside "
                "@barge_in"
            )
        if metric not in self.result.summary:
            raise KeyError(f"{metric!r}; measured are {', '.join(self.result.summary)}")
        return self.result.summary[metric]

    @property
    def _hang_ups(self) -> BargeIn | None:
        """Of a single listener; None for any other cell."""
        load = self.result.load
        return None if load is None or load.windows else load.barge_in

    @property
    def recordings(self) -> tuple[Recording, ...]:
        """The raw instants of the counted trials."""
        return tuple(trial.recording for trial in self.result.counted if trial.recording)

    def __repr__(self) -> str:
        cell = self.result.cell
        parts = [f"<Measurement {cell.preset} {cell.mode}"]
        if cell.load is not None:
            parts.append(f"({cell.load})")
        hang_ups = self._hang_ups
        if self.result.capacity is not None:
            parts.append(self.result.capacity.reason)
        elif hang_ups is not None:
            parts.append(f"{hang_ups.hang_ups} hang-ups, stop_p95_ms={hang_ups.stop_p95_ms}")
        else:
            ttfa, rtf = self["ttfa_ms"], self["rtf"]
            parts.append(f"n={ttfa.n} ttfa_ms p50={ttfa.p50} p95={ttfa.p95} rtf p95={rtf.p95}")
        return f"{' '.join(parts)}>"


class WarmEngine:
    """A target that is open and warmed, in a process of its own.

    A measurement may have closed that process and opened another in its place.
    """

    phase: Phase = "warm"

    def __init__(self, opened: OpenTarget) -> None:
        self.opened = opened
        self._is_set_aside = False
        """Whether it is closed, as a crowd was measured."""

    @property
    def source(self) -> TargetFactory:
        """Where the target comes from."""
        return self.opened.source

    @property
    def ready(self) -> TargetInfo:
        """What the target says of itself: sample rate, placement, versions."""
        return self.opened.ready

    def record(self, text: str, mode: Mode = "stream") -> Recording:
        """One synthesis, recorded and not judged."""
        self.open_again()
        return self.opened.target.record(text, mode)

    def measure(self, plan: Plan, tell: Tell) -> CellResult:
        """Measure a plan on this engine."""
        self.open_again()
        return lazy.warm.measure_warm(self.opened, plan, tell)

    def once(self, plan: Plan) -> CellResult:
        """One trial of the plan, unmeasured (--ttsperf-disable)."""
        self.open_again()
        return lazy.cell.run_once(self.opened, plan)

    @contextmanager
    def set_aside(self) -> Iterator[str | None]:
        """Close it while many listeners are measured, who open the target for themselves.

        It would take memory beside them, or one of a server's connections. Gives what was wrong
        with closing it, if anything; it is opened again when it is next used. Meanwhile this
        process has the variables, folder and search path from which it was opened.
        """
        trouble = self.opened.close()
        self._is_set_aside = True
        with self.opened.surroundings.restored():
            yield trouble

    def open_again(self) -> OpenTarget:
        """The target, opened if it was closed for a crowd."""
        if self._is_set_aside:
            self.opened.reopen()
            self._is_set_aside = False
        return self.opened


class ColdEngine:
    """A target that is started anew for each trial."""

    phase: Phase = "cold"

    def __init__(self, source: TargetFactory) -> None:
        self.source = source

    def measure(self, plan: Plan, tell: Tell) -> CellResult:
        """Measure a plan with a fresh process for each trial."""
        return lazy.cell.measure_cold(self.source, plan, tell)

    def once(self, plan: Plan) -> CellResult:
        """One trial of the plan, unmeasured (--ttsperf-disable)."""
        opened = lazy.trial.open_target(self.source, warm=False)
        try:
            return lazy.cell.run_once(opened, plan)
        finally:
            opened.close()


class Perf:
    """Measures at once what it is given to speak; its test is judged when the body is over."""

    def __init__(
        self,
        engine: WarmEngine | ColdEngine,
        state: run_state.TestState,
        count: ListenerCount | None = None,
    ) -> None:
        self.engine = engine
        self._state = state
        self._count = count
        """How many listen, as the test's id says; None where it says nothing."""
        self._measured: dict[tuple[str, str, str], str] = {}
        """Identity of a target, text and mode -> the label under which it was measured."""
        self._soaked: set[tuple[str, str]] = set()
        """Text and mode of what was soaked."""

    def stream(
        self,
        text: str,
        *,
        processes: int | None = None,
        listeners: int | None = None,
        rate: float | None = None,
        pace: Pace = "played",
        think_s: float = 0.0,
        arrivals: ArrivalProcess = "poisson",
        most_in_flight: int | None = None,
        windows: int | None = None,
    ) -> Measurement:
        """Speak a preset (`short`, `medium`, `long`) or any text, streamed, for all trials.

        `processes` is over how many the trials of a warm engine are spread, or its listeners.

        With `listeners` so many listen at once: each asks again when its answer has been played
        and `think_s` seconds have passed, or with `pace="greedy"` as soon as it is there. With
        `rate` so many requests a second come at instants that are drawn beforehand (`arrivals`:
        `poisson` or `constant`), whether or not earlier ones are answered; one that would be more
        than `most_in_flight` is not sent and counts as not answered. `windows` is in how many
        stretches of time that is measured.
        """
        call = CallLoad(
            listeners, rate, pace, think_s, arrivals, most_in_flight, processes, windows
        )
        return self._measure(text, "stream", call)

    def synthesize(
        self,
        text: str,
        *,
        processes: int | None = None,
        listeners: int | None = None,
        rate: float | None = None,
        pace: Pace = "played",
        think_s: float = 0.0,
        arrivals: ArrivalProcess = "poisson",
        most_in_flight: int | None = None,
        windows: int | None = None,
    ) -> Measurement:
        """Speak a preset or any text as a whole: its audio arrives at once, at the end.

        The other arguments are those of `stream`.
        """
        call = CallLoad(
            listeners, rate, pace, think_s, arrivals, most_in_flight, processes, windows
        )
        return self._measure(text, "nonstream", call)

    def _measure(self, text: str, mode: Mode, call: CallLoad) -> Measurement:
        __tracebackhide__ = True
        if not isinstance(text, str) or not text.strip():
            raise MeasurementError(f"perf was given {text!r}; wanted a preset or a text")
        state = self._state
        with _Outcomes(state):
            self._check_processes(call.processes)
            self._refuse_second_server(text, mode)
            load = self._choose_load(call)
            is_soak = markers.soak(state.item) is not None
            if is_soak:
                soaks.refuse_processes(call.processes, is_crowd=load is not None)
                self._refuse_second_soak(text, mode)
            plan = state.plan(text, mode, self.engine.phase, call.processes)
            if state.options.disabled:
                return Measurement(self.engine.once(plan))
            if is_soak and isinstance(self.engine, WarmEngine):
                return Measurement(self._soak(self.engine, plan, load))
            if load is not None and isinstance(self.engine, WarmEngine):
                of_trials = self._measure_beside(self.engine, plan, load)
                crowd = self._measure_crowd(self.engine, plan, load, call.windows)
                return Measurement(of_trials or crowd)
            result = self.engine.measure(plan, state.progress)
        return Measurement(state.add(result, self.engine.source, plan))

    def _choose_load(self, call: CallLoad) -> LoadSpec | None:
        """The load, or None for one listener who listens to the end; of a search its first level.

        MeasurementError where that cannot be. The test is skipped where another of its
        parametrisations measures the same.
        """
        item = self._state.item
        load: LoadSpec | None
        keywords = markers.capacity(item)
        if keywords is not None:
            load = listeners.load_of_search(call, keywords.get("min_rate"))
        else:
            load = listeners.load_of(call, self._count, hangs_up=markers.hangs_up(item))
        if load is not None:
            listeners.refuse_unfit(load, self.engine.source, self.engine.phase)
        return load

    def _measure_beside(
        self,
        engine: WarmEngine,
        plan: Plan,
        load: LoadSpec,
    ) -> CellResult | None:
        """The trials beside a single listener who hangs up; None where nothing needs them.

        Other limits are judged as without @barge_in: of whoever listens to the end.
        """
        state = self._state
        if not load.is_watched or not markers.limits_trials(state.item):
            return None
        of_trials = crowds.leave_out_hang_ups(plan)
        result = engine.measure(of_trials, state.progress)
        return state.add(result, engine.source, of_trials)

    def _measure_crowd(
        self,
        engine: WarmEngine,
        plan: Plan,
        load: LoadSpec,
        windows: int | None,
    ) -> CellResult:
        state = self._state
        with engine.set_aside() as trouble:
            if trouble:
                state.remarks.append(trouble)
            return state.measure_crowd(engine.source, engine.ready, plan, load, windows)

    def _soak(self, engine: WarmEngine, plan: Plan, load: LoadSpec | None) -> CellResult:
        state = self._state
        if load is None:
            return state.measure_soak(engine.open_again(), plan)
        with engine.set_aside() as trouble:
            if trouble:
                state.remarks.append(trouble)
            return state.measure_crowd_soak(engine.source, engine.ready, plan, load)

    def _refuse_second_soak(self, text: str, mode: Mode) -> None:
        """MeasurementError where a soak would take the place of another of the same test."""
        if (text, mode) in self._soaked:
            raise MeasurementError(
                "this test has soaked this text already, and each soak begins anew; give each a "
                "test of its own, or a longer one (@soak(minutes=...))"
            )
        self._soaked.add((text, mode))

    def _check_processes(self, processes: int | None) -> None:
        """MeasurementError for what is no number of processes, and for any of cold starts."""
        if processes is None:
            return
        is_number = isinstance(processes, int) and not isinstance(processes, bool)
        if not is_number or processes < 1:
            raise MeasurementError(
                f"perf was given processes={processes!r}; wanted a whole number of at least 1"
            )
        if self.engine.phase == "cold":
            raise MeasurementError(
                f"perf was given processes={processes} in a test that uses cold_engine, whose "
                "every trial is a process of its own; leave out processes="
            )

    def _refuse_second_server(self, text: str, mode: Mode) -> None:
        """MeasurementError where two servers would be pooled as one cell."""
        label = self.engine.source.spec.label
        identity = lazy.records_cell.target_identity(label)
        first = self._measured.setdefault((identity, text, mode), label)
        if first != label:
            raise MeasurementError(
                f"this test has measured {first} and now measures {label}, which differs in the "
                "port alone: on this machine that is the same server, and their trials would be "
                "mixed. Give each a test of its own, or parametrize the fixture ttsperf_target"
            )


@pytest.fixture
def ttsperf_target(request: pytest.FixtureRequest) -> str | TargetSpec:
    """What to measure; override it to return a spec, or a TargetSpec with keyword options."""
    target = run_state.run_state_of(request.config).options.target
    if target is None:
        pytest.fail(
            f"no target to measure; set ttsperf_target in the pytest configuration, or give "
            f"--ttsperf-target: {spec.FORMS}",
            pytrace=False,
        )
    return target


@pytest.fixture
def _ttsperf_provider(request: pytest.FixtureRequest) -> str | None:
    """The provider of this parametrisation; set by `pytest_generate_tests`."""
    if hasattr(request, "param"):
        return None if request.param is None else str(request.param)
    # A case of unittest, or one that asks by request.getfixturevalue: it is not parametrised.
    providers = run_state.run_state_of(request.config).options.providers
    if len(providers) > 1:
        state = run_state.state_of(request.node)
        state.remarks.append(_explain_once(request.node, f"provider {providers[0]}", providers[1:]))
    return providers[0]


@pytest.fixture
def _ttsperf_listeners(request: pytest.FixtureRequest) -> ListenerCount | None:
    """How many listen in this parametrisation; None where nothing but the test itself says it."""
    if hasattr(request, "param"):
        found: ListenerCount = request.param
        return found
    # As above, the test is not parametrised.
    options = run_state.run_state_of(request.config).options
    counts = listeners.choose_counts(request.node, options)
    if len(counts) > 1:
        state = run_state.state_of(request.node)
        first, *others = [count.id for count in counts]
        state.remarks.append(_explain_once(request.node, first, others))
    return counts[0] if counts else None


def _explain_once(item: pytest.Item, first: str, others: Sequence[object]) -> str:
    """That a test which pytest cannot run several times was measured with the first alone."""
    not_with = ", ".join(map(str, others))
    return (
        f"{item.name}: measured with {first} alone, not with {not_with}: pytest runs a test once "
        "for each only where it is a function that has perf or an engine among its arguments, and "
        "no case of unittest"
    )


@pytest.fixture
def _ttsperf_source(
    request: pytest.FixtureRequest,
    ttsperf_target: str | lazy.records.TargetSpec,
    _ttsperf_provider: str | None,
) -> lazy.plan.TargetFactory:
    _note_use(request.node)
    return _source_on(request, ttsperf_target, _ttsperf_provider)


def _source_on(
    request: pytest.FixtureRequest,
    ttsperf_target: str | lazy.records.TargetSpec,
    provider: str | None,
) -> lazy.plan.TargetFactory:
    """The target of a test on a provider, with the options that are set for it."""
    options = run_state.run_state_of(request.config).options
    state = run_state.state_of(request.node)
    with _Outcomes(state):
        named = target_fixture.as_spec(ttsperf_target)
    is_configured = isinstance(ttsperf_target, str) and named.spec == options.target
    target_options = options.target_options if is_configured else named.options
    test_voice = markers.voice(request.node)
    requested = []
    if options.provider_requested:
        requested.append("provider")
    if options.voice_requested or test_voice is not None:
        requested.append("voice")
    target = lazy.records.TargetSpec(
        spec=named.spec,
        options={**target_options, **options.cli_target_options},
    )
    with _Outcomes(state):
        target = lazy.run_options.with_http_options(target, options.http)
    state.advise(secrets.find(target.spec, target.options))
    with _Outcomes(state):
        return lazy.plan.TargetFactory(
            spec=target,
            provider=provider,
            voice=test_voice or options.voice,
            requested=tuple(requested),
            timeout_s=options.timeout_s,
            inline=options.inline,
            python=options.pythons.get(provider or ""),
        )


@pytest.fixture
def warm_engine(
    request: pytest.FixtureRequest, _ttsperf_source: TargetFactory
) -> Iterator[WarmEngine]:
    """A warmed target, parametrised by provider, in one worker process for this test."""
    state = run_state.state_of(request.node)
    with _Outcomes(state):
        opened = lazy.trial.open_target(_ttsperf_source, warm=True)
    yield WarmEngine(opened)
    trouble = opened.close()
    if trouble:
        state.remarks.append(trouble)


@pytest.fixture
def cold_engine(_ttsperf_source: TargetFactory) -> ColdEngine:
    """A target whose every trial starts a fresh process, parametrised by provider."""
    return ColdEngine(_ttsperf_source)


@pytest.fixture
def perf(
    request: pytest.FixtureRequest,
    _ttsperf_provider: str | None,
    _ttsperf_listeners: ListenerCount | None,
    ttsperf_target: str | TargetSpec,  # noqa: ARG001  (so that a test may parametrise it)
) -> Perf:
    """Measures `warm_engine`, or `cold_engine` in a test that asks for it."""
    _note_use(request.node)
    name = "cold_engine" if "cold_engine" in request.fixturenames else "warm_engine"
    engine = request.getfixturevalue(name)
    if not isinstance(engine, WarmEngine | ColdEngine):
        pytest.fail(
            f"perf measures what the fixture {name} gives, and found {type(engine).__name__}; "
            f"wanted the engine of pytest-ttsperf. Rename that fixture, or have it ask for {name} "
            "itself and give that on",
            pytrace=False,
        )
    return Perf(engine, run_state.state_of(request.node), _ttsperf_listeners)


@pytest.fixture
def alternatives(
    request: pytest.FixtureRequest,
    ttsperf_target: str | TargetSpec,
) -> Alternatives:
    """Compares execution providers, or settings of the runtime, side by side."""
    run_state.refuse_beside_workers(request.config)

    def source_on(provider: str | None) -> TargetFactory:
        return _source_on(request, ttsperf_target, provider)

    run = run_state.run_state_of(request.config)
    return Alternatives(source_on, run_state.state_of(request.node), run)


def _note_use(item: pytest.Item) -> None:
    """Do for a test that asks for ours while it runs what collection does for all others."""
    if usage.uses_ours(item):
        return
    item.stash[usage.ASKED_AT_RUN_TIME] = True
    run_state.refuse_beside_workers(item.config)
    with _Outcomes(run_state.state_of(item)):
        markers.check(item)


class _Outcomes:
    """Turns errors of ours into outcomes of the test.

    A provider that is missing and was only configured is a skip. Any other error fails the test by
    its message alone, without a traceback.
    """

    def __init__(self, state: run_state.TestState) -> None:
        self._state = state

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        __tracebackhide__ = True
        is_missing = isinstance(error, ProviderMissing)
        if is_missing and not self._state.options.provider_requested:
            self._state.provider_missing = True
            pytest.skip(f"provider not available: {error}")
        if isinstance(error, TtsperfError):
            raise pytest.fail.Exception(str(error), pytrace=False) from None
