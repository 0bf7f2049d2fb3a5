"""Threads and descriptors of a process tree."""

from __future__ import annotations

import os
import threading

import pytest

from pytest_ttsperf.load.handles import count_handles


@pytest.mark.skipif(not hasattr(os, "pipe2"), reason="descriptors are counted on Linux")
def test_a_thread_and_a_pipe_are_three_more() -> None:
    before = count_handles([os.getpid()])
    assert before is not None
    over = threading.Event()
    thread = threading.Thread(target=over.wait)
    thread.start()
    ends = os.pipe()
    try:
        assert count_handles([os.getpid()]) == before + 3
    finally:
        over.set()
        thread.join()
        for end in ends:
            os.close(end)


def test_without_a_tree_nothing_is_counted() -> None:
    assert count_handles([]) is None
