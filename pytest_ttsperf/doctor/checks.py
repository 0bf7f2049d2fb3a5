"""Is this machine fit for gating? What `ttsperf doctor` looks at, and what it advises.

Each check gives one finding: what was found, why it matters, what to do. Nothing here imports a
runtime: its providers are asked for in a process of their own.
"""

from __future__ import annotations

import contextlib
import json
import platform
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from importlib import metadata
from statistics import median

import psutil

from pytest_ttsperf.errors import TtsperfError
from pytest_ttsperf.experiment.plan import TargetFactory
from pytest_ttsperf.experiment.trial import OpenTarget, open_target
from pytest_ttsperf.machine import fingerprint, load
from pytest_ttsperf.machine.cpu_idle import DEVICE, can_inhibit_cpu_idle
from pytest_ttsperf.measure.memory import UNREADABLE
from pytest_ttsperf.records import Machine, SystemLoad, TargetInfo, TargetSpec, Usage
from pytest_ttsperf.records.commands import Checkup, Finding
from pytest_ttsperf.targets.child_process import environment as environment_of_children
from pytest_ttsperf.targets.command.target import FIRST_TEXT
from pytest_ttsperf.version import __version__

HUM = TargetSpec(spec="pytest_ttsperf.doctor.tone_target:Hum")
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


def examine(seconds: float, source: TargetFactory | None = None) -> Checkup:
    """Look at everything; takes `seconds` for the weather and a few more for the rest.

    With `source` its target is opened too, for its placement and fingerprint.
    """
    here = fingerprint.machine()
    watch = load.LoadMonitor()
    busy_before = _cpu_by_process()
    sky = watch.so_far(at_least_s=seconds)
    busiest = _busiest(busy_before, seconds)
    runtimes = _runtimes()
    providers, told = _providers(runtimes)
    target, ready = _target(source)
    findings = (
        _cores(here),
        *_sky(sky, busiest),
        _steadiness(_pieces_s()),
        _idling(can_inhibit_cpu_idle()),
        _clock(),
        _power(),
        told,
        *_isolation(),
        *target,
    )
    return Checkup(
        machine=here,
        host=platform.node() or None,
        kernel=platform.release() or None,
        python=f"{platform.python_implementation()} {platform.python_version()}",
        plugin=__version__,
        runtimes=runtimes,
        providers=providers,
        machine_load=sky,
        findings=tuple(finding for finding in findings if finding is not None),
        fingerprint=fingerprint.fingerprint(here, ready) if ready else None,
    )


# The machine


def _cores(here: Machine) -> Finding:
    usable = min(here.affinity, here.cpu_quota or here.affinity)
    found = f"{here.affinity} of {here.cores} cores may be used"
    if here.cpu_quota is not None:
        found += f", a quota allows {here.cpu_quota:g} on average"
    if usable < 2:
        return Finding(
            about="cores",
            level="bad",
            found=found,
            why="the engine, the recorder and the rest of the system take turns on one core, and "
            "every turn is part of a trial",
            remedy="give the machine or container two cores or more, or widen its affinity",
        )
    if here.cpu_quota is not None:
        return Finding(
            about="cores",
            level="advice",
            found=found,
            why="a quota stops all processes for the rest of a period, tens of milliseconds, once "
            "it is used up: tails grow",
            remedy="pin whole cores (cpuset) in the quota's place",
        )
    return Finding(about="cores", level="good", found=found)


def _sky(sky: SystemLoad, busiest: str | None) -> Iterator[Finding]:
    yield _others(sky, busiest)
    yield _steal(sky)
    yield _memory(sky)
    yield _governor(sky)
    if sky.thermal_throttles:
        yield Finding(
            about="heat",
            level="bad",
            found=f"cores slowed down for heat {sky.thermal_throttles} times",
            why="a hot machine is slower, and slower the longer it measures",
            remedy="let it cool, improve the airing, or lower the highest clock rate",
        )


def _others(sky: SystemLoad, busiest: str | None) -> Finding:
    if sky.others_cores is None:
        return _unmeasured_finding("other load", sky, "others_cores")
    found = f"other processes kept {sky.others_cores:.0%} of one core busy"
    if sky.others_cores < BUSY_CORES:
        return Finding(about="other load", level="good", found=found)
    return Finding(
        about="other load",
        level="bad" if sky.others_cores >= VERY_BUSY_CORES else "advice",
        found=f"{found}, most of it {busiest}" if busiest else found,
        why="trials wait for cores and caches that others hold: medians drift and p95s grow, "
        "though the engine is unchanged",
        remedy="end it or wait for it, or measure on a machine of its own; absolute limits stay "
        "judged, stored baselines will doubt",
    )


def _steal(sky: SystemLoad) -> Finding:
    if sky.steal_share is None:
        return _unmeasured_finding("steal", sky, "steal_share")
    found = f"the host took {sky.steal_share:.1%} of the CPU time for others"
    if sky.steal_share < STEAL:
        return Finding(about="steal", level="good", found=found)
    return Finding(
        about="steal",
        level="bad" if sky.steal_share >= MUCH_STEAL else "advice",
        found=found,
        why="a virtual machine that is not run cannot tell that it waited: the wait is part of "
        "whatever was timed",
        remedy="take a dedicated host or whole cores; else believe differences only that were "
        "measured in the same minutes",
    )


def _memory(sky: SystemLoad) -> Finding:
    if sky.swapped_mb is None and sky.memory_stall_share is None:
        return _unmeasured_finding("memory", sky, "swapped_mb")
    stall = sky.memory_stall_share
    told = [
        None if sky.swapped_mb is None else f"{sky.swapped_mb:g} MB were swapped",
        "pressure is not told" if stall is None else f"{stall:.1%} of the time waited for memory",
    ]
    found = ", ".join(text for text in told if text)
    if (sky.swapped_mb or 0) == 0 and (stall or 0) < STALL:
        return Finding(about="memory", level="good", found=found)
    return Finding(
        about="memory",
        level="bad",
        found=found,
        why="a page that must be fetched from disk costs milliseconds, in some trials and not in "
        "others, and RSS no longer tells what the engine needs",
        remedy="free memory, or take a machine with more",
    )


def _governor(sky: SystemLoad) -> Finding:
    if sky.governor is None:
        return _unmeasured_finding("clock policy", sky, "governor")
    rate = f" at {sky.clock_mhz:g} MHz" if sky.clock_mhz else ""
    if sky.governor in ("performance", "schedutil"):
        return Finding(about="clock policy", level="good", found=f"{sky.governor}{rate}")
    return Finding(
        about="clock policy",
        level="advice",
        found=f"{sky.governor}{rate}",
        why="the clock is still low when a short reply begins, so first audio depends on what was "
        "done before",
        remedy="cpupower frequency-set -g performance",
    )


def _idling(can_be_kept: bool | None) -> Finding | None:
    """Whether comparisons may keep the processors awake; nothing where the system has no way to."""
    if can_be_kept is None:
        return None
    if can_be_kept:
        return Finding(
            about="idling", level="good", found="comparisons keep the processors from idling"
        )
    return Finding(
        about="idling",
        level="advice",
        found=f"{DEVICE} cannot be written to, so processors idle between trials",
        why="a trial that must wake a processor is late by chance: a compared p95 needs more time "
        "until it is decided",
        remedy=f"run as root, or let this user write there: sudo chown $USER {DEVICE}",
    )


def _steadiness(pieces_s: list[float]) -> Finding:
    """How evenly the same small piece of work goes: what trials would go through."""
    ratio = sorted(pieces_s)[int(0.95 * len(pieces_s))] / median(pieces_s)
    found = f"the same work took {ratio - 1:.0%} longer in its slowest twentieth than in the median"
    if ratio < UNSTEADY:
        return Finding(about="steadiness", level="good", found=found)
    return Finding(
        about="steadiness",
        level="bad" if ratio >= VERY_UNSTEADY else "advice",
        found=found,
        why="a p95 of trials would grow as much without any change of the code",
        remedy="look at the findings beside this one; where there is none, the machine is shared "
        "in a way that it does not tell",
    )


def _pieces_s() -> list[float]:
    took = []
    for _ in range(PIECES):
        start = time.perf_counter()
        sum(i * i for i in range(20_000))
        took.append(time.perf_counter() - start)
    return took


def _clock() -> Finding:
    resolution_s = time.get_clock_info("perf_counter").resolution
    found = f"its clock tells {resolution_s * 1e6:g} us apart"
    if resolution_s <= COARSE_CLOCK_S:
        return Finding(about="clock", level="good", found=found)
    return Finding(
        about="clock",
        level="advice",
        found=found,
        why="chunks that come in one burst look simultaneous",
        remedy="choose another clock source of the system, where it has one",
    )


def _power() -> Finding | None:
    battery = None
    with contextlib.suppress(*UNREADABLE, AttributeError):  # not all systems have the function
        battery = psutil.sensors_battery()
    if battery is None or battery.power_plugged is not False:
        return None
    return Finding(
        about="power",
        level="advice",
        found=f"it runs on battery ({battery.percent:.0f} %)",
        why="on battery the clock is held low",
        remedy="plug it in",
    )


def _unmeasured_finding(about: str, sky: SystemLoad, field: str) -> Finding:
    reason = sky.unmeasured.get(field, "no reason is known")
    return Finding(about=about, level="unmeasured", found=f"not measured: {reason}")


def _cpu_by_process() -> dict[psutil.Process, float]:
    """CPU seconds of every process that is not ours."""
    spent = {}
    with contextlib.suppress(*UNREADABLE):
        ours = {psutil.Process(), *psutil.Process().children(recursive=True)}
        for process in psutil.process_iter():
            if process not in ours:
                with contextlib.suppress(psutil.Error):
                    times = process.cpu_times()
                    spent[process] = times.user + times.system
    return spent


def _busiest(before: Mapping[psutil.Process, float], seconds: float) -> str | None:
    """`python3 (pid 17, 92 %)`: which other process used most, if any is known."""
    after = _cpu_by_process()
    grown = {p: s - before[p] for p, s in after.items() if p in before and s > before[p]}
    if not grown:
        return None
    top = max(grown, key=lambda process: grown[process])
    try:
        return f"{top.name()} (pid {top.pid}, {grown[top] / seconds:.0%} of one core)"
    except psutil.Error:
        return None


# The runtime and the target


def _runtimes() -> dict[str, str]:
    """Every installed distribution of onnxruntime: there is one for each family of providers."""
    found = {}
    for distribution in metadata.distributions():
        name = str(distribution.metadata["Name"]).lower().replace("_", "-")
        if name.startswith("onnxruntime"):
            found[name] = distribution.version
    return found


def _providers(runtimes: Mapping[str, str]) -> tuple[tuple[str, ...] | None, Finding]:
    """The providers of the runtime that is imported, asked for in a process of its own."""
    if not runtimes:
        return None, Finding(
            about="onnxruntime",
            level="good",
            found="not installed in this environment; a target that needs none is measured as well",
        )
    try:
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
    except (OSError, subprocess.SubprocessError, ValueError) as error:
        said = (getattr(error, "stderr", None) or str(error)).strip().rpartition("\n")[2]
        return None, Finding(
            about="onnxruntime",
            level="bad",
            found=f"{_join_names(runtimes)} cannot be imported: {said}",
            why="no engine that needs it will open",
            remedy="install it anew, in a fresh environment",
        )
    found = f"{version} with {', '.join(names)}"
    own = [name for name in runtimes if not name.startswith("onnxruntime-ep-")]
    rivals = [name for name in own if name not in ("onnxruntime-extensions", "onnxruntime-genai")]
    several = [name for name in rivals if _owns_module(name)]
    if len(several) > 1:
        return tuple(names), Finding(
            about="onnxruntime",
            level="bad",
            found=f"{found}, from {_join_names({name: runtimes[name] for name in several})}",
            why="they overwrite each other's module, and which one runs depends on the order they "
            "were installed in",
            remedy="keep one, in an environment of its own",
        )
    return tuple(names), Finding(about="onnxruntime", level="good", found=found)


def _owns_module(distribution: str) -> bool:
    files = metadata.files(distribution) or []
    return any(str(file) == "onnxruntime/__init__.py" for file in files)


def _join_names(versions: Mapping[str, str]) -> str:
    return ", ".join(f"{name} {version}" for name, version in sorted(versions.items()))


def _isolation() -> Iterator[Finding]:
    """Open a real target in a process of its own, speak, read its memory, close it."""
    why = "targets are measured in a process of their own, for their memory and their cold starts"
    try:
        opened = open_target(TargetFactory(spec=HUM), warm=True)
        try:
            recording = opened.target.record("hum", "stream")
            usage = opened.meter.usage() if opened.meter else None
        finally:
            trouble = opened.close()
    except (TtsperfError, OSError) as error:
        yield Finding(
            about="isolation",
            level="bad",
            found=f"a worker process did not work: {error}",
            why=why,
            remedy="let this user start processes; meanwhile --ttsperf-inline measures without "
            "memory and cold starts",
        )
        return
    if trouble or (opened.ready.pid and psutil.pid_exists(opened.ready.pid)):
        yield Finding(
            about="isolation",
            level="advice",
            found=trouble or f"the worker {opened.ready.pid} is still there after it was closed",
            why="what is left running is load for the next test",
            remedy="end it, and look why it stays",
        )
    else:
        found = f"a worker process spoke {len(recording.arrivals_ns)} chunks and is gone"
        yield Finding(about="isolation", level="good", found=found)
    yield _memory_readings(usage)


def _memory_readings(usage: Usage | None) -> Finding:
    if usage is None or not usage.rss_bytes:
        return Finding(
            about="memory readings",
            level="bad",
            found="the memory of a worker process cannot be read",
            why="limits on memory would fail as unmeasured",
            remedy="run as the same user, and let it read its own processes (/proc)",
        )
    found = f"RSS {usage.rss_bytes / 1e6:.0f} MB, peak {usage.rss_peak_bytes / 1e6:.0f} MB"
    if usage.uss_bytes is None:
        return Finding(
            about="memory readings",
            level="advice",
            found=f"{found}, USS cannot be read",
            why="a limit on uss_peak_mb would fail as unmeasured",
            remedy="limit RSS here, or let the user read /proc/<pid>/smaps",
        )
    found += f", USS {usage.uss_bytes / 1e6:.0f} MB of a worker process"
    return Finding(about="memory readings", level="good", found=found)


def _target(source: TargetFactory | None) -> tuple[tuple[Finding, ...], TargetInfo | None]:
    """Whether the target opens, and which provider runs it."""
    if source is None:
        return (), None
    try:
        opened = open_target(source, warm=False)
        spoken = _probe_target(opened) if not opened.target.is_proven_by_opening else None
    except TtsperfError as error:
        return (
            Finding(
                about="target",
                level="bad",
                found=str(error).strip(),
                why="it cannot be measured",
                remedy="mend what the message names",
            ),
        ), None
    opened.close()
    if spoken is not None:
        found = f"{source.spec.label} speaks: {spoken}; a program tells no provider"
        return (Finding(about="target", level="good", found=found),), opened.ready
    placement = opened.ready.placement
    nodes = (placement or {}).get("nodes")
    if placement is None or not (nodes or "provider" in placement):
        return (
            Finding(
                about="target",
                level="advice",
                found=f"{source.spec.label} opens, and does not tell which provider runs it",
                why="a fallback to another provider would go unseen",
                remedy="give it placement()",
            ),
        ), opened.ready
    provider = placement.get("provider") or "the providers that it tells"
    found = f"{source.spec.label} opens on {provider}, nodes {nodes}"
    return (Finding(about="target", level="good", found=found),), opened.ready


def _probe_target(opened: OpenTarget) -> str:
    """A program is not known to work before it has spoken. TargetError when it does not."""
    try:
        recording = opened.target.record(FIRST_TEXT, "stream")
    finally:
        opened.close()
    seconds = sum(recording.frame_counts) / recording.sample_rate
    return f"{seconds:.1f} s of audio at {recording.sample_rate} Hz"
