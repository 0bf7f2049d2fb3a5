"""A server that runs already, measured over HTTP: by the real plugin, against a real process."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from tests.plugin import speech_server
from tests.plugin.conftest import Project

ROOT = Path(__file__).resolve().parents[2]
TEST = "@trials(4)\n@ttfa(p50_ms=5000)\ndef test_x(perf):\n    perf.stream('short')"


@pytest.fixture(scope="module")
def running() -> Iterator[subprocess.Popen[str]]:
    """The server as a process; its port is the first line that it prints."""
    process = subprocess.Popen(
        [sys.executable, "-m", speech_server.__name__],
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )
    yield process
    process.kill()
    process.communicate()


@pytest.fixture(scope="module")
def base(running: subprocess.Popen[str]) -> str:
    assert running.stdout is not None
    return f"http://127.0.0.1:{int(running.stdout.readline())}"


@pytest.fixture
def speaking(project: Project) -> Project:
    project.ini(ttsperf_target="nowhere:Nothing")
    project.test(TEST)
    return project


def counted(cells: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [trial for cell in cells for trial in cell["trials"] if trial["kind"] == "trial"]


def trials(project: Project) -> list[dict[str, Any]]:
    return counted(project.cells()[:1])


def notes(project: Project) -> dict[str, str]:
    return {note["guard"]: note["text"] for note in project.cells()[0]["notes"]}


def measure_each(project: Project, targets: list[str], *arguments: str) -> pytest.RunResult:
    """Measure several targets in one run; the cells come in their order."""
    project.test(
        f"@pytest.fixture(params={targets!r}, ids=str)\n"
        f"def ttsperf_target(request): return request.param\n\n{TEST}"
    )
    return project.run(*arguments)


def test_samples_are_those_of_the_payload(project: Project, base: str) -> None:
    targets = [f"{base}/{way}" for way in ("pcm", "wav", "nosize", "length", "sse")]
    measure_each(project, targets).assert_outcomes(passed=5)
    cells = project.cells()
    assert [cell["cell"]["target"] for cell in cells] == [
        f"{target}(connection='keep')" for target in targets
    ]
    for trial in counted(cells):
        recording = trial["recording"]
        assert sum(recording["frame_counts"]) == speech_server.RATE * len(trial["text"]) // 15
        assert recording["sample_rate"] == speech_server.RATE
        stages = [span["stage"] for span in recording["spans"]]
        assert stages == ["http.send", "http.wait", "http.body"]


def test_encoded_sound_is_measured_as_it_comes(project: Project, base: str) -> None:
    rates = dict.fromkeys(("flac", "mp3", "aac"), speech_server.RATE)
    rates["opus"] = 2 * speech_server.RATE
    measure_each(project, [f"{base}/{way}" for way in rates]).assert_outcomes(passed=4)
    cells = project.cells()
    assert len(cells) == 4
    for rate, cell in zip(rates.values(), cells, strict=True):
        for trial in counted([cell]):
            counts = trial["recording"]["frame_counts"]
            assert trial["recording"]["sample_rate"] == rate
            spoken = rate * len(trial["text"]) // 15
            # Encoders fill up their last frame, and begin with a little silence.
            assert spoken <= sum(counts) < spoken + 3000
            assert len([count for count in counts if count]) > 2


def test_a_header_is_not_the_first_audio(speaking: Project, base: str) -> None:
    speaking.run(f"--ttsperf-target={base}/wav").assert_outcomes(passed=1)
    summary = speaking.cells()[0]["summary"]
    assert summary["ttfb_ms"]["p50"] * 2 < summary["ttfs_ms"]["p50"]
    assert summary["ttfs_ms"]["p50"] >= speech_server.FIRST_S * 1000


def test_writes_of_one_delivery_are_not_taken_for_chunks(speaking: Project, base: str) -> None:
    speaking.run(f"--ttsperf-target={base}/burst").assert_outcomes(passed=1)
    for trial in trials(speaking):
        recording = trial["recording"]
        waits = [b - a for a, b in pairwise(recording["arrivals_ns"])]
        # 70 writes and one pause; a busy machine may add another.
        assert 1 <= sum(wait > 10_000_000 for wait in waits) <= 4
    assert speaking.cells()[0]["summary"]["gap_max_ms"]["p50"] >= 19


def test_kept_and_fresh_connections_are_different_cells(speaking: Project, base: str) -> None:
    for way in ("keep", "fresh"):
        speaking.run(
            f"--ttsperf-target={base}", f"--ttsperf-http-connection={way}"
        ).assert_outcomes(passed=1)
        cell = speaking.cells()[0]
        assert cell["cell"]["target"] == f"{base}(connection='{way}')"
        connects = [
            span
            for trial in trials(speaking)
            for span in trial["recording"]["spans"]
            if span["stage"] == "http.connect"
        ]
        assert len(connects) == (4 if way == "fresh" else 0)


def test_a_kept_connection_is_one_and_fresh_ones_are_many(project: Project, base: str) -> None:
    project.test(
        f"""
        import http.client, json
        def count():
            asked = http.client.HTTPConnection("{base.removeprefix("http://")}")
            asked.request("GET", "/told")
            return json.loads(asked.getresponse().read())["connections"]

        @trials(6)
        def test_x(perf, warm_engine):
            before = count()
            for _ in range(5):
                warm_engine.record("One more text.")
            print("OPENED", count() - before - 1)
        """
    )
    for way, opened in (("keep", 0), ("fresh", 5)):
        result = project.run("-s", f"--ttsperf-target={base}", f"--ttsperf-http-connection={way}")
        result.stdout.fnmatch_lines([f"*OPENED {opened}"])


def test_memory_is_the_servers(
    speaking: Project, base: str, running: subprocess.Popen[str]
) -> None:
    speaking.test(f"@memory(rss_range_mb=300)\n{TEST}")
    speaking.run(f"--ttsperf-target={base}/computes").assert_outcomes(passed=1)
    cell = speaking.cells()[0]
    assert cell["ready"]["pid"] == running.pid
    assert cell["memory"]["rss_baseline_mb"] > speech_server.BALLAST_MB
    assert cell["memory"]["reason"] is None


def test_memory_that_cannot_be_told_is_null_with_the_reason(speaking: Project) -> None:
    """The server is a thread of pytest's own process here, as a port of ours may be."""
    server = speech_server.serve()
    try:
        speaking.test(f"@memory(rss_range_mb=300)\n{TEST}")
        result = speaking.run(f"--ttsperf-target=http://127.0.0.1:{server.server_address[1]}")
    finally:
        server.shutdown()
        server.server_close()
    result.assert_outcomes(failed=1)
    memory = speaking.cells()[0]["memory"]
    assert memory["rss_peak_mb"] is None
    assert "is held by pytest's own process" in memory["reason"]
    result.stdout.fnmatch_lines(["*is held by pytest's own process*"])


def test_a_connection_that_breaks_is_a_failed_trial(speaking: Project, base: str) -> None:
    speaking.test(TEST)
    result = speaking.run(f"--ttsperf-target={base}/breaks")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    assert "the connection broke after 4000 bytes of sound" in result.stdout.str()


@pytest.mark.parametrize(
    ("way", "told"),
    [
        (
            "busy",
            "answered 503 Service Unavailable to POST /busy/v1/audio/speech: the queue is full",
        ),
        ("json", "wanted sound; see the server's log"),
        ("empty", "answered 200 and no byte"),
        ("closes", "measure with --ttsperf-http-connection=fresh"),
        ("gzip", "answers compressed (Content-Encoding: gzip), which nothing asked for"),
        ("zipped", "found gzip, though its type is audio/pcm"),
        ("garbled", "/garbled/v1/audio/speech: 2560 bytes, audio/wav, which are no text"),
    ],
)
def test_a_server_that_does_not_speak_is_told(
    speaking: Project, base: str, way: str, told: str
) -> None:
    result = speaking.run(f"--ttsperf-target={base}/{way}")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    assert told in result.stdout.str()
    assert "Traceback" not in result.stdout.str()


def test_the_rate_that_the_server_says_is_taken(project: Project, base: str) -> None:
    targets = [f"{base}/slow16", f"{base}/header16"]
    measure_each(project, targets).assert_outcomes(passed=2)
    cells = project.cells()
    assert len(cells) == 2
    for trial in counted(cells):
        recording = trial["recording"]
        assert recording["sample_rate"] == 16_000
        assert sum(recording["frame_counts"]) == 16_000 * len(trial["text"]) // 15
    for cell in cells:
        (told,) = [note["text"] for note in cell["notes"] if note["guard"] == "target"]
        assert "at 16000 Hz, the form supposes 24000 Hz" in told


def test_a_rate_that_nobody_says_is_named_where_the_speech_is_too_long(
    speaking: Project, base: str
) -> None:
    result = speaking.run(f"--ttsperf-target={base}/silent48")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    said = notes(speaking)["duration"]
    assert "supposed to be 24000 Hz" in said
    assert "48000 Hz" in said
    assert "sample_rate in --ttsperf-http-template" in said


def test_mp3_called_pcm_is_measured_as_what_it_is(speaking: Project, base: str) -> None:
    speaking.run(f"--ttsperf-target={base}/misnamed").assert_outcomes(passed=1)
    assert "its bytes are MP3" in notes(speaking)["target"]
    for trial in trials(speaking):
        spoken = speech_server.RATE * len(trial["text"]) // 15
        assert spoken <= sum(trial["recording"]["frame_counts"]) < spoken + 3000


def test_files_one_after_another_are_measured_to_the_end(speaking: Project, base: str) -> None:
    speaking.run(f"--ttsperf-target={base}/joined", "--ttsperf-trials=2")
    for trial in trials(speaking):
        spoken = 2 * (speech_server.RATE * len(trial["text"]) // 15)
        assert spoken <= sum(trial["recording"]["frame_counts"]) < spoken + 6000


def test_every_success_and_every_spelling_of_the_base_is_measured(
    project: Project, base: str
) -> None:
    ways = ("created", "partial", "wav/v1", "pcm/v1/audio/speech")
    targets = [f"{base}/{way}" for way in ways]
    measure_each(project, targets, "--ttsperf-disable").assert_outcomes(passed=4)


def test_a_redirect_is_told_with_what_to_do(speaking: Project, base: str) -> None:
    result = speaking.run(f"--ttsperf-target={base}/moved")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    said = result.stdout.str()
    assert (
        f"answered 307 Temporary Redirect to POST /moved/v1/audio/speech: it points to {base}/pcm"
        in said
    )
    assert f"measure what it points to, with --ttsperf-target={base}/pcm" in said


def test_a_text_arrives_whole_in_a_form(speaking: Project, base: str) -> None:
    text = "Salt & pepper, 50% off: 2 + 2 makes four; is it not so? Yes."
    speaking.test(f"@trials(2)\n@ttfa(p50_ms=5000)\ndef test_x(perf):\n    perf.stream({text!r})")
    template = {
        "path": "/say",
        "headers": {"Content-Type": "application/x-www-form-urlencoded"},
        "body": "voice=a&say={text}",
        "format": "pcm",
        "sample_rate": speech_server.RATE,
    }
    asked = f"--ttsperf-http-template={json.dumps(template)}"
    speaking.run(f"--ttsperf-target={base}", asked).assert_outcomes(passed=1)
    for trial in trials(speaking):
        assert sum(trial["recording"]["frame_counts"]) == speech_server.RATE * len(text) // 15


def test_a_server_that_closes_is_measured_fresh(speaking: Project, base: str) -> None:
    speaking.run(
        f"--ttsperf-target={base}/closes", "--ttsperf-http-connection=fresh", "--ttsperf-disable"
    ).assert_outcomes(passed=1)


def test_nobody_there_is_told(speaking: Project) -> None:
    result = speaking.run("--ttsperf-target=http://127.0.0.1:9")
    result.assert_outcomes(errors=1)
    assert "nothing answers there" in result.stdout.str()


def test_a_cache_behind_the_server_is_found(speaking: Project, base: str) -> None:
    speaking.run(f"--ttsperf-target={base}/caches").assert_outcomes(passed=1)
    assert "a cache serves repeated texts" in notes(speaking)["cache"]


def test_a_server_has_no_cold_start(project: Project, base: str) -> None:
    project.test("@trials(2)\ndef test_x(perf, cold_engine):\n    perf.stream('short')")
    result = project.run(f"--ttsperf-target={base}")
    result.assert_outcomes(failed=1)
    assert "has no cold start that could be measured" in result.stdout.str()


def test_what_the_server_tells_of_itself_is_kept(speaking: Project, base: str) -> None:
    speaking.run(f"--ttsperf-target={base}/told", "--ttsperf-provider=cpu").assert_outcomes(
        passed=1
    )
    assert "provider" not in speaking.verdicts()
    cell = speaking.cells()[0]
    assert cell["ready"]["placement"]["nodes"] == {"CPUExecutionProvider": 12}
    assert "provider" not in notes(speaking)
    for trial in trials(speaking):
        lasted = {
            span["stage"]: (span["end_ns"] - span["start_ns"]) / 1e6
            for span in trial["recording"]["spans"]
        }
        assert (lasted["server.encode"], lasted["server.vocode"]) == (12, 9.5)
    assert "stream" not in notes(speaking)


def test_a_provider_without_nodes_proves_nothing(speaking: Project, base: str) -> None:
    speaking.run(f"--ttsperf-target={base}/named", "--ttsperf-provider=cpu").assert_outcomes(
        passed=1
    )
    assert speaking.cells()[0]["ready"]["placement"] == {"provider": "CoreMLExecutionProvider"}
    assert notes(speaking)["provider"].startswith("unverified")
    assert speaking.verdicts()["provider"] == "INCONCLUSIVE"


def test_another_form_by_a_template(speaking: Project, base: str) -> None:
    template = {
        "path": "/speak/{voice}",
        "body": {"say": "{text}"},
        "format": "pcm",
        "sample_rate": speech_server.RATE,
        "voice": "hum",
    }
    (speaking.path / "form.json").write_text(json.dumps(template))
    asked = [f"--ttsperf-target={base}", "--ttsperf-http-template=form.json"]
    speaking.run(*asked).assert_outcomes(passed=1)
    assert sum(trials(speaking)[0]["recording"]["frame_counts"]) > speech_server.RATE
    asked[1] = f"--ttsperf-http-template={json.dumps(template)}"
    speaking.run(*asked, "--ttsperf-disable").assert_outcomes(passed=1)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--ttsperf-http-preset=oponai"], "wanted one of openai, kokoro-fastapi, piper"),
        (["--ttsperf-http-template={}x"], "--ttsperf-http-template is no JSON"),
        (["--ttsperf-http-template=gone.json"], "found no file gone.json"),
        (['--ttsperf-http-template={"path": "/x", "body": {}}'], "without {text}"),
        (['--ttsperf-http-template={"pth": "/x"}'], "wanted path, method, headers"),
        (["--ttsperf-http-preset=piper", "--ttsperf-voice=joe"], "has no place for it"),
        (["--ttsperf-inline"], "runs in a process of its own already"),
    ],
)
def test_options_that_cannot_be_understood(
    speaking: Project, base: str, arguments: list[str], told: str
) -> None:
    result = speaking.run(f"--ttsperf-target={base}", *arguments)
    assert result.ret in (pytest.ExitCode.USAGE_ERROR, pytest.ExitCode.TESTS_FAILED)
    assert told in result.stdout.str() + result.stderr.str()


def test_a_server_started_anew_in_the_midst_is_told(project: Project) -> None:
    """A supervisor brings it back on the same port: its figures would be of two processes."""
    command = [sys.executable, "-m", speech_server.__name__]
    project.test(
        f"""
        import subprocess
        server = None

        def start(port):
            global server
            if server is not None:
                server.kill()
                server.communicate()
            server = subprocess.Popen(
                [*{command!r}, str(port)], stdout=subprocess.PIPE, text=True, cwd={str(ROOT)!r}
            )
            return int(server.stdout.readline())

        @pytest.fixture(scope="module")
        def port():
            yield start(0)
            server.kill()
            server.communicate()

        @pytest.fixture
        def ttsperf_target(port):
            return f"http://127.0.0.1:{{port}}"

        @trials(3)
        def test_x(perf, port):
            start(port)
            perf.stream("short")
        """
    )
    result = project.run()
    result.assert_outcomes(failed=1)
    assert "was started anew while it was measured" in result.stdout.str()


def test_as_a_whole_it_arrives_at_its_end(speaking: Project, base: str) -> None:
    speaking.test(TEST.replace("stream(", "synthesize("))
    speaking.run(f"--ttsperf-target={base}").assert_outcomes(passed=1)
    for trial in trials(speaking):
        recording = trial["recording"]
        assert recording["arrivals_ns"] == [recording["end_ns"]]
        assert sum(recording["frame_counts"]) == speech_server.RATE * len(trial["text"]) // 15


@pytest.mark.skipif(shutil.which("openssl") is None, reason="no openssl to make a certificate")
def test_tls_is_a_phase_of_its_own_and_trust_is_not_taken_lightly(
    speaking: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    both = speaking.path / "both.pem"
    make = "req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost -addext"
    names = "subjectAltName=DNS:localhost,IP:127.0.0.1"
    subprocess.run(
        ["openssl", *make.split(), names, "-keyout", str(both), "-out", f"{both}.crt"],
        check=True,
        capture_output=True,
    )
    both.write_text(both.read_text() + Path(f"{both}.crt").read_text())
    server = speech_server.serve(str(both))
    told = [
        f"--ttsperf-target=https://127.0.0.1:{server.server_address[1]}",
        "--ttsperf-http-connection=fresh",
    ]
    try:
        result = speaking.run(*told)
        assert "no TLS that is trusted here" in result.stdout.str()
        monkeypatch.setenv("SSL_CERT_FILE", f"{both}.crt")
        speaking.run(*told).assert_outcomes(passed=1)
    finally:
        server.shutdown()
        server.server_close()
    stages = [span["stage"] for span in trials(speaking)[0]["recording"]["spans"]]
    assert stages == ["http.connect", "http.tls", "http.send", "http.wait", "http.body"]


def test_after_an_answer_that_never_comes_the_next_is_asked_for(
    project: Project, base: str
) -> None:
    project.test(
        """
        from pytest_ttsperf.errors import TargetTimeout

        def test_x(warm_engine):
            kept = [warm_engine.record("One more.") for _ in range(2)]
            with pytest.raises(TargetTimeout, match="no answer within 2 s"):
                warm_engine.record("One more.")
            assert warm_engine.record("One more.").frame_counts
        """
    )
    project.run(f"--ttsperf-target={base}/hangs", "--ttsperf-timeout=2").assert_outcomes(passed=1)


STARTED = f"""
import subprocess
COMMAND = {[sys.executable, "-m", speech_server.__name__]!r}

def started():
    server = subprocess.Popen(COMMAND, stdout=subprocess.PIPE, text=True, cwd={str(ROOT)!r})
    return server, f"http://127.0.0.1:{{server.stdout.readline().strip()}}"

def ended(server):
    server.kill()
    server.communicate()
"""


def test_a_server_on_whatever_port_is_free_keeps_its_baseline(project: Project) -> None:
    """Started by the suite itself, anew in each run."""
    project.test(
        STARTED
        + """
@pytest.fixture(scope="session")
def ttsperf_target():
    server, url = started()
    yield url
    ended(server)

"""
        + TEST
    )
    for _ in range(2):
        project.run("--ttsperf-save").assert_outcomes(passed=1)
    targets = [run["cells"][0]["cell"]["target"] for run in project.artifacts()]
    assert len(set(targets)) == 2, "the port is shown as it was"
    (path,) = project.path.glob("baselines/*/*.json")
    assert len(json.loads(path.read_text())["runs"]) == 2
    result = project.run("--ttsperf-compare")
    result.assert_outcomes(passed=1)
    assert "no baseline of this cell" not in result.stdout.str()


def test_a_rerun_with_the_server_on_another_port_is_pooled_and_says_so(project: Project) -> None:
    project.test(
        STARTED
        + """
@pytest.fixture
def ttsperf_target():
    server, url = started()
    yield url
    ended(server)

@pytest.mark.flaky(reruns=1)
@trials(5)
@ttfa(p50_ms=0.001)
def test_x(perf):
    perf.stream("short")
"""
    )
    result = project.run()
    assert result.parseoutcomes()["rerun"] == 1
    (cell,) = project.cells()
    assert len([trial for trial in cell["trials"] if trial["kind"] == "trial"]) == 10
    (note,) = [note["text"] for note in cell["notes"] if note["guard"] == "target"]
    assert "are judged together, as those of one server" in note
    assert note.count("http://127.0.0.1:") == 2


def test_two_servers_are_not_mixed_in_one_cell(project: Project) -> None:
    project.test(
        STARTED
        + """
from pytest_ttsperf.experiment.plan import TargetFactory
from pytest_ttsperf.experiment.trial import open_target
from pytest_ttsperf.plugin.fixtures import WarmEngine
from pytest_ttsperf.records import TargetSpec

@pytest.fixture
def both():
    servers = [started(), started()]
    yield [url for _, url in servers]
    for server, _ in servers:
        ended(server)

@pytest.fixture
def ttsperf_target(both):
    return both[0]

@trials(2)
def test_x(perf, both):
    perf.stream("short")
    options = {"connection": "keep"}
    source = TargetFactory(spec=TargetSpec(spec=both[1], options=options))
    opened = open_target(source, warm=True)
    perf.engine = WarmEngine(opened)
    try:
        perf.stream("short")
    finally:
        opened.close()
"""
    )
    result = project.run()
    result.assert_outcomes(failed=1)
    assert "differs in the port alone" in result.stdout.str().replace("\n", " ")
