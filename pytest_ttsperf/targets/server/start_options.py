"""How a server is started for its target: `start=COMMAND`, beside the options by which it is asked.

Both the command and the address hold `{port}`: each time that the target is opened the command
runs, with the number of a port that was free. `started_server` does it.
"""

from __future__ import annotations

from collections.abc import Mapping

from pytest_ttsperf import secrets
from pytest_ttsperf.errors import TargetShapeError
from pytest_ttsperf.records import Json, TargetSpec

START = "start"
START_TIMEOUT = "start_timeout"
OPTIONS = (START, START_TIMEOUT)
PORT = "{port}"
DEFAULT_TIMEOUT_S = 120.0
"""From the start of the command until it answers: a voice may take a minute to load."""


def is_started(spec: TargetSpec) -> bool:
    """Whether a server's spec says how it is started."""
    return START in spec.options


def without_start(options: Mapping[str, Json]) -> dict[str, Json]:
    """The options by which a server is asked, once it runs."""
    return {name: value for name, value in options.items() if name not in OPTIONS}


def check(spec: TargetSpec) -> None:
    """TargetShapeError for a server's spec that says half of how it is started, or none of it."""
    if is_started(spec):
        _check_command(spec)
        timeout_s(spec)
        return
    if START_TIMEOUT in spec.options:
        raise TargetShapeError(
            f"found {START_TIMEOUT} for {spec.shown}, which nothing starts; add {START}=COMMAND, "
            "or leave it out"
        )
    if PORT in spec.spec:
        raise TargetShapeError(
            f"found {spec.shown}, and nothing that starts a server there; add the target option "
            f"{START}=COMMAND with {PORT} in it, or write the port of a server that runs"
        )


def _check_command(spec: TargetSpec) -> None:
    command = spec.options[START]
    if isinstance(command, str) and PORT in command and PORT in spec.spec:
        return
    shown = secrets.mask_value(START, command)
    raise TargetShapeError(
        f"found {START}={shown!r} for {spec.shown}; wanted {PORT} in the command and in the "
        f"address, as {START}='my-server --port {PORT}' and http://127.0.0.1:{PORT}: several "
        "servers may run at once, each on a port of its own"
    )


def timeout_s(spec: TargetSpec) -> float:
    """How long the server may take until it answers. TargetShapeError for what is no time."""
    seconds = spec.options.get(START_TIMEOUT, DEFAULT_TIMEOUT_S)
    is_number = isinstance(seconds, int | float) and not isinstance(seconds, bool)
    if not is_number or seconds <= 0:
        raise TargetShapeError(
            f"found {START_TIMEOUT}={seconds!r}, wanted seconds above 0, as {DEFAULT_TIMEOUT_S:g}"
        )
    return float(seconds)
