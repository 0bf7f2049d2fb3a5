"""Fixtures and marks of other people that are called like ours are theirs."""

from __future__ import annotations

import pytest

from tests.plugin.conftest import Project

NOT_OURS = """
def is_untouched(node):
    names = ("_ttsperf_provider", "ttsperf_target")
    return node.get_closest_marker("perf") is None and not set(names) & set(node.fixturenames)
"""
WAYS = {
    "in a conftest": ("@pytest.fixture\ndef perf(): return 7", ""),
    "by its name=": ("@pytest.fixture(name='perf')\ndef something(): return 7", ""),
    "in the module": ("", "@pytest.fixture\ndef perf(): return 7"),
    "with parameters": ("@pytest.fixture(params=[7])\ndef perf(request): return request.param", ""),
    "through another": (
        "@pytest.fixture\ndef base(): return 7\n@pytest.fixture\ndef perf(base): return base",
        "",
    ),
}


@pytest.fixture
def others(project: Project) -> Project:
    """A project that knows nothing of us: no target, nothing configured."""
    project.ini()
    project.pytester.makepyfile(untouched=NOT_OURS)
    return project


@pytest.mark.parametrize("way", WAYS)
def test_a_fixture_of_theirs_takes_the_place_of_ours(others: Project, way: str) -> None:
    conftest, module = WAYS[way]
    others.pytester.makeconftest(f"import pytest\n{conftest}\n")
    others.test(
        f"{module}\n"
        "from untouched import is_untouched\n"
        "def test_x(perf, request):\n"
        "    assert perf == 7\n"
        "    assert is_untouched(request.node)\n"
    )
    result = others.run()
    result.assert_outcomes(passed=1)
    assert "ttsperf: " not in result.stdout.str()
    assert others.artifacts() == []


@pytest.mark.parametrize("name", ["warm_engine", "cold_engine", "ttsperf_target"])
def test_the_other_names_are_theirs_too(others: Project, name: str) -> None:
    others.test(
        f"""
        from untouched import is_untouched
        @pytest.fixture
        def {name}(): return 7
        def test_x({name}, request):
            assert {name} == 7
            assert request.node.get_closest_marker("perf") is None
        """
    )
    others.run().assert_outcomes(passed=1)


def test_in_a_class_theirs_and_beside_it_ours(project: Project) -> None:
    project.test(
        """
        class TestTheirs:
            @pytest.fixture
            def perf(self): return 7
            def test_a(self, perf, request):
                assert perf == 7
                assert request.node.get_closest_marker("perf") is None
        @trials(3)
        def test_b(perf): assert perf.stream("short")["rtf"].n == 3
        """
    )
    result = project.run()
    result.assert_outcomes(passed=2)
    result.stdout.fnmatch_lines(["ttsperf: 1 performance test, *"])
    assert [cell["cell"]["test"] for cell in project.cells()] == ["test_it.py::test_b[cpu]"]


def test_a_parameter_called_perf_is_a_parameter(others: Project) -> None:
    others.test(
        """
        @pytest.mark.parametrize("perf", [1, 2])
        def test_x(perf, request):
            assert perf in (1, 2)
            assert request.node.get_closest_marker("perf") is None
        """
    )
    others.run().assert_outcomes(passed=2)


@pytest.mark.parametrize("how", ["-p", "PYTEST_PLUGINS", "conftest"])
def test_another_plugins_fixture_wins_whenever_it_was_loaded(
    others: Project, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    others.pytester.makepyfile(
        another_plugin="import pytest\n@pytest.fixture\ndef perf(): return 7\n"
    )
    others.pytester.syspathinsert()
    arguments = ["-p", "another_plugin"] if how == "-p" else []
    if how == "PYTEST_PLUGINS":
        monkeypatch.setenv("PYTEST_PLUGINS", "another_plugin")
    if how == "conftest":
        others.pytester.makeconftest("pytest_plugins = ['another_plugin']")
    others.test("def test_x(perf): assert perf == 7")
    others.run(*arguments).assert_outcomes(passed=1)


def test_ours_beside_another_plugins_by_another_name(project: Project) -> None:
    project.pytester.makepyfile(
        another_plugin="import pytest\n@pytest.fixture\ndef perf(): return 7\n"
    )
    project.pytester.syspathinsert()
    project.pytester.makeconftest(
        "from pytest_ttsperf.plugin.fixtures import perf as tts_perf  # noqa: F401"
    )
    project.test(
        """
        @trials(5)
        @ttfa(p50_ms=5000)
        def test_x(tts_perf, perf):
            assert perf == 7
            tts_perf.stream("short")
        """
    )
    project.run("-p", "another_plugin").assert_outcomes(passed=1)
    assert project.verdicts() == {"ttfa p50": "PASS"}


@pytest.mark.parametrize(
    "wrapping",
    [
        "@pytest.fixture\ndef perf(perf): return perf",
        "@pytest.fixture\ndef helper(perf): return perf\n"
        "@pytest.fixture\ndef perf(helper): return helper",
    ],
    ids=["directly", "through another"],
)
def test_a_fixture_of_theirs_that_asks_for_ours_uses_ours(project: Project, wrapping: str) -> None:
    project.test(
        f"{wrapping}\n\n@trials(3)\n@ttfa(max_ms=1)\n"
        "def test_x(perf, request):\n"
        "    assert request.node.get_closest_marker('perf')\n"
        "    perf.stream('short')\n"
    )
    result = project.run("--ttsperf-provider=cpu")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*test_x[[]cpu[]] short stream warm: *", "*FAIL  ttfa max*"])


def test_asked_for_at_run_time_it_is_whichever_wins(project: Project) -> None:
    project.test(
        """
        class TestTheirs:
            @pytest.fixture
            def perf(self): return 7
            def test_a(self, request): assert request.getfixturevalue("perf") == 7
        @trials(3)
        @ttfa(max_ms=1)
        def test_b(request): request.getfixturevalue("perf").stream("short")
        """
    )
    result = project.run()
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(["*FAIL  ttfa max*"])


def test_a_mark_on_a_test_that_asks_at_run_time_is_checked_then(project: Project) -> None:
    project.test(
        "@ttfa(p95=500)\ndef test_x(request): request.getfixturevalue('perf').stream('short')"
    )
    result = project.run()
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*@ttfa has no keyword 'p95' (did you mean 'p95_ms'?)*"])


def test_marks_of_others_on_tests_that_use_nothing_of_ours(others: Project) -> None:
    others.test(
        """
        @pytest.mark.ttfa("ticket 12")
        @pytest.mark.rtf(pages=3)
        @pytest.mark.cadence("weekly")
        @pytest.mark.memory(limit="2 GB")
        @pytest.mark.voice("loud", 3)
        @pytest.mark.trials("many")
        @pytest.mark.regression("JIRA-1")
        def test_x(request):
            assert request.node.get_closest_marker("perf") is None
        """
    )
    others.run().assert_outcomes(passed=1)


def test_a_limit_on_a_test_whose_perf_is_theirs_says_so(others: Project) -> None:
    others.test(
        """
        @pytest.fixture
        def perf(): return 7
        @ttfa(p95_ms=500)
        def test_x(perf): pass
        """
    )
    result = others.run()
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*the fixture perf that it uses is not that of pytest-ttsperf*"])


def test_xdist_refuses_no_test_of_theirs(others: Project) -> None:
    others.test(
        """
        @pytest.fixture
        def perf(): return 7
        @pytest.mark.parametrize("x", range(4))
        def test_x(perf, x): assert perf == 7
        """
    )
    others.run("-n2").assert_outcomes(passed=4)


def test_xdist_refuses_what_asks_for_ours_at_run_time(project: Project) -> None:
    project.test("def test_x(request): request.getfixturevalue('perf').stream('short')")
    result = project.run("-n2")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*measure nothing true beside 1 other workers*"])


def test_an_engine_of_theirs_under_our_perf_is_an_error_that_says_so(project: Project) -> None:
    project.test(
        """
        @pytest.fixture
        def warm_engine(): return {"rpm": 900}
        def test_x(perf): perf.stream("short")
        """
    )
    result = project.run()
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*the fixture warm_engine gives, and found dict; wanted*"])


def test_items_of_other_kinds(others: Project) -> None:
    others.pytester.makeconftest(
        """
        import pytest
        @pytest.fixture
        def perf(): return 7
        class Item(pytest.Item):
            def runtest(self): assert self.get_closest_marker("perf") is None
        class File(pytest.File):
            def collect(self): yield Item.from_parent(self, name="perf")
        def pytest_collect_file(file_path, parent):
            if file_path.suffix == ".yaml":
                return File.from_parent(parent, path=file_path)
        """
    )
    (others.path / "test_one.yaml").write_text("perf: 1\n")
    others.pytester.makepyfile(doc='"""\n>>> getfixture("perf")\n7\n"""\n')
    others.test(
        """
        import unittest
        @pytest.mark.usefixtures("perf")
        class TestCase(unittest.TestCase):
            @pytest.fixture(autouse=True)
            def _take(self, perf): self.perf = perf
            def test_it(self): assert self.perf == 7
        """
    )
    others.run("--doctest-modules").assert_outcomes(passed=3)


def test_ours_in_a_unittest_case(project: Project) -> None:
    project.test(
        """
        import unittest
        class TestCase(unittest.TestCase):
            @pytest.fixture(autouse=True)
            def _take(self, perf): self.perf = perf
            @trials(3)
            @ttfa(max_ms=1)
            def test_it(self): self.perf.stream("short")
        """
    )
    result = project.run()
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*FAIL  ttfa max*"])
