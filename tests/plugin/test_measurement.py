"""What `perf` measures, and how a test is judged by it."""

from __future__ import annotations

from tests.plugin.conftest import Project


def test_a_fast_engine_passes_every_kind_of_limit(project: Project) -> None:
    project.test(
        """
        @trials(5)
        @ttfa(p50_ms=2000)
        @rtf(p50=0.9)
        @cadence(max_gap_ms=2000, underruns=0, prebuffer_ms=100, prebuffer_needed_ms=2000)
        @memory(rss_range_mb=300, rss_peak_mb=2000, uss_peak_mb=2000)
        def test_x(perf):
            perf.stream("short")
        """
    )
    project.run("--ttsperf-inconclusive=fail").assert_outcomes(passed=1)
    assert set(project.verdicts().values()) == {"PASS"}
    assert len(project.verdicts()) == 8


def test_one_failure_lists_every_unmet_limit_with_evidence(project: Project) -> None:
    project.ini(ttsperf_target="engines:Telling")
    project.test(
        """
        from pytest_ttsperf import TargetSpec

        @pytest.fixture
        def ttsperf_target():
            return TargetSpec(spec="engines:Telling", options={"first_s": 0.08})

        @trials(5)
        @ttfa(p50_ms=10, p95_ms=20)
        @rtf(p50=0.9)
        def test_x(perf):
            perf.stream("short")
        """
    )
    result = project.run()
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "*engines:Telling(first_s=0.08)*5 of 5 trials*",
            "*FAIL  ttfa p50: p50 is * ms*limit 10 ms: 5 of 5 trials exceed it*",
            "*stages to the first sound*vocode*",
            "*FAIL  ttfa p95:*limit 20 ms: 5 of 5 trials exceed it*",
            "*Try:*",
        ]
    )
    assert result.stdout.str().count("Failed: ") == 1
    assert project.verdicts() == {"ttfa p50": "FAIL", "ttfa p95": "FAIL", "rtf p50": "PASS"}


def test_measurement_can_be_asserted_on(project: Project) -> None:
    project.test(
        """
        @trials(3)
        def test_x(perf):
            m = perf.stream("short")
            assert m["ttfa_ms"].n == 3 and m["ttfa_ms"].p50 >= 12
            assert len(m.recordings) == 3 and m.recordings[0].sample_rate == 24000
            assert "short stream n=3" in repr(m)
            with pytest.raises(KeyError, match="ttfa_ms"):
                m["latency"]
        """
    )
    project.run().assert_outcomes(passed=1)


def test_same_preset_twice_pools_with_fresh_texts(project: Project) -> None:
    project.test(
        """
        @trials(3)
        @ttfa(p50_ms=2000)
        def test_x(perf):
            assert perf.stream("short")["rtf"].n == 3
            assert perf.stream("short")["rtf"].n == 6
            perf.stream("medium")
        """
    )
    project.run().assert_outcomes(passed=1)
    short, medium = project.cells()
    texts = [t["text"] for t in short["trials"] if t["kind"] == "trial"]
    assert len(set(texts)) == len(texts) == 6
    assert medium["cell"]["preset"] == "medium"
    assert short["verdicts"][0]["outcome"] == "PASS"  # 6 trials prove a p50


def test_every_cell_must_meet_every_limit(project: Project) -> None:
    project.test(
        """
        @trials(5)
        @ttfa(p50_ms=20)
        def test_x(perf):
            perf.stream("short")
            perf.synthesize("short")     # all ten chunks at once, after more than 25 ms
        """
    )
    result = project.run("--ttsperf-target-option=chunk_s=0.0015")
    result.assert_outcomes(failed=1)
    outcomes = {c["cell"]["mode"]: c["verdicts"][0]["outcome"] for c in project.cells()}
    assert outcomes == {"stream": "PASS", "nonstream": "FAIL"}


def test_a_marked_test_that_measured_nothing_fails(project: Project) -> None:
    project.test("@ttfa(p95_ms=500)\ndef test_x(perf): pass")
    result = project.run()
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*limits ttfa_p95_ms and measured nothing; call perf.stream*"])


def test_limits_are_told_beside_the_bodys_own_exception(project: Project) -> None:
    project.test(
        """
        @trials(3)
        @ttfa(max_ms=1)
        def test_x(perf):
            perf.stream("short")
            assert 1 == 2
        """
    )
    result = project.run()
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*assert 1 == 2*", "*FAIL  ttfa max*"])
    assert project.verdicts() == {"ttfa max": "FAIL"}


def test_a_skip_does_not_hide_a_broken_limit(project: Project) -> None:
    project.test(
        """
        @trials(3)
        @ttfa(max_ms=1)
        def test_x(perf):
            perf.stream("short")
            pytest.skip("enough for today")
        """
    )
    result = project.run()
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*FAIL  ttfa max*", "*then the test skipped itself*"])


def test_settings_of_a_limit_stand_in_its_label(project: Project) -> None:
    project.test(
        """
        @trials(5)
        @ttfa(p50_ms=5000, onset="sample")
        @cadence(underruns=0, prebuffer_ms=100)
        def test_x(perf): perf.stream("short")
        """
    )
    result = project.run("-v")
    assert set(project.verdicts()) == {
        "ttfa p50 (first sample)", "cadence underruns (100 ms buffered)"
    }  # fmt: skip
    assert "n too small  " not in result.stdout.str().split("cadence underruns")[-1]


def test_the_player_of_the_cadence_is_the_one_that_is_heard(project: Project) -> None:
    """Unless the mark itself names another."""
    project.test(
        """
        @trials(5)
        @ttfa(p50_ms=5000)
        @cadence(underruns=0, prebuffer_ms=250)
        def test_one(perf): perf.stream("short")

        @trials(5)
        @ttfa(p50_ms=5000, prebuffer_ms=0)
        @cadence(underruns=0, prebuffer_ms=250)
        def test_two(perf): perf.stream("short")
        """
    )
    project.run()
    one, two = project.cells()
    assert [each["subject"] for each in one["verdicts"]] == [
        "ttfa p50 (250 ms buffered)", "cadence underruns (250 ms buffered)"
    ]  # fmt: skip
    assert two["verdicts"][0]["subject"] == "ttfa p50"
    assert one["summary"]["longest_stall_ms@250ms"]["n"] == 5
    assert one["summary"]["ttfa_ms@250ms"]["p50"] >= one["summary"]["ttfa_ms"]["p50"]


def test_free_text_is_spoken_as_it_is_and_told_apart(project: Project) -> None:
    project.test(
        """
        @trials(3)
        def test_x(perf):
            perf.stream("Your table is booked for eight o'clock.")
        """
    )
    project.run().assert_outcomes(passed=1)
    (cell,) = project.cells()
    assert cell["cell"]["preset"].startswith("your-table-is-")
    assert {t["text"] for t in cell["trials"] if t["kind"] == "trial"} == {
        "Your table is booked for eight o'clock."
    }


def test_a_misspelt_preset_and_an_empty_text_are_errors(project: Project) -> None:
    project.test(
        """
        def test_a(perf): perf.stream("shrt")
        def test_b(perf): perf.stream("  ")
        """
    )
    result = project.run()
    result.assert_outcomes(failed=2)
    result.stdout.fnmatch_lines(["*did you mean 'short'*", "*perf was given '  '*"])


def test_cold_trials_are_fresh_processes_with_phases(project: Project) -> None:
    project.test(
        """
        @ttfa(p50_ms=20000)
        def test_x(perf, cold_engine):
            perf.stream("short")
        """
    )
    project.run("--ttsperf-inconclusive=fail").assert_outcomes(passed=1)
    (cell,) = project.cells()
    trials = [t for t in cell["trials"] if t["kind"] == "trial"]
    assert cell["cell"]["phase"] == "cold"
    assert len({t["process"] for t in trials}) == len(trials) == 5
    for trial in trials:
        phases = trial["phases_ms"]
        assert {"process", "import", "open", "ready", "first_run", "second_run"} <= set(phases)
        ttfs_ms = (trial["recording"]["arrivals_ns"][0] - trial["recording"]["request_ns"]) / 1e6
        assert ttfs_ms >= phases["ready"] + phases["first_run"]  # counted from the process's start
    assert {"process", "import"} <= {s["stage"] for s in cell["breakdown"]["to_first_sound"]}


def test_warm_engine_can_be_used_alone(project: Project) -> None:
    project.test(
        """
        def test_x(warm_engine):
            recording = warm_engine.record("Good morning to you all.")
            assert sum(recording.frame_counts) > 0
            assert warm_engine.ready.sample_rate == 24000
        """
    )
    project.run().assert_outcomes(passed=1)
    assert project.artifacts() == []
