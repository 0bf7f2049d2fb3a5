"""No key, token or password is found again in anything that a run prints or leaves behind.

A real server that answers only to the key, and quotes whole requests when it scolds; real runs in
processes of their own; and then each file below the project is searched, byte by byte.
"""

from __future__ import annotations

import json
import shlex
import sys
import textwrap
import threading
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote

import pytest

from pytest_ttsperf.cli import main
from tests.plugin import speech_server
from tests.plugin.conftest import Project

KEY = "sk-e2e-0123456789"
OTHER = "sk-e2e-9876543210"
VARIABLE = "TTSPERF_TEST_KEY"
TEST = """
@trials(5)
@ttfa(p50_ms=5000)
def test_x(perf):
    perf.stream("short")
"""
TOO_SLOW = """
@trials(5)
@ttfa(p50_ms=0.001)
def test_too_slow(perf):
    perf.stream("short")
"""
ENGINES = """
import os, sys, time
from engines import Telling

class Keyed(Telling):
    def __init__(self, api_key, mood="calm"):
        super().__init__()
        open("command_line.txt", "wb").write(open("/proc/self/cmdline", "rb").read())
        open("length.txt", "w").write(str(len(api_key)))
        self.api_key, self.mood = api_key, mood
        if mood == "fails_to_open":
            raise ValueError(f"the key {api_key} has expired")

    def stream(self, text):
        print(f"speaking with {self.api_key}", flush=True)
        if self.mood == "fails":
            raise ValueError(f"the key {self.api_key!r} has expired")
        if self.mood == "dies":
            sys.stderr.write("x" * 3990 + self.api_key + "y" * 3990)
            sys.stderr.flush()
            os._exit(3)
        yield from super().stream(text)

    def placement(self):
        return {**super().placement(), "note": f"with {self.api_key}", "auth_token": "of its own"}
"""


class Guarded(speech_server.Handler):
    """Speaks to who has a key; `/scold` quotes the whole request, `/late` the key at a cut."""

    def do_POST(self) -> None:  # noqa: N802  (the name is the standard library's)
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        request = f"{self.requestline}\n{self.headers}\n{body}"
        if "/scold" in self.path:
            self._whole(401, json.dumps({"error": {"message": f"no such key: {request}"}}))
        elif "/late" in self.path:
            self._whole(401, "x" * 493 + KEY)  # cut in two by what is shown of an answer
        elif KEY in unquote(request) or OTHER in unquote(request):
            self._pcm(json.loads(body)["input"] if body[0] == "{" else body.partition("text=")[2])
        else:
            self._whole(401, "no key")


@pytest.fixture(scope="module")
def base() -> Iterator[str]:
    server = speech_server.Server(("127.0.0.1", 0), Guarded)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


@pytest.fixture
def key_project(project: Project, monkeypatch: pytest.MonkeyPatch) -> Project:
    monkeypatch.setenv(VARIABLE, KEY)
    project.pytester.makepyfile(keyed=ENGINES)
    project.ini(ttsperf_target="keyed:Keyed", ttsperf_provider="cpu")
    project.test(TEST)
    return project


def run(project: Project, *arguments: str) -> str:
    """A run in a process of its own with all that leaves files; what it printed."""
    done = project.run_apart(
        "-p", "no:randomly", "-v", "-ra", "--junitxml=junit.xml", "--ttsperf-json=all.json",
        "--ttsperf-save", *arguments,
    )  # fmt: skip
    printed = f"{done.stdout.str()}\n{done.stderr.str()}"
    (project.path / f"printed-{len(list(project.path.glob('printed-*')))}.txt").write_text(printed)
    return printed


def files_with(project: Project, secret: str, *written_by_us: str) -> list[str]:
    """Files that hold it, or all but its ends; without those that the test has written."""
    parts = (secret.encode(), secret[:-3].encode(), secret[3:].encode())
    return [
        str(path.relative_to(project.path))
        for path in project.path.rglob("*")
        if path.is_file()
        and path.name not in written_by_us
        and path.suffix != ".pyc"  # of what the test has written
        and any(part in path.read_bytes() for part in parts)
    ]


def template(**parts: object) -> str:
    return json.dumps({"sample_rate": 24000, "format": "pcm", **parts})


BODY = {"input": "{text}"}
PLACES = {
    "headers": {"headers": {"Authorization": "Bearer SECRET", "X-Api-Key": "SECRET"}},
    "path and body": {
        "path": "/v1/speech?voice=a&api_key=SECRET",
        "body": {**BODY, "auth": {"token": "SECRET"}},
    },
    "text": {"path": "/v1/speech", "body": "api_key=SECRET&text={text}"},
}


@pytest.mark.parametrize("is_literal", [True, False], ids=["literal", "variable"])
@pytest.mark.parametrize("place", PLACES)
def test_a_key_of_a_server_is_nowhere(
    key_project: Project, base: str, place: str, *, is_literal: bool
) -> None:
    written = KEY if is_literal else f"{{env:{VARIABLE}}}"
    parts = json.loads(json.dumps(PLACES[place]).replace("SECRET", written))
    form = f"--ttsperf-http-template={template(**parts)}"
    key_project.test(TEST + TOO_SLOW)
    printed = run(key_project, f"--ttsperf-target={base}", form)
    assert "1 failed, 1 passed" in printed
    assert printed.count("written out, where") == (1 if is_literal else 0)
    target = key_project.cells()[0]["cell"]["target"]
    assert ("***" in target) is is_literal
    assert (f"{{env:{VARIABLE}}}" in target) is not is_literal
    scolded = {**parts, "path": f"/scold{parts.get('path', '')}", "body": parts.get("body", BODY)}
    form = f"--ttsperf-http-template={template(**scolded)}"
    assert "401" in run(key_project, f"--ttsperf-target={base}", form)
    assert files_with(key_project, KEY) == []
    assert len(list(key_project.path.glob("baselines/*/*.json"))) == 1


def test_a_key_at_a_cut_of_an_answer_is_whole_before_it(key_project: Project, base: str) -> None:
    form = template(headers={"X-Api-Key": KEY})
    printed = run(key_project, f"--ttsperf-target={base}/late", f"--ttsperf-http-template={form}")
    assert "xxx***" in printed
    assert files_with(key_project, KEY) == []


def test_a_template_file_keeps_its_key(key_project: Project, base: str) -> None:
    (key_project.path / "form.json").write_text(template(headers={"X-Api-Key": KEY}))
    key_project.ini(ttsperf_target=base, ttsperf_http_template="form.json")
    assert "1 passed" in run(key_project)
    assert files_with(key_project, KEY, "form.json") == []


def test_another_key_is_the_same_cell(key_project: Project, base: str) -> None:
    for key in (KEY, OTHER):
        form = template(headers={"Authorization": f"Bearer {key}"})
        assert "1 passed" in run(
            key_project, f"--ttsperf-target={base}", f"--ttsperf-http-template={form}"
        )
    (stored,) = key_project.path.glob("baselines/*/*.json")
    assert len(json.loads(stored.read_text())["runs"]) == 2


@pytest.mark.parametrize(
    ("mood", "written"),
    [
        ("calm", KEY),
        ("fails", KEY),
        ("fails_to_open", KEY),
        ("dies", KEY),
        ("calm", f"{{env:{VARIABLE}}}"),
        ("dies", f"{{env:{VARIABLE}}}"),
    ],
)
def test_a_key_of_an_engine_is_nowhere(key_project: Project, mood: str, written: str) -> None:
    printed = run(
        key_project,
        f"--ttsperf-target-option=api_key={written}",
        "--ttsperf-target-option",
        f"mood={mood}",
    )
    assert ("1 passed" if mood == "calm" else "***") in printed
    assert files_with(key_project, KEY) == []
    # What the process was given; and that it was not given by the command line.
    assert (key_project.path / "length.txt").read_text() == str(len(KEY))
    assert (key_project.path / "command_line.txt").read_bytes()
    if mood == "calm":
        placement = key_project.cells()[0]["ready"]["placement"]
        assert placement["note"] == "with ***"
        assert placement["auth_token"] == "***"


def test_a_key_of_an_engine_in_our_process_is_nowhere(key_project: Project) -> None:
    key_project.test(
        "def test_x(warm_engine):\n    held = warm_engine.source.spec\n"
        "    warm_engine.record('A text.')\n    assert held is None"
    )
    for mood in ("calm", "fails"):
        printed = run(
            key_project, "--ttsperf-inline", "--showlocals", f"--ttsperf-target-option=mood={mood}",
            f"--ttsperf-target-option=api_key={KEY}",
        )  # fmt: skip
        assert "held" in printed
        assert "***" in printed
    assert files_with(key_project, KEY, "command_line.txt") == []  # that of this run itself


def test_a_key_of_a_fixture_is_nowhere(key_project: Project) -> None:
    key_project.test(
        f"""
        from pytest_ttsperf import TargetSpec

        @pytest.fixture
        def ttsperf_target():
            return TargetSpec(spec="keyed:Keyed", options={{"api_key": "{KEY}"}})

        {textwrap.indent(TOO_SLOW, " " * 8).strip()}
        """
    )
    printed = run(key_project)
    assert "1 failed" in printed
    assert "api_key is written out" in printed
    assert files_with(key_project, KEY, "test_it.py") == []


def test_a_key_in_a_command_is_nowhere(key_project: Project) -> None:
    key_project.pytester.makepyfile(
        speak="""
        import sys
        sys.stderr.write("cannot log in with " + " ".join(sys.argv[1:]))
        sys.exit(int("fail" in sys.argv) or sys.stdout.buffer.write(b"\\0\\1" * 24000) and 0)
        """
    )
    key_project.test("def test_x(perf, cold_engine):\n    perf.stream('short')")
    program = f"cmd:{shlex.quote(sys.executable)} speak.py"
    for written in (KEY, f"{{env:{VARIABLE}}}"):
        option = f"--api-key {written} --token={written} -H 'Authorization: Bearer {written}'"
        run(
            key_project, f"--ttsperf-target={program} {option}", "--ttsperf-cold-trials=2",
            "--ttsperf-target-option=rate=24000",
        )  # fmt: skip
        assert KEY[:4] not in key_project.cells()[0]["cell"]["target"]
        printed = run(
            key_project, f"--ttsperf-target={program} {option} fail", "--ttsperf-cold-trials=2",
            "--ttsperf-target-option=rate=24000",
        )  # fmt: skip
        assert "cannot log in with" in printed
    assert files_with(key_project, KEY) == []


@pytest.mark.parametrize(
    "target",
    [
        f"http://alice:{KEY}@127.0.0.1:9/",
        f"http://{KEY}@127.0.0.1:9",
        f"http://127.0.0.1:9/?api_key={KEY}",
        f"wyoming://alice:{KEY}@127.0.0.1:9",
        f"http://alice:{KEY}[@127.0.0.1:9/",
        f"alice:{KEY}@127.0.0.1:9",
        f"htp://alice:{KEY}@127.0.0.1:9",
        f"http://alice:{{env:{VARIABLE}}}@127.0.0.1:9",
    ],
)
def test_a_refused_target_does_not_tell_its_password(key_project: Project, target: str) -> None:
    printed = run(key_project, f"--ttsperf-target={target}")
    assert "wanted" in printed or "not of the form" in printed
    assert files_with(key_project, KEY) == []


@pytest.mark.parametrize("scheme", ["http", "htp"])
def test_a_target_to_compare_with_does_not_tell_its_password(
    key_project: Project, scheme: str
) -> None:
    key_project.ini(ttsperf_target="keyed:Keyed", ttsperf_target_options="api_key=abc")
    printed = run(key_project, f"--ttsperf-against={scheme}://alice:{KEY}@127.0.0.1:9/")
    assert f"{scheme}://***@127.0.0.1:9/" in printed
    assert files_with(key_project, KEY) == []


def test_a_target_as_parameter_is_named_without_its_secret(key_project: Project) -> None:
    key_project.test(
        f"""
        @pytest.mark.parametrize("ttsperf_target", ["http://alice:{KEY}@127.0.0.1:9/"])
        def test_x(perf, ttsperf_target):
            perf.stream("short")
        """
    )
    printed = run(key_project)
    assert "test_x[cpu-http://***@127.0.0.1:9/]" in printed
    assert files_with(key_project, KEY, "test_it.py") == []


@pytest.mark.parametrize(
    "target", [f"{{env:{VARIABLE}_URL}}", "http://127.0.0.1:{env:TTSPERF_TEST_PORT}"]
)
def test_all_of_an_address_may_come_by_variables(
    key_project: Project, base: str, monkeypatch: pytest.MonkeyPatch, target: str
) -> None:
    monkeypatch.setenv(f"{VARIABLE}_URL", base)
    monkeypatch.setenv("TTSPERF_TEST_PORT", base.rpartition(":")[2])
    form = template(headers={"X-Api-Key": f"{{env:{VARIABLE}}}"})
    printed = run(key_project, f"--ttsperf-target={target}", f"--ttsperf-http-template={form}")
    assert "1 passed" in printed
    assert key_project.cells()[0]["cell"]["target"].startswith(f"{target}(")


@pytest.mark.parametrize(
    "arguments",
    [
        ["--ttsperf-target={env:TTSPERF_TEST_UNSET}"],
        ["--ttsperf-target=http://h/{env:TTSPERF_TEST_UNSET}"],
        ["--ttsperf-target-option=api_key={env:TTSPERF_TEST_UNSET}"],
        ["--ttsperf-against={env:TTSPERF_TEST_UNSET}", "--ttsperf-target-option=api_key=a"],
        ["--ttsperf-target=cmd:{env:TTSPERF_TEST_UNSET}"],
    ],
)
def test_a_variable_that_is_not_set_is_named(key_project: Project, arguments: list[str]) -> None:
    printed = run(key_project, *arguments)
    assert "{env:TTSPERF_TEST_UNSET}, which is not set; export TTSPERF_TEST_UNSET" in printed
    assert "INTERNALERROR" not in printed
    assert "1 passed" not in printed


def test_the_text_that_is_spoken_names_no_variable(key_project: Project, base: str) -> None:
    key_project.test(f"def test_x(perf):\n    perf.stream('Say {{env:{VARIABLE}}} to me.')")
    form = template(path="/scold", body=BODY)
    printed = run(key_project, f"--ttsperf-target={base}", f"--ttsperf-http-template={form}")
    assert "401" in printed
    assert files_with(key_project, KEY) == []


@pytest.mark.parametrize("as_json", [[], ["--json"]])
def test_the_commands_tell_no_key(
    key_project: Project,
    base: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    as_json: list[str],
) -> None:
    monkeypatch.chdir(key_project.path)
    monkeypatch.syspath_prepend(str(key_project.path))
    option = f"api_key={KEY}"
    main(["doctor", "--seconds=0.1", "--target=keyed:Keyed", f"--option={option}", *as_json])
    main(["doctor", "--seconds=0.1", f"--target=http://a:{KEY}@127.0.0.1:9", *as_json])
    main(
        ["doctor", "--seconds=0.1", "--target=keyed:Keyed", "--option=mood=fails_to_open",
         f"--option={option}", *as_json]
    )  # fmt: skip
    main(
        ["compare", f"http://127.0.0.1:9/{KEY}?token={KEY}", "keyed:Keyed", "--budget=1",
         "--option-b", option, *as_json]
    )  # fmt: skip
    with pytest.raises(SystemExit):
        main(["compare", "keyed:Keyed", "keyed:Keyed", "--option", f"api_key={OTHER}"])
    printed = capsys.readouterr()
    assert KEY not in printed.out + printed.err
    assert OTHER not in printed.out + printed.err
    assert "api_key='***'" in printed.out
    assert "api_key is written out" in printed.err


def test_baselines_that_hold_a_key_are_shown_without_and_pruned(
    key_project: Project, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(key_project.path)
    assert "1 passed" in run(key_project, f"--ttsperf-target-option=api_key={KEY}")
    (stored,) = key_project.path.glob("baselines/*/*.json")
    assert main(["baseline", "prune"]) == 0
    assert "nothing to prune" in capsys.readouterr().out
    # As a version without masks has written it.
    stored.write_text(stored.read_text().replace("api_key='***'", f"api_key='{KEY}'"))
    main(["baseline", "list"])
    main(["baseline", "show", "test_x", "--json"])
    main(["baseline", "show", "test_x"])
    main(["baseline", "prune", "--yes"])
    printed = capsys.readouterr()
    assert KEY not in printed.out + printed.err
    assert "holds a secret in plain text" in printed.out
    assert not Path(stored).exists()
