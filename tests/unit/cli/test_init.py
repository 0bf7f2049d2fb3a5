"""The commands `init`, `suggest` and `doctor TARGET`: what they take, and what they refuse."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from pytest_ttsperf.cli import _parser, doctor, init, lazy, main


@pytest.mark.parametrize(
    "arguments",
    [
        ["init", "--seconds", "0"],
        ["init", "--seconds", "soon"],
        ["init", "--seconds", "1e9"],
        ["init", "--ci", "jenkins"],
        ["init", "one", "two"],
        ["suggest", "--runs", "0"],
        ["suggest", "--runs", "few"],
    ],
)
def test_what_is_not_understood_is_exit_code_2(arguments, capsys):
    with pytest.raises(SystemExit) as left:
        main(arguments)
    assert left.value.code == 2
    assert "usage: ttsperf" in capsys.readouterr().err


def test_an_option_that_is_no_pair_is_named(capsys):
    assert main(["init", "a:A", "--option", "threads"]) == 2
    assert "--option: found 'threads', wanted NAME=VALUE" in capsys.readouterr().err


def test_the_doctor_takes_one_target(capsys):
    assert main(["doctor", "a:A", "--target", "b:B"]) == 2
    assert "found two targets, a:A and --target b:B" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [["a:A"], ["--target", "a:A"]])
def test_the_doctor_takes_a_target_in_either_way(arguments, monkeypatch):
    asked = []

    def examine(seconds, source):
        asked.append(source.spec.spec)
        return SimpleNamespace(level="good")

    monkeypatch.setattr(lazy.checks, "examine", examine)
    monkeypatch.setattr(lazy.doctor_report, "checkup", lambda found, paint: "text")
    monkeypatch.setattr(doctor, "print_answer", lambda *_, as_json: None)
    assert main(["doctor", *arguments]) == 0
    assert asked == ["a:A"]


@pytest.mark.parametrize(
    ("name", "service"), [("none", None), ("github", "github"), ("gitlab", "gitlab")]
)
def test_a_service_that_is_named_is_not_looked_for(name, service, tmp_path):
    assert init._service(name, tmp_path) == service


def test_the_configuration_is_asked_where_no_target_is_named(tmp_path, monkeypatch):
    (tmp_path / "pytest.ini").write_text(
        "[pytest]\nttsperf_target = a:A\nttsperf_target_options = threads=2\n"
    )
    parsed = _parser().parse_args(["init", "--option", "voice=x"])
    found = init._find(parsed, tmp_path)
    assert found.chosen.spec.spec == "a:A"
    assert found.chosen.spec.options == {"threads": 2, "voice": "x"}
    parsed = _parser().parse_args(["init", "b:B"])
    assert init._find(parsed, tmp_path).chosen.spec.spec == "b:B"


def test_what_is_named_has_to_be_taken():
    parsed = _parser().parse_args(["init", "a:A", "--voice", "v"])
    source = init._source(parsed, lazy.records.TargetSpec(spec="a:A"))
    assert (source.voice, source.provider, source.requested) == ("v", None, ("voice",))
