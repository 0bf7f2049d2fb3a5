"""Gates on providers that come as libraries: what was asked for has to have run."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.cache import VARIABLE
from tests.engine.test_engine_plugins import GGML, NXRT, library_of
from tests.plugin.conftest import Project

TEST = "@trials(3)\n@ttfa(max_ms=60000)\ndef test_x(perf):\n    perf.stream('short')"

# Hums, and tells the placement of a real session: a voice's own graph, in one piece.
WHOLE = """
from engine.runtime.providers import SessionOptions, find_provider
from engine.runtime.session import Session
from engine.voices import find_voice
from engines import *

class Whole(Tone):
    def __init__(self, provider="cpu"):
        super().__init__(provider)
        model = find_voice("heart").read_model()
        self.session = Session(model, find_provider(provider), SessionOptions())
    def placement(self):
        return self.session.placement()
"""


@pytest.fixture(scope="module", autouse=True)
def cache_folder(run_cache: Path) -> Iterator[None]:
    """Tests fill a cache of this run, never the user's."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(VARIABLE, str(run_cache))
        yield


@pytest.mark.parametrize("package", [GGML, NXRT])
def test_a_library_that_runs_no_node_is_invalid(project: Project, package: str) -> None:
    project.pytester.makepyfile(whole=WHOLE)
    project.test(TEST)
    library = library_of(package)
    result = project.run("--ttsperf-target=whole:Whole", f"--ttsperf-provider={library}")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*INVALID*provider*ran 0 nodes (* on CPUExecutionProvider)*"])
    assert "PASS" not in project.verdicts().values()


def test_the_engine_on_a_library_that_runs_no_node_is_invalid(project: Project) -> None:
    project.test(TEST)
    result = project.run(
        "--ttsperf-target=engine:Engine",
        "--ttsperf-voice=joe",
        f"--ttsperf-provider={library_of(NXRT)}",
    )
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*INVALID*provider*ran 0 nodes (* on CPUExecutionProvider)*"])
    assert "PASS" not in project.verdicts().values()
    placement = project.cells()[0]["ready"]["placement"]
    assert placement["registered"] == ["cpu_ep", "CPUExecutionProvider"]
    assert placement["share"] == {"CPUExecutionProvider": 1.0}


def test_a_library_that_runs_nodes_passes_and_its_share_is_told(project: Project) -> None:
    project.test(TEST)
    result = project.run("--ttsperf-target=engine:Engine", f"--ttsperf-provider={library_of(GGML)}")
    result.assert_outcomes(passed=1)
    assert set(project.verdicts().values()) == {"PASS"}
    share = project.cells()[0]["ready"]["placement"]["share"]
    assert 0 < share[GGML] < 1
    assert sum(share.values()) == pytest.approx(1, abs=1e-3)


def test_a_library_that_is_not_there_is_an_error_or_a_skip(project: Project) -> None:
    project.test(TEST)
    missing = "/nowhere/libfoo_ep.so"
    result = project.run("--ttsperf-target=engine:Engine", f"--ttsperf-provider={missing}")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines([f"*found no file {missing}*"])
    project.ini(ttsperf_target="engine:Engine", ttsperf_provider=missing)
    result = project.run("-rs")
    result.assert_outcomes(skipped=1)
    result.stdout.fnmatch_lines([f"SKIPPED*found no file {missing}*"])


def test_artifacts_of_a_library_are_named_without_its_folders(project: Project) -> None:
    project.test(TEST)
    result = project.run(
        "--ttsperf-target=engines:Tone", "--ttsperf-provider=cpu,/opt/ep/libfoo.so"
    )
    result.assert_outcomes(passed=2)
    (path,) = project.artifact_paths("bench_*libfoo*.json")
    assert path.name.startswith("bench_stream_short_-opt-ep-libfoo.so_default_")
