"""The forms of a spec, and keyword options as people write them."""

from __future__ import annotations

import subprocess
import sys

import pytest

from pytest_ttsperf.errors import LimitError
from pytest_ttsperf.records import cell
from pytest_ttsperf.targets import spec as targets_spec


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
