"""Is this machine fit for gating? What `ttsperf doctor` looks at, and what it advises.

Each check gives a finding: what was found and, from the table of advice, why it matters and what
to do. Nothing here imports a runtime: another process is asked which providers it has.
"""

from __future__ import annotations

import contextlib
import json
import platform
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from importlib import metadata
from statistics import median
from typing import NamedTuple

import psutil

from pytest_ttsperf.doctor.advice import ADVICE
from pytest_ttsperf.doctor.target_summary import summarize_target
from pytest_ttsperf.errors import TtsperfError
from pytest_ttsperf.experiment.plan import TargetFactory
from pytest_ttsperf.experiment.trial import OpenTarget, open_target
from pytest_ttsperf.machine import fingerprint, load
from pytest_ttsperf.machine.cpu_idle import DEVICE, can_inhibit_cpu_idle
from pytest_ttsperf.measure.memory import UNREADABLE
from pytest_ttsperf.records import Machine, SystemLoad, TargetInfo, TargetSpec, Usage
from pytest_ttsperf.records.commands import Checkup, Finding, Level, TargetSummary
from pytest_ttsperf.targets.child_process import environment as environment_of_children
from pytest_ttsperf.version import __version__

TONE = TargetSpec(spec="pytest_ttsperf.doctor.tone_target:Tone")
ASK_PROVIDERS = """\
import json
import onnxruntime
print(json.dumps([onnxruntime.__version__, onnxruntime.get_available_providers()]))
"""
ASK_TIMEOUT_S = 60.0
BUSY_CORES, VERY_BUSY_CORES = 0.1, 0.5
STEAL, MUCH_STEAL = 0.01, 0.05
STALL = 0.01
UNSTEADY, VERY_UNSTEADY = 1.25, 2.0
COARSE_CLOCK_S = 2e-6
PIECES = 200
STEADY_GOVERNORS = ("performance", "schedutil")
COMPANIONS = ("onnxruntime-extensions", "onnxruntime-genai")
"""Distributions that are named like the runtime, and stand beside it."""


def examine(seconds: float, source: TargetFactory | None = None) -> Checkup:
    """Look at everything; takes `seconds` for the machine's load and a few more for the rest.

    With `source` its target is opened too and speaks, for what it is, its placement and its
    fingerprint.
    """
    here = fingerprint.machine()
    monitor = load.LoadMonitor()
    cpu_before = _cpu_by_process()
    system_load = monitor.so_far(at_least_s=seconds)
    busiest = _find_busiest(cpu_before, seconds)
    runtimes = _runtimes()
    providers, runtime_finding = _providers(runtimes)
    target_finding, ready, summary = _target(source)
    findings = (
        _cores(here),
        *_system_load(system_load, busiest),
        _steadiness(_time_equal_pieces()),
        _idling(can_inhibit_cpu_idle()),
        _clock(),
        _power(),
        runtime_finding,
        *_isolation(),
        target_finding,
    )
    return Checkup(
        machine=here,
        host=platform.node() or None,
        kernel=platform.release() or None,
        python=f"{platform.python_implementation()} {platform.python_version()}",
        plugin=__version__,
        runtimes=runtimes,
        providers=providers,
        machine_load=system_load,
        findings=tuple(finding for finding in findings if finding is not None),
        fingerprint=fingerprint.fingerprint(here, ready) if ready else None,
        target=summary,
    )


def _good(about: str, found: str) -> Finding:
    return Finding(about=about, level="good", found=found)


def _problem(problem: str, level: Level, found: str) -> Finding:
    """A finding with the advice about a problem, which is a key of ADVICE."""
    about, why, remedy = ADVICE[problem]
    return Finding(about=about, level=level, found=found, why=why, remedy=remedy)


def _unmeasured(about: str, system_load: SystemLoad, field: str) -> Finding:
    reason = system_load.unmeasured.get(field, "no reason is known")
    return Finding(about=about, level="unmeasured", found=f"not measured: {reason}")


def _grade(about: str, found: str, value: float, advice_from: float, bad_from: float) -> Finding:
    """About a value that is better the lower it is."""
    if value < advice_from:
        return _good(about, found)
    return _problem(about, "bad" if value >= bad_from else "advice", found)


# The machine


def _cores(here: Machine) -> Finding:
    usable = min(here.affinity, here.cpu_quota or here.affinity)
    found = f"{here.affinity} of {here.cores} cores may be used"
    if here.cpu_quota is not None:
        found += f", a quota allows {here.cpu_quota:g} on average"
    if usable < 2:
        return _problem("too few cores", "bad", found)
    if here.cpu_quota is not None:
        return _problem("CPU quota", "advice", found)
    return _good("cores", found)


def _system_load(system_load: SystemLoad, busiest: str | None) -> Iterator[Finding]:
    yield _other_load(system_load, busiest)
    yield _steal(system_load)
    yield _memory(system_load)
    yield _governor(system_load)
    if system_load.thermal_throttles:
        found = f"cores slowed down for heat {system_load.thermal_throttles} times"
        yield _problem("heat", "bad", found)


def _other_load(system_load: SystemLoad, busiest: str | None) -> Finding:
    cores = system_load.others_cores
    if cores is None:
        return _unmeasured("other load", system_load, "others_cores")
    found = f"other processes kept {cores:.0%} of one core busy"
    if busiest and cores >= BUSY_CORES:
        found += f", most of it {busiest}"
    return _grade("other load", found, cores, BUSY_CORES, VERY_BUSY_CORES)


def _steal(system_load: SystemLoad) -> Finding:
    share = system_load.steal_share
    if share is None:
        return _unmeasured("steal", system_load, "steal_share")
    found = f"the host took {share:.1%} of the CPU time for others"
    return _grade("steal", found, share, STEAL, MUCH_STEAL)


def _memory(system_load: SystemLoad) -> Finding:
    swapped_mb = system_load.swapped_mb
    stall = system_load.memory_stall_share
    if swapped_mb is None and stall is None:
        return _unmeasured("memory", system_load, "swapped_mb")
    facts = []
    if swapped_mb is not None:
        facts.append(f"{swapped_mb:g} MB were swapped")
    if stall is None:
        facts.append("pressure is not told")
    else:
        facts.append(f"{stall:.1%} of the time waited for memory")
    found = ", ".join(facts)
    if (swapped_mb or 0) == 0 and (stall or 0) < STALL:
        return _good("memory", found)
    return _problem("memory", "bad", found)


def _governor(system_load: SystemLoad) -> Finding:
    governor = system_load.governor
    if governor is None:
        return _unmeasured("clock policy", system_load, "governor")
    found = governor
    if system_load.clock_mhz:
        found += f" at {system_load.clock_mhz:g} MHz"
    if governor in STEADY_GOVERNORS:
        return _good("clock policy", found)
    return _problem("clock policy", "advice", found)


def _idling(can_inhibit: bool | None) -> Finding | None:
    """Whether comparisons may keep the processors awake; nothing where the system has no way to."""
    if can_inhibit is None:
        return None
    if can_inhibit:
        return _good("idling", "comparisons keep the processors from idling")
    found = f"{DEVICE} cannot be written to, so processors idle between trials"
    return _problem("idling", "advice", found)


def _steadiness(pieces_s: Sequence[float]) -> Finding:
    """How evenly the same small piece of work goes: what trials would go through."""
    slow_s = sorted(pieces_s)[int(0.95 * len(pieces_s))]
    ratio = slow_s / median(pieces_s)
    found = f"the same work took {ratio - 1:.0%} longer in its slowest twentieth than in the median"
    return _grade("steadiness", found, ratio, UNSTEADY, VERY_UNSTEADY)


def _time_equal_pieces() -> list[float]:
    elapsed_s = []
    for _ in range(PIECES):
        start_s = time.perf_counter()
        sum(i * i for i in range(20_000))
        elapsed_s.append(time.perf_counter() - start_s)
    return elapsed_s


def _clock() -> Finding:
    resolution_s = time.get_clock_info("perf_counter").resolution
    found = f"its clock tells {resolution_s * 1e6:g} us apart"
    if resolution_s <= COARSE_CLOCK_S:
        return _good("clock", found)
    return _problem("coarse clock", "advice", found)


def _power() -> Finding | None:
    battery = None
    with contextlib.suppress(*UNREADABLE, AttributeError):  # not all systems have the function
        battery = psutil.sensors_battery()
    if battery is None or battery.power_plugged is not False:
        return None
    return _problem("battery", "advice", f"it runs on battery ({battery.percent:.0f} %)")


def _cpu_by_process() -> dict[psutil.Process, float]:
    """CPU seconds of every process that is not ours."""
    cpu_s: dict[psutil.Process, float] = {}
    with contextlib.suppress(*UNREADABLE):
        ours = {psutil.Process(), *psutil.Process().children(recursive=True)}
        for process in psutil.process_iter():
            if process in ours:
                continue
            with contextlib.suppress(psutil.Error):
                times = process.cpu_times()
                cpu_s[process] = times.user + times.system
    return cpu_s


def _find_busiest(before: Mapping[psutil.Process, float], seconds: float) -> str | None:
    """`python3 (pid 17, 92 % of one core)`: which other process used most, if any is known."""
    spent_s: dict[psutil.Process, float] = {}
    for process, cpu_s in _cpu_by_process().items():
        if process in before and cpu_s > before[process]:
            spent_s[process] = cpu_s - before[process]
    if not spent_s:
        return None
    busiest = max(spent_s, key=lambda process: spent_s[process])
    share = spent_s[busiest] / seconds
    try:
        return f"{busiest.name()} (pid {busiest.pid}, {share:.0%} of one core)"
    except psutil.Error:
        return None


# The runtime and the target


def _runtimes() -> dict[str, str]:
    """Every installed distribution of onnxruntime: there is one for each family of providers."""
    versions = {}
    for distribution in metadata.distributions():
        name = str(distribution.metadata["Name"]).lower().replace("_", "-")
        if name.startswith("onnxruntime"):
            versions[name] = distribution.version
    return versions


def _providers(runtimes: Mapping[str, str]) -> tuple[tuple[str, ...] | None, Finding]:
    """The providers of the runtime that is imported, and what is to be said about it."""
    if not runtimes:
        found = "not installed in this environment; a target that needs none is measured as well"
        return None, _good("onnxruntime", found)
    try:
        version, names = _ask_providers()
    except (OSError, subprocess.SubprocessError, ValueError) as error:
        output = getattr(error, "stderr", None) or str(error)
        reason = output.strip().rpartition("\n")[2]
        found = f"{_join_names(runtimes)} cannot be imported: {reason}"
        return None, _problem("broken onnxruntime", "bad", found)
    found = f"{version} with {', '.join(names)}"
    rivals = {name: version for name, version in runtimes.items() if _is_rival(name)}
    if len(rivals) > 1:
        found += f", from {_join_names(rivals)}"
        return tuple(names), _problem("several onnxruntimes", "bad", found)
    return tuple(names), _good("onnxruntime", found)


def _ask_providers() -> tuple[str, list[str]]:
    """The version and the providers of onnxruntime, imported in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-c", ASK_PROVIDERS],
        env=environment_of_children(),
        capture_output=True,
        encoding="utf-8",
        errors="replace",
        check=True,
        timeout=ASK_TIMEOUT_S,
    )
    version, names = json.loads(done.stdout)
    return version, names


def _is_rival(distribution: str) -> bool:
    """Whether a distribution of this name brings the module `onnxruntime` itself."""
    if distribution.startswith("onnxruntime-ep-") or distribution in COMPANIONS:
        return False
    return _owns_module(distribution)


def _owns_module(distribution: str) -> bool:
    files = metadata.files(distribution) or []
    return any(str(file) == "onnxruntime/__init__.py" for file in files)


def _join_names(versions: Mapping[str, str]) -> str:
    return ", ".join(f"{name} {version}" for name, version in sorted(versions.items()))


def _isolation() -> Iterator[Finding]:
    """Open a real target in a process of its own, record it, read its memory, close it."""
    try:
        opened = open_target(TargetFactory(spec=TONE), warm=True)
        try:
            recording = opened.target.record("hum", "stream")
            usage = opened.meter.usage() if opened.meter else None
        finally:
            trouble = opened.close()
    except (TtsperfError, OSError) as error:
        yield _problem("no worker", "bad", f"a worker process did not work: {error}")
        return
    pid = opened.ready.pid
    if trouble is None and pid and psutil.pid_exists(pid):
        trouble = f"the worker {pid} is still there after it was closed"
    if trouble:
        yield _problem("worker left running", "advice", trouble)
    else:
        chunks = len(recording.arrivals_ns)
        yield _good("isolation", f"a worker process spoke {chunks} chunks and is gone")
    yield _memory_readings(usage)


def _memory_readings(usage: Usage | None) -> Finding:
    if usage is None or not usage.rss_bytes:
        found = "the memory of a worker process cannot be read"
        return _problem("unreadable memory", "bad", found)
    found = f"RSS {usage.rss_bytes / 1e6:.0f} MB, peak {usage.rss_peak_bytes / 1e6:.0f} MB"
    if usage.uss_bytes is None:
        return _problem("unreadable USS", "advice", f"{found}, USS cannot be read")
    found += f", USS {usage.uss_bytes / 1e6:.0f} MB of a worker process"
    return _good("memory readings", found)


class _ExaminedTarget(NamedTuple):
    """What was found of the target; nothing of one that was not named."""

    finding: Finding | None
    ready: TargetInfo | None
    summary: TargetSummary | None


def _target(source: TargetFactory | None) -> _ExaminedTarget:
    """Whether the target opens and speaks, what it is, and which provider runs it."""
    if source is None:
        return _ExaminedTarget(None, None, None)
    try:
        opened = open_target(source, warm=False)
    except TtsperfError as error:
        finding = _problem("target does not open", "bad", str(error).strip())
        return _ExaminedTarget(finding, None, None)
    try:
        summary = summarize_target(opened)
    except TtsperfError as error:
        finding = _problem("target does not speak", "bad", str(error).strip())
        return _ExaminedTarget(finding, opened.ready, None)
    finally:
        opened.close()
    return _ExaminedTarget(_describe_target(opened, summary), opened.ready, summary)


def _describe_target(opened: OpenTarget, summary: TargetSummary) -> Finding:
    if not opened.target.is_proven_by_opening:
        speech = f"{summary.audio_s:.1f} s of audio at {summary.sample_rate} Hz"
        label = opened.source.spec.label
        return _good("target", f"{label} speaks: {speech}; a program tells no provider")
    return _placement(opened.source, opened.ready.placement or {})


def _placement(source: TargetFactory, placement: Mapping[str, object]) -> Finding:
    nodes = placement.get("nodes")
    if not nodes and "provider" not in placement:
        found = f"{source.spec.label} opens, and does not tell which provider runs it"
        return _problem("target without placement", "advice", found)
    provider = placement.get("provider") or "the providers that it tells"
    return _good("target", f"{source.spec.label} opens on {provider}, nodes {nodes}")
