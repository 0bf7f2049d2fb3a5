"""The target in pytest's own process, for those who want to step into it with a debugger.

Its memory cannot be told from pytest's and it has no cold start, so both stay unmeasured.
"""

from __future__ import annotations

import os

from pytest_ttsperf.errors import ProviderMissing, TargetError, TargetFailed
from pytest_ttsperf.measure.recorder import cost
from pytest_ttsperf.measure.targets.loading import (
    Speaker,
    find,
    library_versions,
    opened,
)
from pytest_ttsperf.records import Json, Mode, Ready, RecorderCost, Recording, TargetSpec


class InlineTarget:
    """A target in this process; see `targets.Target` for the protocol."""

    isolated = False

    def __init__(
        self,
        spec: TargetSpec,
        *,
        offered: dict[str, str],
        demanded: tuple[str, ...] = (),
    ) -> None:
        self._spec = spec
        self._offered = offered
        self._demanded = demanded
        self._speaker: Speaker | None = None

    def open(self) -> Ready:
        """Import and call the target here."""
        found = find(self._spec.spec)
        try:
            self._speaker = opened(
                found, self._spec.spec, self._spec.options, self._offered, self._demanded
            )
        except TargetError:
            raise
        except Exception as error:
            if any(kind.__name__ == "ProviderUnavailable" for kind in type(error).__mro__):
                raise ProviderMissing(str(error)) from error
            raise TargetFailed(
                f"target {self._spec.label} raised {type(error).__name__}: {error}"
            ) from error
        spans, quirks = self._speaker.opening_spans()
        return Ready(
            pid=os.getpid(),
            sample_rate=self._speaker.sample_rate,
            placement=self._speaker.placement(),
            versions=library_versions(),
            spans=spans,
            quirks=quirks,
        )

    def warm(self) -> None:
        """The target's own `warm()`, if it has one."""
        self._open_speaker.warm()

    def record(self, text: str, mode: Mode) -> Recording:
        """One timed synthesis in this process."""
        try:
            return self._open_speaker.record(text, mode)
        except TargetError:
            raise
        except Exception as error:
            raise TargetFailed(
                f"target {self._spec.label} raised {type(error).__name__}: {error}"
            ) from error

    def inspect(self) -> tuple[dict[str, Json] | None, RecorderCost]:
        """The placement as it stands now, and the recorder's own cost."""
        return self._open_speaker.placement(), cost()

    def close(self) -> str | None:
        """Close the target."""
        speaker, self._speaker = self._speaker, None
        try:
            if speaker is not None:
                speaker.close()
        except Exception as error:
            return f"its close() raised {type(error).__name__}: {error}"
        return None

    @property
    def _open_speaker(self) -> Speaker:
        if self._speaker is None:
            raise TargetFailed(f"target {self._spec.label} is not open")
        return self._speaker
