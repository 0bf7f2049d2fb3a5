"""What a target says of who computes for it: the forms of `placement()` that are accepted."""

from __future__ import annotations

from collections.abc import Mapping

from pytest_ttsperf.records import Json

FIELDS = (
    "nodes", "provider", "provider_version", "runtime", "runtime_version", "threads", "options",
    "requested", "registered", "share", "voice", "voice_hash",
)  # fmt: skip
"""What is read of a placement, or at least stored; there may be more beside these."""
COUNTS = "{'CPUExecutionProvider': 12}"
TELL_PLACEMENT = f"give it placement(), which counts nodes by provider, as {COUNTS}"
ELSEWHERE = "measure it as module:callable or over HTTP, where it can tell its placement"
"""The way out for what can tell none."""
FORMS = (
    f"a dict that counts nodes by provider, as {COUNTS}; or one of which `nodes` is "
    f"that, beside any of {', '.join(FIELDS[1:])}; or None where it does not know"
)


def normalize(placement: Json) -> dict[str, Json] | None:
    """A placement with its counts under `nodes`; None where it says nothing.

    A plain mapping of providers to node counts is taken for these. ValueError names the forms that
    are accepted for any other.
    """
    if placement is None or placement == {}:
        return None
    if isinstance(placement, dict) and not set(FIELDS).isdisjoint(placement):
        nodes = placement.get("nodes")
        if nodes is None or is_count_by_name(nodes):
            return placement
    elif is_count_by_name(placement):
        return {"nodes": placement}
    raise ValueError(f"found {placement!r}, wanted {FORMS}")


def is_count_by_name(value: Json) -> bool:
    """Whether it is a mapping of names to whole numbers from 0 on."""
    return isinstance(value, Mapping) and all(map(_is_count, value.values()))


def _is_count(value: Json) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0
