"""`module:callable` as target: in a worker of its own, or in pytest's process."""

from __future__ import annotations

from pytest_ttsperf.targets.base import Target, TargetRequest
from pytest_ttsperf.targets.python.inline import InlineTarget
from pytest_ttsperf.targets.worker.parent import WorkerTarget


def new_target(request: TargetRequest) -> Target:
    """For `spec.KINDS`."""
    if request.is_inline:
        return InlineTarget(request)
    return WorkerTarget(request)
