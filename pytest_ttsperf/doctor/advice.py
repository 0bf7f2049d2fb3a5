"""What the doctor says about each thing that is not good: why it matters, and what to do."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from pytest_ttsperf.machine.cpu_idle import DEVICE


class Advice(NamedTuple):
    """About one problem."""

    about: str
    """What was looked at; several problems may be about the same thing."""
    why: str
    remedy: str


ADVICE: Mapping[str, Advice] = {
    "too few cores": Advice(
        "cores",
        "the engine, the recorder and the rest of the system take turns on one core, and every "
        "turn is part of a trial",
        "give the machine or container two cores or more, or widen its affinity",
    ),
    "CPU quota": Advice(
        "cores",
        "a quota stops all processes for the rest of a period, tens of milliseconds, once it is "
        "used up: tails grow",
        "pin whole cores (cpuset) in the quota's place",
    ),
    "heat": Advice(
        "heat",
        "a hot machine is slower, and slower the longer it measures",
        "let it cool, improve the airing, or lower the highest clock rate",
    ),
    "other load": Advice(
        "other load",
        "trials wait for cores and caches that others hold: medians drift and p95s grow, though "
        "the engine is unchanged",
        "end it or wait for it, or measure on a machine of its own; absolute limits stay judged, "
        "stored baselines will doubt",
    ),
    "steal": Advice(
        "steal",
        "a virtual machine that is not run cannot tell that it waited: the wait is part of "
        "whatever was timed",
        "take a dedicated host or whole cores; else believe differences only that were measured "
        "in the same minutes",
    ),
    "memory": Advice(
        "memory",
        "a page that must be fetched from disk costs milliseconds, in some trials and not in "
        "others, and RSS no longer tells what the engine needs",
        "free memory, or take a machine with more",
    ),
    "clock policy": Advice(
        "clock policy",
        "the clock is still low when a short reply begins, so first audio depends on what was "
        "done before",
        "cpupower frequency-set -g performance",
    ),
    "idling": Advice(
        "idling",
        "a trial that must wake a processor is late by chance: a compared p95 needs more time "
        "until it is decided",
        f"run as root, or let this user write there: sudo chown $USER {DEVICE}",
    ),
    "steadiness": Advice(
        "steadiness",
        "a p95 of trials would grow as much without any change of the code",
        "look at the findings beside this one; where there is none, the machine is shared in a "
        "way that it does not tell",
    ),
    "coarse clock": Advice(
        "clock",
        "chunks that come in one burst look simultaneous",
        "choose another clock source of the system, where it has one",
    ),
    "battery": Advice("power", "on battery the clock is held low", "plug it in"),
    "broken onnxruntime": Advice(
        "onnxruntime",
        "no engine that needs it will open",
        "install it anew, in a fresh environment",
    ),
    "several onnxruntimes": Advice(
        "onnxruntime",
        "they overwrite each other's module, and which one runs depends on the order they were "
        "installed in",
        "keep one, in an environment of its own",
    ),
    "no worker": Advice(
        "isolation",
        "targets are measured in a process of their own, for their memory and their cold starts",
        "let this user start processes; meanwhile --ttsperf-inline measures without memory and "
        "cold starts",
    ),
    "worker left running": Advice(
        "isolation",
        "what is left running is load for the next test",
        "end it, and look why it stays",
    ),
    "unreadable memory": Advice(
        "memory readings",
        "limits on memory would fail as unmeasured",
        "run as the same user, and let it read its own processes (/proc)",
    ),
    "unreadable USS": Advice(
        "memory readings",
        "a limit on uss_peak_mb would fail as unmeasured",
        "limit RSS here, or let the user read /proc/<pid>/smaps",
    ),
    "target does not open": Advice(
        "target",
        "it cannot be measured",
        "mend what the message names",
    ),
    "target does not speak": Advice(
        "target",
        "it opens, and gives no sound that could be measured",
        "mend what the message names",
    ),
    "target without placement": Advice(
        "target",
        "a fallback to another provider would go unseen",
        "give it placement()",
    ),
}
