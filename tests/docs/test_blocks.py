"""Every block of code of every page can be read, and names only what there is.

Python, TOML, JSON, YAML and ini are parsed; commands are parsed by the command's own parser, and
options of pytest looked up among those that the plugin declares. Nothing is started.
"""

from __future__ import annotations

import ast
import configparser
import importlib
import json
import re
import shlex
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from pytest_ttsperf import cli
from pytest_ttsperf.cli import run
from pytest_ttsperf.plugin import option_table
from tests.docs import pages
from tests.docs.pages import Block

OURS = "pytest_ttsperf"
OPTION = re.compile(r"--ttsperf-[a-z][a-z-]*")
INI_KEY = re.compile(r"^\s*(ttsperf_\w+)\s*=", re.MULTILINE)
INI_KEYS = {option_table.INI_PREFIX + line.name for line in option_table.INI_LINES}
OPTIONS = {option_table.PREFIX + option.name.partition("=")[0] for option in option_table.OPTIONS}
SHELL = ("", "sh", "bash", pages.CONSOLE)
PLACEHOLDER = re.compile(r"\[[A-Z]|\.\.\.|<\w+>| \| ")
"""In a line that shows a form, and not a command that somebody types."""


def read_ini(body: str) -> None:
    """A configuration of pytest may have keys of several lines."""
    configparser.ConfigParser(interpolation=None).read_string(body)


READERS: dict[str, Callable[[str], object]] = {
    "python": ast.parse,
    "toml": tomllib.loads,
    "json": json.loads,
    "yaml": yaml.safe_load,
    "ini": read_ini,
}
READABLE = [block for block in pages.all_blocks() if block.language in READERS]
PYTHON_BLOCKS = [block for block in READABLE if block.language == "python"]


def place_of(block: Block) -> str:
    """A block as a test's id has it."""
    return block.place


def typed_commands() -> list[tuple[str, str]]:
    """Each line of a page that types `ttsperf`, with its place."""
    found = []
    for block in pages.all_blocks():
        if block.language not in SHELL:
            continue
        for line in pages.typed_lines(block):
            if line.startswith("ttsperf ") and not PLACEHOLDER.search(line):
                found.append((block.place, line))
    return found


def refusal(line: str) -> str | None:
    """Why the command does not take what a page types; None where it does."""
    words = shlex.split(line, comments=True)[1:]
    own_words, _ = run.split_arguments(words)
    try:
        cli._parser().parse_args(own_words)
    except SystemExit:
        return f"`{line}` is not understood"
    return None


def imported_names(block: Block) -> list[tuple[str, str]]:
    """Module and name of each import from our package."""
    names = []
    for node in ast.walk(ast.parse(block.body)):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == OURS:
            names += [(str(node.module), alias.name) for alias in node.names]
    return names


@pytest.mark.parametrize("block", READABLE, ids=place_of)
def test_a_block_is_in_the_language_that_it_says(block: Block) -> None:
    READERS[block.language](block.body)


@pytest.mark.parametrize("block", PYTHON_BLOCKS, ids=place_of)
def test_names_of_our_package_can_be_imported(block: Block) -> None:
    for module, name in imported_names(block):
        assert hasattr(importlib.import_module(module), name), f"{module} has no {name}"


@pytest.mark.parametrize(("place", "line"), typed_commands())
def test_commands_are_understood(place: str, line: str) -> None:
    assert refusal(line) is None, place


@pytest.mark.parametrize("page", pages.all_pages(), ids=lambda page: page.name)
def test_options_and_ini_keys_exist(page: Path) -> None:
    text = page.read_text("utf-8")
    unknown = {name for name in OPTION.findall(text) if name.rstrip("-") not in OPTIONS}
    assert unknown == set()
    bodies = [block.body for block in pages.blocks_of(page) if block.language in ("ini", "toml")]
    keys = set(INI_KEY.findall("\n".join(bodies)))
    assert keys <= INI_KEYS


@pytest.mark.parametrize(
    ("language", "body"),
    [("python", "def f(:"), ("toml", "a = "), ("json", "{a}"), ("yaml", "a: b: c"), ("ini", "a")],
)
def test_what_cannot_be_read_is_found(language: str, body: str) -> None:
    with pytest.raises((ValueError, SyntaxError, yaml.YAMLError, configparser.Error)):
        READERS[language](body)


@pytest.mark.parametrize(
    "line", ["ttsperf compare a:A", "ttsperf nothing", "ttsperf run a:A --suit ttfa --no-such"]
)
def test_a_command_that_there_is_not_is_found(line: str) -> None:
    assert refusal(line) is not None


def test_what_stands_behind_two_dashes_is_left_to_pytest() -> None:
    assert refusal("ttsperf run my_engine:Engine -- --no-option-of-ours") is None


def test_all_kinds_of_block_are_found() -> None:
    assert {block.language for block in READABLE} == set(READERS)
    assert len(typed_commands()) > 10
