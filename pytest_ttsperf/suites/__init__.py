"""Ready-made performance tests for any target: `ttsperf run`, or pytest on this package.

    ttsperf run my_engine:Engine --suite ttfa,cold
    pytest --pyargs pytest_ttsperf.suites --ttsperf-suite=ttfa,cold -m perf

`table.py` lists the suites, `limits.py` has their limits. The tests use the public marks
and fixtures, so that each can be copied into a project and changed there; limits and the fixture
`describe`, which adds lines below the table, are of this package alone.
"""
