"""What there is to be measured, by name and by looking around; nothing is opened here."""

from __future__ import annotations

import pytest
from msgspec import structs

from pytest_ttsperf.errors import TargetFailed, TargetNotFound
from pytest_ttsperf.init import candidates
from tests.unit.init.test_python_source import ENGINE


@pytest.fixture(autouse=True)
def _silent_machine(monkeypatch):
    """No server listens, each that is asked answers in OpenAI's form, no program is there."""
    monkeypatch.setattr(candidates, "_listens", lambda port: False)
    monkeypatch.setattr(candidates, "find_form", lambda spec, voice: spec)
    monkeypatch.setattr(candidates.shutil, "which", lambda name: None)


@pytest.fixture
def project(tmp_path):
    (tmp_path / "my_engine.py").write_text(ENGINE)
    return tmp_path


def look_up(name, project, **options):
    return candidates.look_up(name, options, None, project).chosen


def look_around(project):
    return candidates.look_around({}, None, project)


@pytest.mark.parametrize(
    ("name", "spec", "folder"),
    [
        ("my_engine:Engine", "my_engine:Engine", "."),
        ("my_engine", "my_engine:Engine", "."),
        ("installed:Voice", "installed:Voice", None),
        ("http://127.0.0.1:8000", "http://127.0.0.1:8000", None),
        ("localhost:8000", "http://localhost:8000", None),
        ("[::1]:8000", "http://[::1]:8000", None),
        ("voice.example.org:80/v1", "http://voice.example.org:80/v1", None),
        ("wyoming://localhost:10200", "wyoming://localhost:10200", None),
        ("cmd:piper --output-raw", "cmd:piper --output-raw", None),
    ],
)
def test_a_name_is_understood(project, name, spec, folder):
    chosen = look_up(name, project)
    assert (chosen.spec.spec, chosen.folder) == (spec, folder)


def test_a_program_may_be_named_as_a_shell_would_have_it(project, monkeypatch):
    monkeypatch.setattr(candidates.shutil, "which", lambda name: f"/bin/{name}")
    assert look_up("piper --output-raw", project).spec.spec == "cmd:piper --output-raw"


def test_a_module_below_src_is_imported_from_there(tmp_path):
    package = tmp_path / "src" / "voice"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text(ENGINE)
    assert look_up("voice:Engine", tmp_path).folder == "src"
    assert look_up("voice", tmp_path).spec.spec == "voice:Engine"


def test_options_go_along(project):
    assert look_up("my_engine", project, threads=2).spec.options == {"threads": 2}
    assert look_up("localhost:1", project, preset="piper").spec.options == {"preset": "piper"}


@pytest.mark.parametrize("name", ["nothing_here", "no such program", ""])
def test_what_names_nothing_is_refused_with_the_forms(project, name):
    with pytest.raises(TargetNotFound, match="wanted module:callable"):
        look_up(name, project)


def test_python_of_this_folder_comes_first(project, monkeypatch):
    monkeypatch.setattr(candidates, "_listens", lambda port: port in (5000, 10200))
    found = look_around(project)
    assert found.chosen.spec.spec == "my_engine:Engine"
    assert found.chosen.reason == "Engine in my_engine has stream(text)"
    assert [each.spec.spec for each in found.others] == [
        "http://127.0.0.1:5000",
        "wyoming://127.0.0.1:10200",
    ]


def test_a_server_is_named_with_the_form_that_it_answers_in(tmp_path, monkeypatch):
    def answer(spec, voice):
        if not spec.spec.endswith(":5000"):
            raise TargetFailed("no sound")
        return structs.replace(spec, options={"preset": "piper"})

    monkeypatch.setattr(candidates, "_listens", lambda port: True)
    monkeypatch.setattr(candidates, "find_form", answer)
    found = look_around(tmp_path)
    assert found.chosen.spec.options == {"preset": "piper"}
    assert found.others == (), "what listens and does not speak is no server of speech"


def test_a_program_is_the_last_resort(tmp_path, monkeypatch):
    monkeypatch.setattr(
        candidates.shutil, "which", lambda name: "/bin/x" if name == "espeak-ng" else None
    )
    assert look_around(tmp_path).chosen.spec.spec == "cmd:espeak-ng --stdout {text}"


def test_where_nothing_speaks_it_says_where_it_looked(tmp_path):
    with pytest.raises(TargetNotFound) as refusal:
        look_around(tmp_path)
    for place in ("stream(text)", "8000", "10200", "espeak-ng", "ttsperf init TARGET"):
        assert place in str(refusal.value)


def test_a_function_is_described_as_one(tmp_path):
    (tmp_path / "a.py").write_text("def say(text):\n    yield b''\n")
    assert look_around(tmp_path).chosen.reason == "say(text) in a yields sound, by its looks"


@pytest.mark.starts
def test_a_port_that_listens_is_seen(monkeypatch):
    import socket

    monkeypatch.undo()
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert candidates._listens(port)
    assert not candidates._listens(port)
