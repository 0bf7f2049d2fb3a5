"""The fixture `ttsperf_target`: parametrised in every way, and what it must not give."""

from __future__ import annotations

import pytest

from tests.plugin.conftest import Project

INDIRECT = """
from pytest_ttsperf import TargetSpec
@pytest.fixture
def ttsperf_target(request):
    return TargetSpec(spec="engines:Telling", options={"first_s": request.param})
"""
PARAMS = INDIRECT.replace("@pytest.fixture", "@pytest.fixture(params=[0.02, 0.04])")
CASES = {
    "indirect": (
        INDIRECT,
        "@pytest.mark.parametrize('ttsperf_target', [0.02, 0.04], indirect=True)",
    ),
    "params": (PARAMS, ""),
    "direct": (
        "from pytest_ttsperf import TargetSpec\nBOTH = [TargetSpec(spec='engines:Telling', "
        "options={'first_s': s}) for s in (0.02, 0.04)]",
        "@pytest.mark.parametrize('ttsperf_target', BOTH)",
    ),
}


@pytest.mark.parametrize("how", CASES)
@pytest.mark.parametrize("asks_for", ["perf", "perf, cold_engine"])
def test_it_may_be_parametrised_where_only_perf_is_asked_for(
    project: Project, how: str, asks_for: str
) -> None:
    above, mark = CASES[how]
    project.test(f"{above}\n{mark}\n@trials(3)\ndef test_x({asks_for}): perf.stream('short')\n")
    project.run("--ttsperf-cold-trials=2").assert_outcomes(passed=2)
    targets = [cell["cell"]["target"] for cell in project.cells()]
    assert sorted(targets) == ["engines:Telling(first_s=0.02)", "engines:Telling(first_s=0.04)"]


@pytest.mark.parametrize(
    ("value", "found", "remedy"),
    [
        ("None", "gave None (NoneType)", "Does the fixture return what it makes?"),
        ("Path('engine.py')", "(PosixPath)", "name what opens it, and give the path as an option"),
        ("Engine", "(type)", "named and not handed over: return 'test_it:Engine'"),
        ("Engine()", "(Engine)", "named and not handed over: return 'test_it:Engine'"),
        ("make", "(function)", "named and not handed over: return 'test_it:make'"),
        ("lambda: Engine()", "(function)", "as 'module:callable'"),
        ("('engines:Tone', {'first_s': 1})", "(tuple)", "Options go into a TargetSpec"),
        ("TargetSpec(spec=Path('x'))", "whose spec is PosixPath('x')", "name what opens it"),
        ("TargetSpec(spec='a:b', options=['x=1'])", "whose options are ['x=1'] (list)", "by name"),
    ],
)
def test_what_it_must_not_give(project: Project, value: str, found: str, remedy: str) -> None:
    project.test(
        f"""
        from pathlib import Path
        from pytest_ttsperf import TargetSpec
        class Engine:
            def stream(self, text): ...
        def make(): return Engine()
        @pytest.fixture
        def ttsperf_target(): return {value}
        def test_x(perf): perf.stream("short")
        """
    )
    result = project.run()
    result.assert_outcomes(errors=1)
    text = result.stdout.str()
    assert f"the fixture ttsperf_target gave {'' if 'TargetSpec' not in value else 'a'}" in text
    assert found in text
    assert "wanted" in text
    assert remedy in text
    assert "Traceback" not in text
