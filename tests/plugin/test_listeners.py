"""Many listeners: `listeners=`, `rate=`, `@listeners`, `--ttsperf-listeners` and its ini line."""

from __future__ import annotations

from typing import Any
from xml.etree import ElementTree as ET

import pytest

from pytest_ttsperf.experiment.plan import Progress
from pytest_ttsperf.load import barge_in, capacity_cell, generator_guard, integrity
from pytest_ttsperf.load import cell as load_cell
from pytest_ttsperf.load.generator import null
from pytest_ttsperf.records import BargeIn, LoadSpec, TargetInfo
from tests.plugin import speech_server
from tests.plugin.conftest import INLINE, Project
from tests.plugin.test_replaced_parts import NO_PROCESSES, NO_SOCKETS
from tests.plugin.test_stopped_time import BY_HAND

TEST = "@trials(3)\n@ttfa(p50_ms=5000)\ndef test_x(perf): perf.stream('short')\n"
CROWD = """
@ttfa(p50_ms=5000)
def test_x(perf): perf.stream("short", listeners=2, pace="greedy")
"""
SHORT = ("--ttsperf-window=0.2s", "--ttsperf-windows=2")
IMPORTS = "from pytest_ttsperf import barge_in, capacity, listeners, quality\n"


@pytest.fixture(autouse=True)
def _short_and_lenient(monkeypatch: pytest.MonkeyPatch) -> None:
    """No null target, few answers to compare, and no generator is accused: other tests run beside.

    What a comparison of answers finds is for tests/unit/load/.
    """
    for module in (load_cell, capacity_cell):
        monkeypatch.setattr(module, "measure_null_rate", lambda *_, **__: 1e6)
    monkeypatch.setattr(integrity, "SAMPLE", 4)
    monkeypatch.setitem(capacity_cell.MOST, "listeners", 4.0)
    monkeypatch.setattr(generator_guard, "LATENESS_MS", 1e4)
    monkeypatch.setattr(generator_guard, "NULL_RATIO", 0.0)
    monkeypatch.setattr(generator_guard, "CPU_SHARE", 1e3)


@pytest.fixture
def briefly_measured_generator(monkeypatch: pytest.MonkeyPatch) -> None:
    """The null target is measured after all."""

    def measure_briefly(load: LoadSpec, *, source: Any) -> float:
        return null.measure_null_rate(load, 0.2, source=source)

    monkeypatch.setattr(null, "LEAD_S", 0.02)
    monkeypatch.setattr(load_cell, "measure_null_rate", measure_briefly)


def collected(project: Project, *arguments: str) -> list[str]:
    """The tests of the project, by what stands in brackets."""
    result = project.run("--collect-only", "-q", *arguments)
    assert result.ret == 0
    return [line.partition("::")[2] for line in result.outlines if "::" in line]


def one_load(cell: dict[str, Any]) -> dict[str, Any]:
    load: dict[str, Any] = cell["load"]
    return load


# What is known at collection


def test_the_id_names_the_listeners(project: Project) -> None:
    project.test(TEST)
    assert collected(project) == ["test_x[cpu]"]
    assert collected(project, "--ttsperf-listeners=1,4,8,4") == [
        "test_x[cpu-1 listener]",
        "test_x[cpu-4 listeners]",
        "test_x[cpu-8 listeners]",
    ]
    assert collected(project, "--ttsperf-provider=cpu,cuda", "--ttsperf-listeners=2") == [
        "test_x[cpu-2 listeners]",
        "test_x[cuda-2 listeners]",
    ]


def test_the_command_line_wins_over_the_mark_and_the_mark_over_ini(project: Project) -> None:
    project.ini(ttsperf_target="engines:Telling", ttsperf_listeners="2, 3")
    project.test(f"{TEST}\n{IMPORTS}@listeners(4, 5)\ndef test_marked(perf): pass")
    assert collected(project) == [
        "test_x[default-2 listeners]",
        "test_x[default-3 listeners]",
        "test_marked[default-4 listeners]",
        "test_marked[default-5 listeners]",
    ]
    assert collected(project, "--ttsperf-listeners=6") == [
        "test_x[default-6 listeners]",
        "test_marked[default-6 listeners]",
    ]


def test_what_has_one_listener_by_its_nature_is_left_alone(project: Project) -> None:
    project.test(
        f"""
        {IMPORTS}
        @pytest.fixture
        def mine(): return 1

        def test_cold(perf, cold_engine): pass
        def test_no_perf(warm_engine): pass
        def test_of_others(mine): pass
        @capacity(min_listeners=2)
        def test_search(perf): pass
        """
    )
    assert collected(project, "--ttsperf-listeners=4") == [
        "test_cold[cpu]",
        "test_no_perf[cpu]",
        "test_of_others",
        "test_search[cpu]",
    ]


def test_a_fixture_that_rests_on_ours_is_parametrised_too(project: Project) -> None:
    project.pytester.makeconftest(
        """
        import pytest
        @pytest.fixture
        def perf(perf): return perf
        @pytest.fixture
        def other(perf): return perf
        """
    )
    project.test("def test_own(perf): pass\ndef test_other(other): pass")
    assert collected(project, "--ttsperf-listeners=4") == [
        "test_own[cpu-4 listeners]",
        "test_other[cpu-4 listeners]",
    ]


def test_a_fixture_of_that_name_that_is_not_ours_is_left_alone(project: Project) -> None:
    project.pytester.makeconftest(
        """
        import pytest
        from pytest_ttsperf.plugin.fixtures import perf as tts_perf
        @pytest.fixture
        def perf(): return 1
        """
    )
    project.test(
        """
        def test_beside(perf, warm_engine): pass
        def test_ours(perf, tts_perf): pass
        """
    )
    assert collected(project, "--ttsperf-listeners=4") == [
        "test_beside[cpu]",
        "test_ours[cpu-4 listeners]",
    ]


@pytest.mark.parametrize("value", ["0", "1,,4", "many", "-2", "1.5", ""])
@pytest.mark.parametrize("form", ["--ttsperf-listeners={}", "ttsperf_listeners={}"])
def test_what_is_no_number_is_refused(project: Project, form: str, value: str) -> None:
    project.test(TEST)
    argument = form.format(value)
    result = project.run(*([argument] if form.startswith("--") else ["-o", argument]))
    if argument == "ttsperf_listeners=":
        assert result.ret == pytest.ExitCode.OK
        return
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert "as 1,4,8" in result.stderr.str()


@pytest.mark.parametrize("value", ["0", "open", "-1s", "soon"])
def test_a_window_is_a_time(project: Project, value: str) -> None:
    project.test(TEST)
    result = project.run(f"--ttsperf-window={value}")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert "wanted a time above 0, as 20s or 1min" in result.stderr.str()


@pytest.mark.parametrize(
    ("mark", "words"),
    [
        ("@listeners()", "@listeners(); wanted @listeners(n)"),
        ("@listeners(0)", "whole numbers of at least 1"),
        ("@listeners(4, 1.5)", "@listeners(4, 1.5)"),
        ("@listeners(count=4)", "@listeners(count=4)"),
        ("@barge_in()", "@barge_in() without a keyword limits nothing"),
        ("@barge_in(next_ttfa='ten')", "next_ttfa='ten'); wanted a share, as '10%' or 0.1"),
        ("@barge_in(next_ttfa=10)", "next_ttfa=10); wanted a share"),
        ("@barge_in(stop_ms=5)", "did you mean 'stop_p95_ms'?"),
        ("@capacity(ttfa_p95_ms=500)", "limits nothing; add one of min_listeners"),
        ("@capacity(min_listeners=1.5)", "wanted a whole number of at least 1"),
        ("@capacity(min_listeners=2, min_rate=3)", "are two searches"),
        ("@capacity(min_rate=0)", "wanted requests a second above 0"),
        ("@capacity(min_listeners=2, stall='few')", "stall='few'); wanted a share"),
        ("@capacity(min_listeners=2)\n@ttfa(p95_ms=5)", "@ttfa beside @capacity"),
        ("@capacity(min_listeners=2)\n@listeners(4)", "@listeners beside @capacity"),
        ("@capacity(min_listeners=2)\n@barge_in(stop_p95_ms=5)", "@barge_in beside @capacity"),
    ],
)
def test_mistakes_are_errors_at_collection(project: Project, mark: str, words: str) -> None:
    project.test(f"{mark}\ndef test_x(perf): raise SystemError('ran')")
    file = project.path / "test_it.py"
    file.write_text(IMPORTS + file.read_text())
    result = project.run()
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert "test_it.py::test_x" in result.stderr.str()
    assert words in result.stderr.str()
    assert "SystemError" not in result.stdout.str()


@pytest.mark.parametrize("mark", ["listeners(2)", "barge_in(stop_p95_ms=5)",
                                  "capacity(min_listeners=2)"])  # fmt: skip
def test_cold_starts_have_one_listener(project: Project, mark: str) -> None:
    project.test(f"@pytest.mark.{mark}\ndef test_x(perf, cold_engine): pass")
    result = project.run()
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert "in a test of cold starts, each of which has one listener" in result.stderr.str()


def test_common_words_of_others_are_left_alone(project: Project) -> None:
    project.test(
        """
        @pytest.mark.listeners
        @pytest.mark.capacity("large")
        @pytest.mark.barge_in(after=3)
        def test_of_somebody_else(request):
            assert request.node.get_closest_marker("perf") is None
        """
    )
    project.run("--ttsperf-listeners=4").assert_outcomes(passed=1)


# What is refused when it is measured


def test_what_cannot_be_listened_to_so_is_told_with_the_remedy(project: Project) -> None:
    project.test(
        """
        def test_none(perf): perf.stream("short", listeners=0)
        def test_both(perf): perf.stream("short", listeners=2, rate=3)
        def test_cold(perf, cold_engine): perf.stream("short", listeners=2)
        def test_many(perf): perf.synthesize("short", listeners=2, processes=3)
        @pytest.mark.listeners(2)
        def test_twice(perf): perf.stream("short", listeners=3)
        """
    )
    result = project.run()
    result.assert_outcomes(failed=5)
    result.stdout.fnmatch_lines_random(
        [
            "*listeners=0; wanted a whole number of at least 1*",
            "*listeners=2 and rate=3: *leave out one*",
            "*cold_engine, whose starts have one listener each*",
            "*listeners=2 and processes=3; wanted a listener or more in each process*",
            "*listeners=3 in a test that has @listeners(2)*",
        ]
    )
    project.test(CROWD)
    result = project.run(INLINE)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        ["*2 listeners, greedy cannot listen to*leave out --ttsperf-inline*"]
    )


# What is measured


def test_one_listener_is_the_cell_that_there_was_before(project: Project) -> None:
    project.measure_inline()
    project.test(TEST)
    project.run().assert_outcomes(passed=1)
    (before,) = project.cells()
    project.run("--ttsperf-listeners=1").assert_outcomes(passed=1)
    (after,) = project.cells()
    assert after["cell"] == before["cell"]
    assert after["load"] is None
    assert {trial["load"] for trial in after["trials"]} == {None}


def test_a_crowd_is_measured_in_windows_and_not_stored(project: Project) -> None:
    project.test(CROWD)
    result = project.run(*SHORT, "--junitxml=junit.xml", "--ttsperf-save")
    result.assert_outcomes(passed=1)
    (cell,) = project.cells()
    assert cell["cell"]["load"] == "2 listeners, greedy"
    load = one_load(cell)
    assert len(load["windows"]) == 2
    counted = [trial for trial in cell["trials"] if trial["kind"] == "trial"]
    assert sum(window["offered"] for window in load["windows"]) == len(counted)
    assert {trial["load"]["listener"] for trial in counted} == {0, 1}
    assert {trial["load"]["window"] for trial in counted} == {0, 1}
    assert {trial["load"]["ended"] for trial in counted} == {"answered"}
    result.stdout.fnmatch_lines(
        [
            "*short stream, 2 listeners, greedy: 2 windows, about * s",
            "test_x[[]cpu] short stream warm, 2 listeners, greedy",
            "  ttfa p50 *2 windows *",
            "  * requests in 2 windows: * answered",
            "  generator: *requests/s with a null target*",
            "note: test_x[[]cpu]: *not stored as baselines*",
        ]
    )
    assert not (project.path / "baselines").exists()
    [name] = [
        entry.attrib["name"]
        for entry in ET.parse(project.path / "junit.xml").iter("property")
        if "ttfa_p50" in entry.attrib["name"]
    ]
    assert name == "ttsperf.short.stream.warm.2_listeners,_greedy.ttfa_p50"


def test_each_number_of_listeners_is_a_cell_of_the_same_test(project: Project) -> None:
    project.test("def test_x(perf): perf.stream('short', pace='greedy')")
    project.run("--ttsperf-listeners=1,2,3", "--ttsperf-trials=3", *SHORT).assert_outcomes(passed=3)
    cells = [result["cell"] for result in project.cells()]
    assert [cell["load"] for cell in cells] == [
        None, "2 listeners, greedy", "3 listeners, greedy"
    ]  # fmt: skip
    assert {cell["test"] for cell in cells} == {"test_it.py::test_x[cpu]"}


def test_a_rate_is_measured_once_whatever_the_number_of_listeners(project: Project) -> None:
    project.test("def test_x(perf): perf.stream('short', rate=20, arrivals='constant')")
    result = project.run("--ttsperf-listeners=2,3", *SHORT)
    result.assert_outcomes(passed=1, skipped=1)
    (cell,) = project.cells()
    assert cell["cell"]["load"] == "20 a second, constant"
    assert {window["offered"] for window in one_load(cell)["windows"]} == {4}


def test_a_broken_limit_fails_with_the_windows_as_evidence(project: Project) -> None:
    project.test(CROWD.replace("5000", "1"))
    result = project.run("--ttsperf-window=0.2s", "--ttsperf-windows=3")
    result.assert_outcomes(failed=1)
    assert project.verdicts()["ttfa p50"] == "FAIL"
    result.stdout.fnmatch_lines(
        [
            "test_x[[]cpu] short stream warm, 2 listeners, greedy: engines:Telling*3 windows*",
            "  FAIL  ttfa p50: *1 ms*windows*",
            "  Try: measure it with one listener too*",
        ]
    )


def test_after_a_crowd_the_engine_is_opened_again(project: Project) -> None:
    project.test(
        """
        @trials(3)
        def test_x(perf, warm_engine):
            first = warm_engine.ready.pid
            perf.stream("short", listeners=2, pace="greedy")
            perf.stream("short")
            assert warm_engine.ready.pid != first
            assert sum(warm_engine.record("And again.").frame_counts) > 0
        """
    )
    project.run(*SHORT).assert_outcomes(passed=1)
    crowd, single = project.cells()
    assert one_load(crowd)["spec"]["listeners"] == 2
    assert single["load"] is None


def test_a_rerun_adds_its_windows(project: Project) -> None:
    project.test(CROWD.replace("5000", "1"))
    result = project.run(*SHORT, "--reruns=1", "--ttsperf-inconclusive=fail")
    assert result.parseoutcomes()["rerun"] == 1
    (cell,) = project.cells()
    windows = one_load(cell)["windows"]
    assert [window["index"] for window in windows] == [0, 1, 2, 3]
    assert [window["session"] for window in windows] == [0, 0, 1, 1]
    first, second = (
        [
            trial["text"]
            for trial in cell["trials"]
            if trial["load"] and trial["load"]["window"] in two
        ]
        for two in ((0, 1), (2, 3))
    )
    assert first != second, "another attempt replays other arrivals"


def test_disabled_it_is_one_answer(project: Project) -> None:
    project.test(CROWD)
    project.run("--ttsperf-disable", "--ttsperf-listeners=4").assert_outcomes(passed=1)
    assert project.artifact_paths() == []


def test_an_engine_asked_for_by_name_has_the_listeners_of_the_command_line(
    project: Project,
) -> None:
    project.test(
        """
        def test_x(request):
            request.getfixturevalue("perf").stream("short", pace="greedy")
        """
    )
    project.run("--ttsperf-listeners=2", *SHORT).assert_outcomes(passed=1)
    assert project.cells()[0]["cell"]["load"] == "2 listeners, greedy"


@pytest.mark.usefixtures("briefly_measured_generator")
def test_a_server_is_listened_to_by_many(project: Project) -> None:
    project.test(CROWD)
    server = speech_server.serve()
    try:
        address = f"http://localhost:{server.server_address[1]}/pcm"
        project.run(f"--ttsperf-target={address}", *SHORT).assert_outcomes(passed=1)
    finally:
        server.shutdown()
        server.server_close()
    (cell,) = project.cells()
    ended = [trial["load"]["ended"] for trial in cell["trials"] if trial["kind"] == "trial"]
    assert set(ended) == {"answered"}
    assert one_load(cell)["null_rate"] > one_load(cell)["wanted_rate"]


def test_fixtures_that_replace_time_sockets_and_processes_disturb_no_crowd(
    project: Project,
) -> None:
    replaced = "\n".join([NO_SOCKETS, NO_PROCESSES, BY_HAND])
    project.pytester.makeconftest(f"import pytest\n{replaced}")
    project.test(CROWD)
    # So slow that no generator is the bottleneck, whatever runs beside.
    slow = ("--ttsperf-target=engines:Telling", "--ttsperf-target-option=first_s=0.05")
    project.run_apart("-p", "no:randomly", *slow, *SHORT).assert_outcomes(passed=1)
    (cell,) = project.cells()
    assert len(one_load(cell)["windows"]) == 2
    assert cell["summary"]["ttfa_ms"]["p50"] >= 50


# How many may listen


SEARCH = """
@pytest.mark.capacity(min_listeners=2, ttfa_p95_ms=LIMIT)
def test_x(perf): perf.stream("short", pace="greedy")
"""


def test_a_capacity_that_is_there_is_proven_by_14_good_windows(project: Project) -> None:
    project.test(SEARCH.replace("LIMIT", "5000"))
    # So slow that few answers are to be looked at, and so long that each window has some.
    slow = ("--ttsperf-target=engines:Telling", "--ttsperf-target-option=first_s=0.04")
    result = project.run(*slow, "--ttsperf-window=0.24s", "--ttsperf-inconclusive=fail")
    result.assert_outcomes(passed=1)
    (cell,) = project.cells()
    assert cell["cell"]["load"] == "capacity, greedy"
    assert cell["capacity"]["proven"] == 2
    levels = {level["level"]: level for level in cell["capacity"]["levels"]}
    assert (levels[2]["good"], len(levels[2]["windows"])) == (14, 14)
    assert all(not level["windows"] for number, level in levels.items() if number != 2)
    assert project.verdicts() == {"capacity min_listeners": "PASS"}
    result.stdout.fnmatch_lines(
        [
            "  short stream: whether 2 listeners are served within the limits, in windows of 0.3 s",
            "*capacity, greedy *14 windows *capacity min_listeners 2 of at least 2 *PASS",
            "test_x[[]cpu] short stream warm, capacity, greedy",
            "At least 2 listeners, 95 % sure*",
        ]
    )


def test_a_capacity_that_is_not_there_fails_after_3_bad_windows(project: Project) -> None:
    project.test(SEARCH.replace("LIMIT", "1"))
    result = project.run("--ttsperf-window=0.2s")
    result.assert_outcomes(failed=1)
    (cell,) = project.cells()
    assert cell["capacity"]["refuted"] == 2
    assert project.verdicts() == {"capacity min_listeners": "FAIL"}
    result.stdout.fnmatch_lines(
        [
            "test_x[[]cpu] short stream warm, capacity, greedy: *0 of 3 windows good",
            "  FAIL  capacity min_listeners: *2 fails in 3 of 3 windows*",
            "  Try: look at what the first level that fails misses*",
        ]
    )


def test_an_option_puts_another_capacity_in_the_place_of_the_marks(project: Project) -> None:
    project.test(SEARCH.replace("LIMIT", "1"))
    project.run("--ttsperf-window=0.2s", "--ttsperf-limit=capacity_min_listeners=1")
    (cell,) = project.cells()
    assert cell["capacity"]["wanted"] == 1
    assert cell["verdicts"][0]["threshold"]["declared"] == 2


def test_a_search_is_not_told_how_many(project: Project) -> None:
    project.test(SEARCH.replace("LIMIT", "1").replace('pace="greedy"', "listeners=3"))
    result = project.run()
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*listeners=3 in a test that has @capacity*"])


# After a hanging up


INTERRUPTED = """
@pytest.mark.barge_in(stop_p95_ms=50, next_ttfa="10%")
def test_x(perf): perf.stream("short", pace="greedy")
"""
HANGING_UP = "1 listener, hanging up"


@pytest.fixture
def hang_ups(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The looks of each time that hang-ups are watched, which takes a minute and is not done."""
    raw = BargeIn(
        hang_ups=40,
        stops_ms=(80.0,) * 40,
        next_ttfas_ms=(104.0, 105.0, 103.0, 104.0) * 10,
        idle_ttfas_ms=(100.0, 101.0, 100.0, 99.0) * 10,
    )
    found = barge_in.summarise(raw)
    watched = []

    def watch(source: Any, plan: Any, tell: Any, *, looks: int) -> barge_in.WatchedHangUps:
        watched.append(looks)
        tell(Progress(plan.plan, 0, 60, 90.0))
        tell(Progress(plan.plan, 60, 60, 0.0))
        return barge_in.WatchedHangUps(found, TargetInfo(pid=None, sample_rate=16_000))

    monkeypatch.setattr(barge_in, "watch_hang_ups", watch)
    return watched


def test_a_listener_who_hangs_up_is_watched_and_nothing_else_is_measured(
    project: Project, hang_ups: list[int]
) -> None:
    project.test(INTERRUPTED)
    result = project.run(*SHORT, "--junitxml=junit.xml", "--ttsperf-save")
    result.assert_outcomes(failed=1)
    (cell,) = project.cells()
    assert cell["cell"]["load"] == HANGING_UP
    assert cell["trials"] == []
    load = one_load(cell)
    assert load["windows"] == []
    assert load["barge_in"]["hang_ups"] == 40
    assert project.verdicts() == {"barge_in stop_p95": "FAIL", "barge_in next_ttfa": "PASS"}
    text = result.stdout.str()
    assert "windows" not in text
    assert "longest stall" not in text
    result.stdout.fnmatch_lines(
        [
            f"*short stream, {HANGING_UP}: 60 hang-ups, about 90 s",
            f"test_x[[]cpu] short stream warm, {HANGING_UP}",
            "  after a hanging up: 40 times, work ends after p50 80 ms, p95 80 ms*",
            "note: test_x[[]cpu]: what follows a hang-up *not stored as a baseline",
        ]
    )
    names = {
        entry.attrib["name"] for entry in ET.parse(project.path / "junit.xml").iter("property")
    }
    assert "ttsperf.short.stream.warm.1_listener,_hanging_up.barge_in_stop_p95" in names


def test_other_limits_beside_a_hang_up_are_judged_of_who_listens_to_the_end(
    project: Project, hang_ups: list[int]
) -> None:
    limited = """
        @trials(3)
        @ttfa(p50_ms=5000)
        @pytest.mark.barge_in(next_ttfa="10%")
        def test_x(perf):
            assert perf.stream("short")["ttfa_ms"].n == 3
        """
    project.test(limited)
    project.run().assert_outcomes(passed=1)
    of_trials, hung_up = project.cells()
    assert [len(of_trials["trials"]) > 3, len(hung_up["trials"])] == [True, 0]
    assert [of_trials["cell"]["load"], hung_up["cell"]["load"]] == [None, HANGING_UP]
    assert [limit["marker"] for limit in of_trials["thresholds"]] == ["ttfa"]
    assert [limit["marker"] for limit in hung_up["thresholds"]] == ["barge_in"]
    project.test(limited.replace('@pytest.mark.barge_in(next_ttfa="10%")', ""))
    project.run().assert_outcomes(passed=1)
    (without,) = project.cells()
    assert without["cell"] == of_trials["cell"], "the cell that there was before"


def test_several_listeners_who_hang_up_have_windows_and_are_watched_afterwards(
    project: Project, hang_ups: list[int]
) -> None:
    project.test(INTERRUPTED)
    project.run(*SHORT, "--ttsperf-listeners=1,2").assert_outcomes(failed=2)
    alone, two = project.cells()
    assert one_load(alone)["windows"] == []
    assert len(one_load(two)["windows"]) == 2
    assert one_load(two)["barge_in"] == one_load(alone)["barge_in"]
    loads = [trial["load"] for trial in two["trials"] if trial["load"] is not None]
    assert "hung_up" in {load["ended"] for load in loads}


def test_a_rerun_adds_its_hang_ups(project: Project, hang_ups: list[int]) -> None:
    project.test(INTERRUPTED)
    result = project.run("--reruns=1")
    assert result.parseoutcomes()["rerun"] == 1
    (cell,) = project.cells()
    assert len(one_load(cell)["barge_in"]["stops_ms"]) == 80
    assert hang_ups == [2, 2], "the looks share the error"


def test_where_nobody_listened_to_the_end_a_test_is_told_so(
    project: Project, hang_ups: list[int]
) -> None:
    project.test(
        """
        @pytest.mark.barge_in(next_ttfa="10%")
        def test_x(perf):
            found = perf.stream("short")
            assert "40 hang-ups" in repr(found)
            with pytest.raises(KeyError, match="limits only what follows a hang-up"):
                found["ttfa_ms"]
        """
    )
    project.run().assert_outcomes(passed=1)
