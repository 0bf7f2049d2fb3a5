"""When listeners ask, and how what they asked for ends: with channels that follow a script."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Sequence
from http.client import IncompleteRead
from typing import Any

import pytest

from pytest_ttsperf.errors import StatusRefused, TargetFailed, TargetTimeout
from pytest_ttsperf.load.generator import listeners
from pytest_ttsperf.load.generator.channels import Answer, Channel
from pytest_ttsperf.load.generator.listeners import (
    AwaitedListeners,
    SentRequest,
    ThreadedListeners,
    Window,
    repeat_requests,
    watch,
)
from pytest_ttsperf.load.generator.protocol import PrepareRequest
from pytest_ttsperf.records import LoadSpec, OfferedRequest, Recording

S = 1_000_000_000
SOON_NS = 20_000_000
SLOW_S = 0.3
"""Of a channel: longer than a busy machine keeps a thread waiting."""


class Scripted:
    """Answers after `takes_s`; the answer plays for `plays_s`. An exception is raised instead."""

    prepares_at_once = False
    ahead_ns = 0

    def __init__(
        self,
        takes_s: float = 0.0,
        plays_s: float = 0.0,
        error: Exception | None = None,
    ) -> None:
        self.takes_s = takes_s
        self.plays_s = plays_s
        self.error = error
        self.texts: list[str] = []
        self.prepared = 0
        self.cut = threading.Event()

    def prepare(self) -> None:
        self.prepared += 1

    def ask(self, text: str, stop_after: int | None) -> Answer:
        self.texts.append(text)
        self.cut.wait(self.takes_s)
        if self.cut.is_set():
            raise ConnectionResetError
        return self._answer(stop_after)

    async def ask_async(self, text: str, stop_after: int | None) -> Answer:
        self.texts.append(text)
        await asyncio.sleep(self.takes_s)
        return self._answer(stop_after)

    def _answer(self, stop_after: int | None) -> Answer:
        if self.error is not None:
            raise self.error
        now_ns = time.perf_counter_ns()
        return Answer(now_ns, now_ns, stop_after is not None, None)

    def played_ns(self, answer: Answer) -> int | None:
        return answer.end_ns + int(self.plays_s * S)

    def decode(self, answer: Answer) -> Recording:
        raise NotImplementedError

    def abort(self) -> None:
        self.cut.set()

    def close(self) -> None:
        pass


class Deaf(Scripted):
    """Cannot be ended."""

    def abort(self) -> None:
        pass


def plan_of(
    load: LoadSpec,
    requests: Sequence[OfferedRequest],
    *,
    closes_s: float = 0.3,
    is_repeated: bool = True,
    most_in_flight: int = 64,
    timeout_s: float = 10.0,
) -> PrepareRequest:
    return PrepareRequest(
        load=load,
        mode="stream",
        requests=tuple(requests),
        turn_size=len(requests),
        most_in_flight=most_in_flight,
        closes_ns=int(closes_s * S),
        is_repeated=is_repeated,
        timeout_s=timeout_s,
        is_telling=False,
        is_decoded=True,
    )


def closed(
    count: int = 1, turns: int = 3, hang_up_after: int | None = None
) -> list[OfferedRequest]:
    return [
        OfferedRequest(
            index=index,
            listener=index % count,
            text=f"text {index}",
            at_ns=0 if index < count else None,
            hang_up_after=hang_up_after,
        )
        for index in range(count * turns)
    ]


def opened(*at_s: float) -> list[OfferedRequest]:
    return [
        OfferedRequest(index=index, listener=index, text=f"text {index}", at_ns=int(at * S))
        for index, at in enumerate(at_s)
    ]


def run(plan: PrepareRequest, *channels: Any) -> Window:
    """Threads, one channel each; the last serves for all that are missing."""
    window = Window(plan)

    def take(count: int) -> Sequence[Channel]:
        missing = count - len(channels)
        return [*channels[:count], *[channels[-1]] * missing]

    threads = ThreadedListeners(window, take)
    window.begun_ns = time.perf_counter_ns() + SOON_NS
    threads.begin()
    watch(window, threads.is_busy, lambda _: None)
    return window


def run_awaited(plan: PrepareRequest, channel: Any) -> Window:
    window = Window(plan)
    window.begun_ns = time.perf_counter_ns() + SOON_NS
    asyncio.run(AwaitedListeners(window, channel).run())
    return window


RUNNERS: list[Callable[[PrepareRequest, Any], Window]] = [run, run_awaited]


@pytest.mark.parametrize("runner", RUNNERS)
def test_greedy_listeners_ask_again_when_the_answer_is_over(runner: Any) -> None:
    load = LoadSpec(listeners=1, pace="greedy")
    window = runner(plan_of(load, closed()), Scripted(takes_s=0.02))
    assert len(window.sent) > 4
    for before, after in zip(window.sent, window.sent[1:], strict=False):
        assert after.due_ns == before.end_ns
        assert after.sent_ns >= after.due_ns


@pytest.mark.parametrize("runner", RUNNERS)
def test_patient_listeners_ask_again_when_it_was_played_and_thought_about(runner: Any) -> None:
    load = LoadSpec(listeners=1, think_s=0.03)
    plan = plan_of(load, closed(turns=3), is_repeated=False)
    window = runner(plan, Scripted(takes_s=0.01, plays_s=0.05))
    assert len(window.sent) == 3
    for before, after in zip(window.sent, window.sent[1:], strict=False):
        assert after.due_ns == before.end_ns + int(0.08 * S)


@pytest.mark.parametrize("runner", RUNNERS)
def test_nobody_asks_after_the_window_has_closed(runner: Any) -> None:
    window = runner(plan_of(LoadSpec(listeners=1, pace="greedy"), closed()), Scripted(0.02))
    assert all(sent.due_ns < window.closes_ns for sent in window.sent)
    assert all(sent.ended == "answered" for sent in window.sent)


@pytest.mark.parametrize("runner", RUNNERS)
def test_what_is_sent_once_is_sent_however_long_the_answers_before_take(runner: Any) -> None:
    plan = plan_of(
        LoadSpec(listeners=1, pace="greedy"), closed(turns=3), closes_s=0.0, is_repeated=False
    )
    window = runner(plan, Scripted(0.02))
    assert [sent.request.index for sent in window.sent] == [0, 1, 2]
    assert all(sent.ended == "answered" for sent in window.sent)


def test_an_answer_that_was_hung_up_is_not_played_to_its_end() -> None:
    requests = closed(hang_up_after=2)
    window = run(plan_of(LoadSpec(listeners=1), requests), Scripted(0.01, plays_s=60.0))
    assert len(window.sent) > 4
    assert {sent.ended for sent in window.sent} == {"hung_up"}
    assert window.sent[1].due_ns == window.sent[0].end_ns


def test_after_a_failure_a_listener_waits_as_a_person_would() -> None:
    load = LoadSpec(listeners=1, pace="greedy")
    window = run(plan_of(load, closed()), Scripted(error=ValueError("no")))
    assert len(window.sent) == 1
    sent = window.sent[0]
    assert sent.end_ns is not None
    assert window.next_due_ns(sent) == sent.end_ns + int(listeners.RETRY_S * S)


def test_each_listener_has_its_channel_and_its_texts_and_begins_anew() -> None:
    load = LoadSpec(listeners=2, pace="greedy")
    channels = [Scripted(0.02), Scripted(0.02)]
    window = run(plan_of(load, closed(count=2, turns=2)), *channels)
    for listener, channel in enumerate(channels):
        expected = [f"text {listener}", f"text {listener + 2}"] * 20
        assert channel.texts == expected[: len(channel.texts)]
        assert len(channel.texts) > 2
    indexes = [sent.request.index for sent in window.sent]
    assert len(indexes) == len(set(indexes))
    assert {index % 4 for index in indexes} == {0, 1, 2, 3}


def test_indexes_go_on_where_requests_begin_anew() -> None:
    found = repeat_requests(closed(count=1, turns=3), turn_size=12)
    assert [next(found).index for _ in range(7)] == [0, 1, 2, 12, 13, 14, 24]


@pytest.mark.parametrize("runner", RUNNERS)
def test_nobody_waits_for_an_answer_in_an_open_loop(runner: Any) -> None:
    """All are sent before the first answer is there, each at its own instant."""
    load = LoadSpec(rate=20.0)
    window = runner(plan_of(load, opened(0.0, 0.05, 0.1, 0.15)), Scripted(takes_s=0.5))
    sent = sorted(window.sent, key=lambda each: each.due_ns)
    assert [each.due_ns - window.begun_ns for each in sent] == [
        int(at * S) for at in (0.0, 0.05, 0.1, 0.15)
    ]
    assert max(each.sent_ns for each in sent) < min(each.end_ns for each in sent)
    assert all(each.sent_ns >= each.due_ns for each in sent)


@pytest.mark.parametrize("runner", RUNNERS)
def test_what_finds_too_many_under_way_is_capped(runner: Any) -> None:
    plan = plan_of(LoadSpec(rate=50.0), opened(0.0, 0.02, 0.04, 0.06), most_in_flight=2)
    window = runner(plan, Scripted(takes_s=0.5))
    ended = [each.ended for each in sorted(window.sent, key=lambda each: each.due_ns)]
    assert ended == ["answered", "answered", "capped", "capped"]
    assert all(each.sent_ns is None for each in window.sent if each.ended == "capped")


def test_a_thread_that_was_busy_serves_again() -> None:
    plan = plan_of(LoadSpec(rate=5.0), opened(0.0, 0.3), most_in_flight=1)
    window = run(plan, Scripted(takes_s=0.05))
    assert [each.ended for each in window.sent] == ["answered", "answered"]


@pytest.mark.parametrize(
    ("error", "ended", "failure"),
    [
        (StatusRefused("full", status=503), "refused", "HTTP 503"),
        (StatusRefused("slower", status=429), "refused", "HTTP 429"),
        (StatusRefused("oops", status=500), "failed", "HTTP 500"),
        (TargetFailed("no sound"), "failed", "TargetFailed"),
        (ValueError("x"), "failed", "ValueError"),
    ],
)
def test_refusals_and_failures_are_told_apart_by_kind(
    error: Exception, ended: str, failure: str
) -> None:
    window = run(plan_of(LoadSpec(rate=1.0), opened(0.0)), Scripted(error=error))
    assert (window.sent[0].ended, window.sent[0].failure) == (ended, failure)


def test_a_broken_connection_is_named_by_what_broke() -> None:
    error = TargetFailed("broken")
    error.__cause__ = IncompleteRead(b"")
    sent = SentRequest(opened(0.0)[0], 0, Scripted(), error=error)
    assert sent.failure == "IncompleteRead"


def test_an_answer_that_takes_too_long_is_ended_and_the_others_are_not() -> None:
    """Both are under way at once, so that each has a channel of its own."""
    plan = plan_of(LoadSpec(rate=5.0), opened(0.0, 0.0), timeout_s=0.3)
    window = run(plan, Scripted(takes_s=30.0), Scripted(takes_s=0.1))
    ends = sorted((each.ended, each.failure) for each in window.sent)
    assert ends == [("answered", None), ("failed", "TargetTimeout")]


@pytest.mark.parametrize("load", [LoadSpec(rate=5.0), LoadSpec(listeners=1)])
def test_a_task_that_takes_too_long_is_ended(load: LoadSpec) -> None:
    plan = plan_of(load, opened(0.0), timeout_s=0.1)
    window = run_awaited(plan, Scripted(takes_s=30.0))
    assert [(each.ended, each.failure) for each in window.sent] == [("failed", "TargetTimeout")]


def test_what_cannot_be_ended_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listeners, "WATCH_S", 0.01)
    plan = plan_of(LoadSpec(rate=5.0), opened(0.0), timeout_s=0.05)
    with pytest.raises(TargetTimeout, match=r"within 0.05 s.*text 0.*--ttsperf-timeout"):
        run(plan, Deaf(takes_s=1.5))


def test_what_a_listener_prepares_is_not_lateness() -> None:
    class SlowToPrepare(Scripted):
        def prepare(self) -> None:
            time.sleep(SLOW_S)

    window = run(plan_of(LoadSpec(rate=1.0), opened(0.0)), SlowToPrepare())
    sent = window.sent[0]
    assert sent.sent_ns is not None
    assert sent.end_ns is not None
    assert sent.lateness_ns == sent.sent_ns - sent.due_ns < SLOW_S * S
    assert sent.end_ns - sent.due_ns >= SLOW_S * S


def test_a_listener_that_is_held_up_by_hanging_up_is_not_late() -> None:
    """The target takes its time to hang up: the next is late by that, and not by our fault."""

    class SlowToHangUp(Scripted):
        def ask(self, text: str, stop_after: int | None) -> Answer:
            answer = super().ask(text, stop_after)
            time.sleep(SLOW_S)
            return answer

    requests = closed(turns=2, hang_up_after=1)
    plan = plan_of(LoadSpec(listeners=1), requests, is_repeated=False)
    window = run(plan, SlowToHangUp())
    second = window.sent[1]
    assert second.sent_ns is not None
    assert second.lateness_ns is not None
    assert second.due_ns == window.sent[0].end_ns
    assert second.sent_ns - second.due_ns >= SLOW_S * S
    assert second.lateness_ns < SLOW_S * S


def test_a_prepared_channel_that_is_slow_is_prepared_before_the_next_is_due() -> None:
    class Early(Scripted):
        prepares_at_once = True

        def prepare(self) -> None:
            super().prepare()
            if self.prepared % 2 == 1:  # the second call finds nothing to do
                time.sleep(0.05)

    channel = Early(0.01)
    window = run(plan_of(LoadSpec(listeners=1, pace="greedy"), closed()), channel)
    for before, after in zip(window.sent, window.sent[1:], strict=False):
        assert before.end_ns is not None
        assert after.due_ns - before.end_ns >= 0.04 * S


def test_progress_is_in_seconds_since_the_beginning(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listeners, "TELL_S", 0.05)
    window = Window(plan_of(LoadSpec(listeners=1), closed()))
    window.begun_ns = time.perf_counter_ns()
    seconds: list[float] = []
    end = time.perf_counter() + 0.4
    watch(window, lambda: time.perf_counter() < end, seconds.append)
    assert len(seconds) >= 3
    assert seconds == sorted(seconds)
    assert 0 < seconds[0] <= seconds[-1] < 10
