"""Each row of docs/ways-to-write.md is a test here, under the name that the row begins with."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.plugin.conftest import Project

PAGE = Path(__file__).resolve().parents[2] / "docs/ways-to-write.md"
ROW = re.compile(r"^\| (.+?) \|", re.MULTILINE)
HAS_SUBTESTS = int(pytest.__version__.partition(".")[0]) >= 9
NEEDS_SUBTESTS = {"`subtests` (pytest 9)"}


class Way(NamedTuple):
    """A test file, how pytest is run, and what comes of it."""

    source: str
    outcomes: Mapping[str, int]
    lines: tuple[str, ...] = ()
    """Patterns of lines that are printed, in their order."""
    arguments: tuple[str, ...] = ("--ttsperf-inline",)
    conftest: str = ""


BROKEN = ("*FAIL  ttfa max*",)
WORKING = {
    "function": Way(
        """
        @trials(3)
        @ttfa(max_ms=1)
        @rtf(max=50)
        def test_x(perf): perf.stream("short")
        """,
        {"failed": 1},
        (*BROKEN, "ttsperf: 1 FAIL, 1 PASS*"),
    ),
    "several texts": Way(
        """
        @trials(3)
        @ttfa(max_ms=1)
        def test_x(perf):
            perf.stream("short")
            perf.synthesize("medium")
        """,
        {"failed": 1},
        ("*medium nonstream warm*", *BROKEN, "*short stream warm*", *BROKEN),
    ),
    "assertion": Way(
        """
        @trials(3)
        def test_right(perf): assert perf.stream("short")["rtf"].n == 3
        @trials(3)
        @ttfa(max_ms=1)
        def test_wrong(perf): assert perf.stream("short")["rtf"].n == 4, "of the test"
        """,
        {"passed": 1, "failed": 1},
        ("E *of the test*", "E *FAIL  ttfa max*"),
    ),
    "class": Way(
        """
        @trials(3)
        @ttfa(max_ms=1)
        @rtf(max=50)
        class TestReplies:
            def test_a(self, perf): perf.stream("short")
            @ttfa(max_ms=5000)
            def test_b(self, perf): perf.stream("short")
        """,
        {"passed": 1, "failed": 1},
        ("ttsperf: 1 FAIL, 3 PASS*",),
    ),
    "derived class": Way(
        """
        @trials(3)
        @ttfa(max_ms=1)
        @rtf(max=50)
        class Replies:
            def test_a(self, perf): perf.stream("short")
        class TestBase(Replies): pass
        @ttfa(max_ms=5000)
        class TestDerived(Replies): pass
        """,
        {"passed": 1, "failed": 1},
        ("ttsperf: 1 FAIL, 3 PASS*",),
    ),
    "module": Way(
        """
        pytestmark = [trials(3), ttfa(max_ms=1)]
        def test_a(perf): perf.stream("short")
        @ttfa(max_ms=5000)
        def test_b(perf): perf.stream("short")
        """,
        {"passed": 1, "failed": 1},
    ),
    "parameter": Way(
        """
        PARAMETERS = [pytest.param("short", marks=ttfa(max_ms=5000)), "medium"]
        @trials(3)
        @ttfa(max_ms=1)
        @pytest.mark.parametrize("preset", PARAMETERS)
        def test_x(perf, preset): perf.stream(preset)
        """,
        {"passed": 1, "failed": 1},
        ("*test_x[[]*medium*", *BROKEN),
    ),
    "limits by preset": Way(
        """
        @trials(3)
        @ttfa(max_ms={"short": 5000, "medium": 1})
        @pytest.mark.parametrize("preset", ["short", "medium"])
        def test_x(perf, preset): perf.stream(preset)
        """,
        {"passed": 1, "failed": 1},
        ("*test_x[[]*medium*", *BROKEN),
    ),
    "limits by provider": Way(
        """
        @trials(3)
        @ttfa(max_ms={"cpu": 5000, "cuda": 1})
        def test_x(perf): perf.stream("short")
        """,
        {"passed": 1, "failed": 1},
        ("*test_x[[]cuda[]]*", *BROKEN),
        ("--ttsperf-inline", "--ttsperf-target=engines:Tone", "--ttsperf-provider=cpu,cuda"),
    ),
    "mark from a hook": Way(
        "@trials(3)\ndef test_x(perf): perf.stream('short')",
        {"failed": 1},
        BROKEN,
        conftest="""
        import pytest
        def pytest_collection_modifyitems(items):
            for item in items:
                item.add_marker(pytest.mark.ttfa(max_ms=1))
        """,
    ),
    "fixture that measures": Way(
        """
        @pytest.fixture
        def reply(perf): return perf.stream("short")
        @trials(3)
        @ttfa(max_ms=1)
        def test_x(reply): assert reply["rtf"].n == 3
        """,
        {"failed": 1},
        BROKEN,
    ),
    "`request.getfixturevalue`": Way(
        """
        @trials(3)
        @ttfa(max_ms={"cpu": 1, "cuda": 5000})
        def test_x(request): request.getfixturevalue("perf").stream("short")
        """,
        {"failed": 1},
        (*BROKEN, "note: test_x: measured with provider cpu alone, not with cuda: *"),
        ("--ttsperf-inline", "--ttsperf-target=engines:Tone", "--ttsperf-provider=cpu,cuda"),
    ),
    "another target": Way(
        """
        @pytest.mark.parametrize("ttsperf_target", ["engines:Tone", "engines:Telling"])
        @trials(3)
        @ttfa(max_ms=5000)
        def test_a(perf): perf.stream("short")
        class TestOther:
            @pytest.fixture
            def ttsperf_target(self): return "engines:only_cpu"
            @trials(3)
            @ttfa(max_ms=5000)
            def test_b(self, perf): perf.stream("short")
        """,
        {"passed": 3},
    ),
    "pytest-asyncio": Way(
        """
        import asyncio
        @pytest.mark.asyncio
        @trials(3)
        @ttfa(max_ms=1)
        async def test_x(perf):
            await asyncio.sleep(0)
            perf.stream("short")
        """,
        {"failed": 1},
        BROKEN,
    ),
    "anyio": Way(
        """
        import anyio
        @pytest.fixture
        def anyio_backend(): return "asyncio"
        @pytest.mark.anyio
        @trials(3)
        @ttfa(max_ms=1)
        async def test_x(perf):
            await anyio.sleep(0)
            perf.stream("short")
        """,
        {"failed": 1},
        BROKEN,
        ("--ttsperf-inline", "-p", "anyio"),
    ),
    "asynchronous fixture": Way(
        """
        import pytest_asyncio
        @pytest_asyncio.fixture
        async def preset(): return "short"
        @pytest.mark.asyncio
        @trials(3)
        @ttfa(max_ms=1)
        async def test_x(perf, preset): perf.stream(preset)
        """,
        {"failed": 1},
        ("*short stream warm*", *BROKEN),
    ),
    "`unittest.TestCase`": Way(
        """
        import unittest
        @trials(3)
        @ttfa(max_ms=1)
        class Replies(unittest.TestCase):
            @pytest.fixture(autouse=True)
            def take(self, perf): self.perf = perf
            def test_a(self): self.perf.stream("short")
            @ttfa(max_ms=5000)
            def test_b(self): self.perf.stream("short")
        """,
        {"passed": 1, "failed": 1},
        (*BROKEN, "note: test_a: measured with provider cpu alone, not with cuda: *"),
        ("--ttsperf-inline", "--ttsperf-target=engines:Tone", "--ttsperf-provider=cpu,cuda"),
    ),
    "`IsolatedAsyncioTestCase`": Way(
        """
        import unittest
        class Replies(unittest.IsolatedAsyncioTestCase):
            @pytest.fixture(autouse=True)
            def take(self, perf): self.perf = perf
            @trials(3)
            @ttfa(max_ms=1)
            async def test_x(self): self.perf.stream("short")
        """,
        {"failed": 1},
        BROKEN,
    ),
    "`subtests` (pytest 9)": Way(
        """
        @trials(3)
        @ttfa(max_ms=1)
        def test_x(perf, subtests):
            for preset in ("short", "medium"):
                with subtests.test(preset=preset):
                    perf.stream(preset)
                    assert preset == "short", "of the test"
        """,
        {"failed": 2},
        ("*preset='medium'*", "E *of the test*", "*medium stream warm*", *BROKEN,
         "*short stream warm*", *BROKEN),
    ),
    "`self.subTest`": Way(
        """
        import unittest
        class Replies(unittest.TestCase):
            @pytest.fixture(autouse=True)
            def take(self, perf): self.perf = perf
            @trials(3)
            @ttfa(max_ms=1)
            def test_x(self):
                for preset in ("short", "medium"):
                    with self.subTest(preset=preset):
                        self.perf.stream(preset)
        """,
        {"failed": 1},
        ("*medium stream warm*", *BROKEN, "*short stream warm*", *BROKEN),
    ),
    "`xfail`": Way(
        """
        @pytest.mark.xfail(reason="slow", strict=True)
        @trials(3)
        @ttfa(max_ms=1)
        def test_x(perf): perf.stream("short")
        """,
        {"xfailed": 1},
    ),
    "`skip`": Way(
        """
        @ttfa(max_ms=1)
        def test_x(perf): pytest.skip("not today")
        """,
        {"skipped": 1},
    ),
    "skip after measuring": Way(
        """
        import unittest
        @trials(3)
        @ttfa(max_ms=1)
        def test_x(perf):
            perf.stream("short")
            pytest.skip("not today")
        class Replies(unittest.TestCase):
            @pytest.fixture(autouse=True)
            def take(self, perf): self.perf = perf
            @trials(3)
            @ttfa(max_ms=1)
            def test_y(self):
                self.perf.stream("short")
                self.skipTest("nor now")
        """,
        {"failed": 2},
        (*BROKEN, "(then the test skipped itself: not today)", *BROKEN,
         "(then the test skipped itself: nor now)"),
    ),
    "reruns": Way(
        """
        @pytest.mark.flaky(reruns=1)
        @trials(3)
        @ttfa(max_ms=1)
        def test_x(perf): perf.stream("short")
        """,
        {"failed": 1},
        ("*6 of 6 trials*", "*1 failed, 1 rerun*"),
    ),
}  # fmt: skip
LOOPING_SERVER = """
import asyncio
import pytest_asyncio

@pytest_asyncio.fixture
async def server():
    async def answer(reader, writer):
        await reader.readline()
        writer.close()
    async with await asyncio.start_server(answer, "127.0.0.1", 0) as found:
        yield found

@pytest.fixture
def ttsperf_target(server):
    host, port = server.sockets[0].getsockname()
    return f"http://{host}:{port}"

@pytest.mark.asyncio
async def test_x(perf): perf.stream("short")
"""
NOT_WORKING = {
    "fixture of a class, module or session that asks for `perf`": Way(
        """
        @pytest.fixture(scope="module")
        def reply(perf): return perf.stream("short")
        def test_x(reply): pass
        """,
        {"errors": 1},
        ("ScopeMismatch*",),
    ),
    "server in the test's own event loop": Way(
        LOOPING_SERVER, {"errors": 1}, arguments=("--ttsperf-timeout=1",)
    ),
    "several workers of pytest-xdist": Way(
        "def test_x(perf): perf.stream('short')",
        {"errors": 1},
        ("*run them without -n*",),
        ("-n2",),
    ),
}
WAYS = WORKING | NOT_WORKING


def rows(heading: str) -> list[str]:
    """The first cells of the table below a heading of the page."""
    _, _, part = PAGE.read_text("utf-8").partition(f"\n## {heading}\n")
    table, _, _ = part.partition("\n## ")
    _, *found = ROW.findall(table)  # the first one names the column
    return found


def test_each_row_of_the_page_is_a_test() -> None:
    assert rows("What works") == list(WORKING)
    assert rows("What does not") == list(NOT_WORKING)


@pytest.mark.parametrize("name", WAYS)
def test_it_does_what_the_page_says(project: Project, name: str) -> None:
    if name in NEEDS_SUBTESTS and not HAS_SUBTESTS:
        pytest.skip("this pytest has no subtests")
    way = WAYS[name]
    if way.conftest:
        project.pytester.makeconftest(way.conftest)
    project.test(way.source)
    result = project.run(*way.arguments)
    result.assert_outcomes(**way.outcomes)
    result.stdout.fnmatch_lines(way.lines)


CASE = """
import unittest

class Replies(unittest.TestCase):
    @pytest.fixture(autouse=True)
    def take(self, perf): self.perf = perf
    @trials(5)
    @ttfa(p50_ms={limit})
    def test_x(self):
        self.perf.stream("short")
        self.fail("of the test")
"""


def test_an_exception_in_a_case_of_unittest_does_not_hide_what_is_unmet(project: Project) -> None:
    project.measure_inline()
    project.test(CASE.format(limit=0.01))
    result = project.run()
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["E *AssertionError: of the test", "E *FAIL  ttfa p50*"])


def test_a_case_of_unittest_whose_body_raised_is_not_saved(project: Project) -> None:
    project.measure_inline()
    project.test(CASE.format(limit=5000))
    result = project.run("--ttsperf-save")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["note: test_x: its body raised, nothing was saved"])
    assert not (project.path / "baselines").exists()


def test_listeners_of_a_case_of_unittest_are_the_first_number_and_a_note(project: Project) -> None:
    project.test(
        """
        import unittest
        class Replies(unittest.TestCase):
            @pytest.fixture(autouse=True)
            def take(self, perf): self.perf = perf
            @trials(3)
            def test_x(self): self.perf.stream("short")
        """
    )
    result = project.run("--ttsperf-listeners=1,4")
    result.assert_outcomes(passed=1)
    words = "measured with 1 listener alone, not with 4 listeners"
    result.stdout.fnmatch_lines([f"note: test_x: {words}: *"])


def test_a_mistake_in_a_mark_from_a_hook_fails_its_test_alone(project: Project) -> None:
    project.measure_inline()
    project.pytester.makeconftest(
        """
        import pytest
        def pytest_collection_modifyitems(items):
            items[0].add_marker(pytest.mark.ttfa(max_ms={"coreml": 10}))
        """
    )
    project.test(
        """
        def test_a(perf): perf.stream("short")
        @trials(3)
        def test_b(perf): perf.stream("short")
        """
    )
    result = project.run()
    result.assert_outcomes(failed=1, passed=1)
    result.stdout.fnmatch_lines(["*@ttfa(max_ms=...) has no limit for provider 'cpu'*"])
