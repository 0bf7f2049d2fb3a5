"""Runs the steps of a composite action as GitHub's runner does, as far as ours need it.

Each `run:` step is a bash of its own, started as documented for `shell: bash`, with files of its
own for outputs, summary and variables. `uses:` steps are not run: their action and inputs are
noted. An expression that this file does not know is an error.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from tests.ci.project import outside_ci

ENVIRONMENT_FILES = ("GITHUB_ENV", "GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY")
BASH = ("bash", "--noprofile", "--norc", "-e", "-o", "pipefail")
EXPRESSION = re.compile(r"\$\{\{(.*?)\}\}")
TOKEN = re.compile(
    r"\s*(?:(?P<text>'(?:[^']|'')*')|(?P<name>[A-Za-z_][\w.-]*)|(?P<sign>==|!=|&&|\|\||[!(),]))"
)


@dataclass
class Job:
    """What a job has before the action begins, and what it has afterwards."""

    folder: Path
    """The workspace."""
    temp: Path
    variables: Mapping[str, str]
    github: Mapping[str, str]
    runner: Mapping[str, str]
    used: list[tuple[str, Mapping[str, str]]] = field(default_factory=list)
    """Each `uses:` step that was reached: the action, and its inputs."""
    added: dict[str, str] = field(default_factory=dict)
    """Variables that steps have added for those after them."""
    logs: dict[str, str] = field(default_factory=dict)
    """By the name of a step, what it printed."""
    codes: dict[str, int] = field(default_factory=dict)
    """By the name of a step that was run, its exit code."""
    summary: str = ""
    outputs: dict[str, str] = field(default_factory=dict)
    """Of the action."""
    is_cancelled: bool = False

    @property
    def has_failed(self) -> bool:
        return any(self.codes.values())


def run_action(path: Path, inputs: Mapping[str, str], job: Job) -> None:
    """Run all steps that their conditions allow."""
    action = yaml.safe_load(path.read_text())
    assert action["runs"]["using"] == "composite"
    unknown = inputs.keys() - action["inputs"].keys()
    assert not unknown, f"no inputs of the action: {unknown}"
    steps: dict[str, dict[str, str]] = {}
    context: dict[str, Any] = {"steps": steps, "github": job.github, "runner": job.runner}
    context["inputs"] = {
        name: inputs.get(name, render(each.get("default", ""), context, job))
        for name, each in action["inputs"].items()
    }
    for step in action["runs"]["steps"]:
        if is_wanted(step.get("if"), context, job):
            outputs = run_step(step, context, job)
            if "id" in step:
                steps[step["id"]] = outputs
    for name, each in action["outputs"].items():
        job.outputs[name] = render(each["value"], context, job)


def is_wanted(condition: str | None, context: Mapping[str, Any], job: Job) -> bool:
    """Whether a step runs: without a function of status, only while nothing has failed."""
    text = condition or "success()"
    text = text.strip().removeprefix("${{").removesuffix("}}")
    if not re.search(r"\b(success|failure|always|cancelled)\(\)", text):
        text = f"success() && ({text})"
    return is_true(evaluate(text, context, job))


def run_step(step: Mapping[str, Any], context: Mapping[str, Any], job: Job) -> dict[str, str]:
    """Its outputs."""
    name = step["name"]
    if "uses" in step:
        inputs = {key: render(value, context, job) for key, value in step["with"].items()}
        job.used.append((step["uses"], inputs))
        return {}
    assert step["shell"] == "bash"
    assert not EXPRESSION.search(step["run"]), "values belong in variables, not into the script"
    script = job.temp / "script.sh"
    script.write_text(step["run"])
    places = {name: job.temp / name.lower() for name in ENVIRONMENT_FILES}
    for place in places.values():
        place.write_text("")
    declared = {key: render(value, context, job) for key, value in step.get("env", {}).items()}
    done = subprocess.run(
        [*BASH, str(script)],
        cwd=job.folder / render(step.get("working-directory", "."), context, job),
        env={
            **outside_ci(),
            **job.variables,
            **job.added,
            **{name: str(place) for name, place in places.items()},
            "RUNNER_TEMP": str(job.temp),
            **declared,
        },
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=300,
    )
    job.logs[name] = done.stdout
    job.codes[name] = done.returncode
    job.summary += places["GITHUB_STEP_SUMMARY"].read_text()
    job.added.update(read_pairs(places["GITHUB_ENV"]))
    return read_pairs(places["GITHUB_OUTPUT"])


def read_pairs(path: Path) -> dict[str, str]:
    """Lines as NAME=VALUE; any other is an error."""
    return dict(line.split("=", 1) for line in path.read_text().splitlines())


def render(text: object, context: Mapping[str, Any], job: Job) -> str:
    """A value with its expressions evaluated, as text."""
    return EXPRESSION.sub(lambda found: show(evaluate(found.group(1), context, job)), str(text))


def show(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return str(value)


def is_true(value: object) -> bool:
    return value not in (False, "", None)


def evaluate(text: str, context: Mapping[str, Any], job: Job) -> Any:
    """The value of an expression."""
    tokens = tokenize(text)
    value = Parser(tokens, context, job).parse_or()
    assert not tokens, f"not understood in {text!r}: {tokens}"
    return value


def tokenize(text: str) -> list[str]:
    tokens = []
    place = 0
    stripped = text.rstrip()
    while place < len(stripped):
        found = TOKEN.match(stripped, place)
        assert found, f"not understood in {text!r}: {stripped[place:]!r}"
        tokens.append(found.group().strip())
        place = found.end()
    return tokens


class Parser:
    """Reads an expression from left to right, and empties its list of tokens."""

    def __init__(self, tokens: list[str], context: Mapping[str, Any], job: Job) -> None:
        self.tokens = tokens
        self.context = context
        self.job = job

    def take(self, *wanted: str) -> str | None:
        if self.tokens and self.tokens[0] in wanted:
            return self.tokens.pop(0)
        return None

    def parse_or(self) -> Any:
        value = self.parse_and()
        while self.take("||"):
            other = self.parse_and()
            value = value if is_true(value) else other
        return value

    def parse_and(self) -> Any:
        value = self.parse_equal()
        while self.take("&&"):
            other = self.parse_equal()
            value = other if is_true(value) else value
        return value

    def parse_equal(self) -> Any:
        value = self.parse_one()
        sign = self.take("==", "!=")
        if sign is None:
            return value
        is_equal = show(value).lower() == show(self.parse_one()).lower()
        return is_equal if sign == "==" else not is_equal

    def parse_one(self) -> Any:
        if self.take("!"):
            return not is_true(self.parse_one())
        if self.take("("):
            value = self.parse_or()
            assert self.take(")")
            return value
        token = self.tokens.pop(0)
        if token.startswith("'"):
            return token[1:-1].replace("''", "'")
        if self.take("("):
            return self.call(token)
        return self.look_up(token)

    def call(self, name: str) -> Any:
        arguments = []
        while not self.take(")"):
            arguments.append(self.parse_or())
            self.take(",")
        if name == "format":
            pattern, *values = arguments
            return pattern.format(*values)
        states = {
            "always": True,
            "cancelled": self.job.is_cancelled,
            "failure": self.job.has_failed,
            "success": not self.job.has_failed and not self.job.is_cancelled,
        }
        return states[name]

    def look_up(self, name: str) -> Any:
        """A value of a context; an output that was never written is empty."""
        if name.startswith("steps."):
            _, step, outputs, output = name.split(".")
            assert outputs == "outputs"
            return self.context["steps"].get(step, {}).get(output, "")
        part, _, rest = name.partition(".")
        return self.context[part][rest]
