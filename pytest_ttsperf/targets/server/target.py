"""A server, as the parent sees it: a worker sends the requests.

It runs already, or is started for this target. Memory and CPU are read from the process tree that
holds its port.
"""

from __future__ import annotations

from msgspec import structs

from pytest_ttsperf.errors import TargetCrashed, TargetTimeout
from pytest_ttsperf.records import Mode, Recording, TargetInfo, TargetSpec
from pytest_ttsperf.targets import spec as targets_spec
from pytest_ttsperf.targets.base import Inspection, Lifecycle, TargetRequest
from pytest_ttsperf.targets.placement import COUNTS, ELSEWHERE
from pytest_ttsperf.targets.server import (
    port_owner,
    request_template,
    start_options,
    started_server,
)
from pytest_ttsperf.targets.worker.parent import WorkerTarget


class ServerTarget:
    """A server by `http://`, `https://` or `wyoming://`; see `targets.Target` for the protocol."""

    isolated = True
    can_swap_code = False
    is_proven_by_opening = True
    process_usage = None

    def __init__(self, request: TargetRequest) -> None:
        is_started = start_options.is_started(request.spec)
        self.lifecycle: Lifecycle = "served" if is_started else "external"
        self._request = request
        self._client = self._new_client()
        self._server: started_server.StartedServer | None = None
        self._is_lost = False
        self._owner = port_owner.Owner(None)

    @property
    def placement_remedy(self) -> str:
        """Over HTTP a status can be asked for; Wyoming has no event for it."""
        if targets_spec.kind_of(self._request.spec.spec).name == "wyoming":
            return ELSEWHERE
        return (
            f'have the server tell its placement, nodes by provider, as {{"placement": {COUNTS}}}, '
            "under the path that `status` in --ttsperf-http-template names"
        )

    def open(self) -> TargetInfo:
        """Start it, if so; ask for one sentence, and find the process that owns the port."""
        self._server = started_server.begin(self._request)
        if self._server is not None:
            self._request = self._server.start()
            self._client = self._new_client()
        with started_server.explaining_end(self._server):
            info = self._client.open()
        self._request = self._request._replace(patience_s=0.0)  # from now on it is ready
        self._owner = self._find_owner()
        return structs.replace(
            info,
            pid=self._owner.pid,
            pid_missing_because=self._owner.reason,
            versions={},
            phases_ms={},
            process_ns=None,
        )

    def warm(self) -> None:
        """A server warms itself."""
        self._client.warm()

    def record(self, text: str, mode: Mode) -> Recording:
        """One timed request, stamped in the client's process.

        A client that was ended over an answer that never came is followed by a new one.
        """
        with started_server.explaining_end(self._server):
            if self._is_lost:
                self._client = self._new_client()
                self._client.open()
                self._is_lost = False
            try:
                return self._client.record(text, mode)
            except (TargetTimeout, TargetCrashed):
                self._is_lost = True
                raise

    def inspect(self) -> Inspection:
        """The placement as it stands now. TargetCrashed where another process answers by now."""
        inspection = self._client.inspect()
        owner = self._find_owner()
        if owner.pid != self._owner.pid:
            raise TargetCrashed(
                f"target {self._request.spec.label} was started anew while it was measured "
                f"(process {self._owner.pid} before, {owner.pid or owner.reason} now); its figures "
                "are of two"
            )
        return inspection

    def close(self) -> str | None:
        """End the client; a server that runs already goes on."""
        trouble = self._client.close()
        if self._server is None:
            return trouble
        return self._server.close() or trouble

    def _new_client(self) -> WorkerTarget:
        return WorkerTarget(self._request, is_client=True)

    def _find_owner(self) -> port_owner.Owner:
        return find_server(self._request.spec)


def find_server(spec: TargetSpec) -> port_owner.Owner:
    """The process tree of the server that a spec names, where it can be read here."""
    url = targets_spec.resolve(spec.spec)
    address = request_template.parse_address(url)
    return port_owner.find_owner(address.host, address.port)
