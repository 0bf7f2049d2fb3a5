"""The run's options for HTTP as a part of a server's spec: with others it is another cell."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import structs

from pytest_ttsperf.records import Json, TargetSpec
from pytest_ttsperf.targets import spec as targets_spec
from pytest_ttsperf.targets.server import request_template, start_options


def with_http_options(spec: TargetSpec, http: Mapping[str, Json]) -> TargetSpec:
    """A server's spec with the run's options for HTTP; its own win. Any other spec as it is.

    Whether the connection stays open is always among them: it is another cell otherwise.
    TargetError for a form that cannot be understood, or a start.
    """
    kind = targets_spec.kind_of(spec.spec).name
    if kind in ("http", "wyoming"):
        start_options.check(spec)
    if kind == "wyoming":
        connection = http.get("connection", "keep")
        return structs.replace(spec, options={"connection": connection, **spec.options})
    if kind != "http":
        return spec
    options = {**http, **spec.options}
    form = request_template.build_template(
        options.get("preset"),
        options.get("template"),
        options.get("connection"),
    )
    return structs.replace(spec, options={**options, "connection": form.connection})
