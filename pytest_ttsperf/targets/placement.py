"""What a target tells of who computes for it: the forms of `placement()` that are understood."""

from __future__ import annotations

from collections.abc import Mapping

from pytest_ttsperf.records import Json

FIELDS = (
    "nodes", "provider", "provider_version", "runtime", "runtime_version", "threads", "options",
    "requested", "registered", "share", "voice", "voice_hash",
)  # fmt: skip
"""What is read of a placement, or at least kept; a target may tell more beside these."""
COUNTS = "{'CPUExecutionProvider': 12}"
TELL_PLACEMENT = f"give it placement(), which counts nodes by provider, as {COUNTS}"
ELSEWHERE = "measure it as module:callable or over HTTP, where it can tell its placement"
"""The way out for what can tell none."""
FORMS = (
    f"a dict that counts nodes by provider, as {COUNTS}; or one of which `nodes` is "
    f"that, beside any of {', '.join(FIELDS[1:])}; or None where it does not know"
)


def understood(told: Json) -> dict[str, Json] | None:
    """A placement with its counts under `nodes`; None where it tells nothing.

    A plain mapping of providers to node counts is taken for these. ValueError names the forms that
    are understood for any other.
    """
    if told is None or told == {}:
        return None
    if isinstance(told, dict) and not set(FIELDS).isdisjoint(told):
        if told.get("nodes") is None or is_count_by_name(told["nodes"]):
            return told
    elif is_count_by_name(told):
        return {"nodes": told}
    raise ValueError(f"found {told!r}, wanted {FORMS}")


def is_count_by_name(told: Json) -> bool:
    """Whether it is a mapping of names to whole numbers from 0 on."""
    return isinstance(told, Mapping) and all(map(_is_count, told.values()))


def _is_count(value: Json) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0
