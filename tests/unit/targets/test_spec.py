"""The forms of a spec, and keyword options as people write them."""

from __future__ import annotations

import subprocess
import sys
from typing import get_args

import pytest

from pytest_ttsperf.errors import LimitError
from pytest_ttsperf.records import TargetSpec, cell
from pytest_ttsperf.targets import spec as targets_spec
from pytest_ttsperf.targets.base import Lifecycle, TargetRequest
from pytest_ttsperf.targets.python.inline import InlineTarget


@pytest.mark.parametrize(
    ("spec", "kind"),
    [
        ("engine:Engine", "python"),
        ("a.b:C.load", "python"),
        ("http://localhost:8000", "http"),
        ("https://example.org/v1", "http"),
        ("wyoming://localhost:10200", "wyoming"),
        ("cmd:piper --model x", "command"),
        ("nonsense", "python"),
    ],
)
def test_kinds(spec: str, kind: str) -> None:
    assert targets_spec.kind_of(spec).name == kind
    assert targets_spec.is_spec(spec) is (spec != "nonsense")


@pytest.mark.parametrize("text", ["origin/main", "HEAD~3", "HEAD:engine/x.py", "../old", "v1.0"])
def test_versions_are_no_specs(text: str) -> None:
    assert not targets_spec.is_spec(text)


def test_values_are_json_or_text() -> None:
    lines = ["voice = heart", "threads=2", "speed=1.5", 'name="2"', "deep=true", "none=null", "e="]
    assert targets_spec.options_of([*lines, "odd=NaN", "path=/a=b"], "x") == {
        "voice": "heart", "threads": 2, "speed": 1.5, "name": "2", "deep": True, "none": None,
        "e": "", "odd": "NaN", "path": "/a=b",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        (["voice"], "found 'voice', wanted NAME=VALUE"),
        (["my voice=x"], "wanted NAME=VALUE"),
        (["a=1", "a=2"], "found a twice"),
    ],
)
def test_what_is_no_option(lines: list[str], told: str) -> None:
    with pytest.raises(LimitError, match=told):
        targets_spec.options_of(lines, "--option")


@pytest.mark.starts
def test_it_imports_nothing_slow() -> None:
    script = (
        "import sys, pytest_ttsperf.targets.spec\n"
        "print([n for n in ('numpy', 'msgspec', 'psutil', 'asyncio') if n in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("label", "identity"),
    [
        ("http://127.0.0.1:41231", "http://127.0.0.1"),
        ("http://127.0.0.1:41231(connection='keep')", "http://127.0.0.1(connection='keep')"),
        ("http://127.1.2.3:80/tts", "http://127.1.2.3/tts"),
        ("https://localhost:8443/v1", "https://localhost/v1"),
        ("http://Voice.localhost:1", "http://Voice.localhost"),
        ("wyoming://[::1]:10200(voice='a')", "wyoming://[::1](voice='a')"),
        ("http://127.0.0.1", "http://127.0.0.1"),
    ],
)
def test_the_port_of_a_loopback_address_is_no_identity(label: str, identity: str) -> None:
    assert cell.target_identity(label) == identity
    assert cell.target_identity(identity) == identity


@pytest.mark.parametrize(
    "label",
    [
        "engine:Engine(url='http://127.0.0.1:8000')",
        "cmd:curl http://127.0.0.1:8000/{text}",
        "http://10.0.0.7:8000",
        "http://127.0.0.1.example.org:8000",
        "http://localhost.example.org:8000",
        "http://[::1:2]:8000",
    ],
)
def test_other_labels_are_their_own_identity(label: str) -> None:
    assert cell.target_identity(label) == label


def test_each_row_names_a_class_that_can_be_imported() -> None:
    for kind in targets_spec.KINDS:
        spec = TargetSpec(spec=f"{kind.prefixes[0]}x:y")
        target = targets_spec.new_target(TargetRequest(spec, {}))
        assert target.lifecycle in get_args(Lifecycle)


@pytest.mark.parametrize(
    ("spec", "lifecycle", "can_swap_code"),
    [
        (TargetSpec(spec="engine:Engine"), "kept", True),
        (TargetSpec(spec="http://localhost:1"), "external", False),
        (TargetSpec(spec="wyoming://localhost:1"), "external", False),
        (TargetSpec(spec="http://a:{port}", options={"start": "serve {port}"}), "served", False),
        (TargetSpec(spec="wyoming://a:{port}", options={"start": "serve {port}"}), "served", False),
        (TargetSpec(spec="cmd:piper"), "per_text", False),
        (TargetSpec(spec="cmd:piper", options={"protocol": "lines"}), "kept", False),
    ],
)
def test_a_target_says_how_it_lives(spec: TargetSpec, lifecycle: str, can_swap_code: bool) -> None:
    target = targets_spec.new_target(TargetRequest(spec, {}))
    assert (target.lifecycle, target.can_swap_code) == (lifecycle, can_swap_code)
    inline = targets_spec.new_target(TargetRequest(spec, {}, is_inline=True))
    assert isinstance(inline, InlineTarget) is can_swap_code


def test_a_new_kind_is_a_row(monkeypatch: pytest.MonkeyPatch) -> None:
    row = targets_spec.TargetKind("toy", ("toy:",), "types:SimpleNamespace")
    assert targets_spec.kind_of("toy:x").name == "python"
    monkeypatch.setattr(targets_spec, "KINDS", [row, *targets_spec.KINDS])
    assert targets_spec.kind_of("toy:x") is row
    assert targets_spec.is_spec("toy:any words")
    assert targets_spec.is_url_scheme("toy")
    assert not targets_spec.is_python("toy:x")
