"""Which execution providers there are: those of each interpreter's onnxruntime, and libraries.

Nothing here imports a runtime. Each interpreter is asked in a process of its own; libraries of
providers are found among the files of installed packages, by the function that makes them one.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import NamedTuple

from pytest_ttsperf.alternatives.candidates import Candidate, refuse_unfit
from pytest_ttsperf.errors import MeasurementError
from pytest_ttsperf.experiment.plan import TargetFactory
from pytest_ttsperf.popen import Popen
from pytest_ttsperf.targets.child_process import environment

CPU = "cpu"
REMOTE = frozenset({"azure"})
"""Providers that send the work elsewhere: what they take is the network's."""
SUFFIX = "executionprovider"
ASK_TIMEOUT_S = 60.0
ASK = """\
import importlib.metadata, json, re
names = []
try:
    import onnxruntime
    names = onnxruntime.get_available_providers()
except ImportError:
    pass
libraries = {}
for distribution in importlib.metadata.distributions():
    name = re.sub(r"[-_.]+", "-", str(distribution.metadata["Name"])).lower()
    if not re.match(r"onnxruntime-|.*-ep(-|$)", name):
        continue
    files = distribution.files or []
    if any(str(file) == "onnxruntime/__init__.py" for file in files):
        continue
    for file in files:
        if not re.search(r"[.](so|dylib|dll)$", str(file)):
            continue
        path = distribution.locate_file(file)
        try:
            content = open(path, "rb").read()
        except OSError:
            continue
        if b"CreateEpFactories" in content:
            libraries[name] = str(path)
print(json.dumps([names, libraries]))
"""


class Runtime(NamedTuple):
    """What an interpreter has to run graphs on."""

    providers: tuple[str, ...]
    """Short names, in the order in which onnxruntime prefers them."""
    libraries: Mapping[str, str]
    """Paths of libraries with a provider, by the package that brought each."""


def ask_runtime(python: str | None = None) -> Runtime:
    """The providers of an interpreter, None for the running one. MeasurementError."""
    interpreter = python or sys.executable
    hidden = () if python is None else ("PYTHONPATH", "PYTHONHOME")
    try:
        process = Popen(
            [interpreter, "-c", ASK],
            env=environment(hidden),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
            errors="replace",
        )
    except OSError as error:
        raise MeasurementError(_silence_text(interpreter, str(error))) from error
    output, complaint = _read_answer(process, interpreter)
    if process.returncode != 0:
        words = complaint.strip().rpartition("\n")[2]
        raise MeasurementError(_silence_text(interpreter, words))
    names, libraries = json.loads(output)
    return Runtime(short_names(names), libraries)


def _read_answer(process: Popen[str], interpreter: str) -> tuple[str, str]:
    """Standard output and error of the process, which is over then. MeasurementError."""
    with process:
        try:
            return process.communicate(timeout=ASK_TIMEOUT_S)
        except subprocess.TimeoutExpired as error:
            reason = f"no answer within {ASK_TIMEOUT_S:g} s"
            raise MeasurementError(_silence_text(interpreter, reason)) from error
        finally:
            process.kill()


def _silence_text(interpreter: str, reason: str) -> str:
    return (
        f"{interpreter} does not say which providers it has: {reason}; mend that environment, or "
        "name the providers: --ttsperf-provider=cpu,openvino"
    )


def short_names(names: Iterable[str]) -> tuple[str, ...]:
    """`OpenVINOExecutionProvider` -> `openvino`, each once, without those that work elsewhere."""
    shortened = [name.lower().removesuffix(SUFFIX) for name in names]
    return tuple(dict.fromkeys(name for name in shortened if name not in REMOTE))


def choose_candidates(
    source: TargetFactory,
    requested: Iterable[str],
    pythons: Mapping[str, str],
    ask: Callable[[], Runtime],
) -> list[Candidate]:
    """The providers to compare, the reference first.

    Those that are `requested` on the command line, in their order; otherwise all that the running
    interpreter has, which `ask` tells, and those with an interpreter in `pythons`. The reference is
    then the CPU, if that is among them: what every onnxruntime can do has to be beaten.
    MeasurementError where there are not two, and for a target that is not started here.
    """
    refuse_unfit(source)
    names = list(dict.fromkeys(requested))
    paths: dict[str, str] = {}
    if not names:
        runtime = ask()
        names = _all_names(pythons, runtime)
        paths = dict(runtime.libraries)
    if len(names) < 2:
        found = ", ".join(names) or "none"
        raise MeasurementError(
            f"found {found} of execution providers, wanted two or more to compare; install a "
            "build of onnxruntime that has another in an environment of its own, and name its "
            "interpreter: --ttsperf-python=openvino=.venv-openvino/bin/python"
        )
    candidates = []
    for name in names:
        opened = replace(
            source,
            provider=paths.get(name, name),
            python=pythons.get(name),
            # Else a target that takes no provider would be compared with itself.
            requested=tuple(dict.fromkeys((*source.requested, "provider"))),
        )
        candidates.append(Candidate(name, opened))
    return candidates


def _all_names(pythons: Mapping[str, str], runtime: Runtime) -> list[str]:
    names = dict.fromkeys((*runtime.providers, *pythons, *runtime.libraries))
    first = [CPU] if CPU in names else []
    return [*first, *(name for name in names if name not in first)]
