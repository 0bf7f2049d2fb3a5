"""What there is to be measured: by the name that somebody typed, or by looking around."""

from __future__ import annotations

import re
import shlex
import shutil
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from pytest_ttsperf.doctor.server_forms import find_form
from pytest_ttsperf.errors import TargetError, TargetNotFound
from pytest_ttsperf.init.python_source import SOURCE_FOLDERS, Speaker, find_speakers
from pytest_ttsperf.records import Json, TargetSpec
from pytest_ttsperf.targets import spec as targets_spec

HOST_AND_PORT = re.compile(r"(?:\[[\da-fA-F:]+\]|[\w.-]+):\d{1,5}(?:/.*)?")
PORTS: Mapping[int, str] = {8000: "http", 8880: "http", 5000: "http", 10200: "wyoming"}
"""Where servers of speech are by default: this project's, Kokoro-FastAPI, piper's, Wyoming's."""
CONNECT_S = 0.5
PROGRAMS: Mapping[str, str] = {
    "espeak-ng": "cmd:espeak-ng --stdout {text}",
    "espeak": "cmd:espeak --stdout {text}",
}
"""Programs that speak without being told more, each with the target that it is."""
SHOWN = 5


class Proposal(NamedTuple):
    """Something that may be measured."""

    spec: TargetSpec
    reason: str
    """How it was found, as a clause: `class Engine in my_engine has stream(text)`."""
    folder: str | None = None
    """From which it is imported: a path within the project; None where nothing is to be added."""


class FoundTargets(NamedTuple):
    """The likeliest, and what was found besides."""

    chosen: Proposal
    others: tuple[Proposal, ...] = ()


def look_up(
    name: str,
    options: Mapping[str, Json],
    voice: str | None,
    project: Path,
) -> FoundTargets:
    """The target that somebody named: a spec, a module, a host and port, or a command.

    TargetNotFound where it is none of these.
    """
    if HOST_AND_PORT.fullmatch(name):
        name = f"http://{name}"
    if not targets_spec.is_spec(name):
        if re.fullmatch(r"[\w.]+", name):
            speakers = find_speakers(project, name)
            if speakers:
                return _choose([_to_candidate(each, options) for each in speakers])
        if not _is_program(name):
            raise TargetNotFound(
                f"found {name!r}, which is no module here with something that speaks, and no "
                f"program on PATH; wanted {targets_spec.FORMS}"
            )
        name = f"cmd:{name}"
    spec = find_form(TargetSpec(spec=name, options=dict(options)), voice)
    folder = None
    if targets_spec.is_python(name):
        folder = _folder_of(name.partition(":")[0], project)
    return FoundTargets(Proposal(spec, "it was named", folder))


def _is_program(line: str) -> bool:
    """Whether a line, as a shell has it, begins with a program that is there."""
    try:
        words = shlex.split(line)
    except ValueError:
        return False
    return bool(words) and shutil.which(words[0]) is not None


def look_around(
    options: Mapping[str, Json],
    voice: str | None,
    project: Path,
) -> FoundTargets:
    """What speaks in this folder, else on this machine. TargetNotFound where nothing does.

    Servers are asked where servers of speech are by default, and for one sentence each.
    """
    found = [_to_candidate(each, options) for each in find_speakers(project)]
    found += _find_servers(options, voice)
    if not found:
        found = _find_programs(options)
    if not found:
        ports = ", ".join(map(str, PORTS))
        raise TargetNotFound(
            "found nothing that speaks: no class with stream(text) in the Python files here, no "
            f"server on the ports {ports} of this machine, no {' or '.join(PROGRAMS)} on PATH; "
            f"name a target: ttsperf init TARGET, where TARGET is {targets_spec.FORMS}"
        )
    return _choose(found)


def _choose(candidates: list[Proposal]) -> FoundTargets:
    return FoundTargets(candidates[0], tuple(candidates[1 : SHOWN + 1]))


def _to_candidate(speaker: Speaker, options: Mapping[str, Json]) -> Proposal:
    module, _, name = speaker.spec.partition(":")
    reason = f"{name} in {module} has {speaker.method}(text)"
    if speaker.method == name:
        reason = f"{name}(text) in {module} yields sound, by its looks"
    return Proposal(
        TargetSpec(spec=speaker.spec, options=dict(options)), reason, folder=speaker.folder
    )


def _folder_of(module: str, project: Path) -> str | None:
    """From which folder of the project a module is imported; None where it is installed."""
    top = module.partition(".")[0]
    for folder in SOURCE_FOLDERS:
        path = project / folder / top
        if path.with_suffix(".py").exists() or (path / "__init__.py").exists():
            return folder
    return None


def _find_servers(options: Mapping[str, Json], voice: str | None) -> list[Proposal]:
    found = []
    for port, scheme in PORTS.items():
        if not _listens(port):
            continue
        url = f"{scheme}://127.0.0.1:{port}"
        try:
            spec = find_form(TargetSpec(spec=url, options=dict(options)), voice)
        except TargetError:
            continue  # something else listens there
        found.append(Proposal(spec, f"a server answers on port {port}"))
    return found


def _listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), CONNECT_S).close()
    except OSError:
        return False
    return True


def _find_programs(options: Mapping[str, Json]) -> list[Proposal]:
    found = []
    for program, spec in PROGRAMS.items():
        if shutil.which(program):
            target = TargetSpec(spec=spec, options=dict(options))
            found.append(Proposal(target, f"{program} is on PATH"))
    return found
