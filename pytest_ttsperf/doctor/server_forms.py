"""In which form a server of speech answers: each that has a name is tried, until one has sound."""

from __future__ import annotations

from typing import NamedTuple

from pytest_ttsperf.doctor.target_summary import FORM_NAMES
from pytest_ttsperf.errors import TargetError, TargetNotFound, TargetShapeError
from pytest_ttsperf.experiment.plan import TargetFactory
from pytest_ttsperf.experiment.trial import open_target
from pytest_ttsperf.records import Json, TargetSpec
from pytest_ttsperf.targets import spec as targets_spec
from pytest_ttsperf.targets.server.run_options import with_http_options

TIMEOUT_S = 30.0
SHOWN_CHARACTERS = 200


class _Attempt(NamedTuple):
    """One way to ask: a preset by name, and how long its connection lives."""

    preset: str
    connection: str | None = None


ATTEMPTS = (
    _Attempt("openai"),
    _Attempt("kokoro-fastapi"),
    _Attempt("piper"),
    _Attempt("openai", "fresh"),
)
"""In this order; a server that closes after each answer is asked over a fresh connection."""


def find_form(spec: TargetSpec, voice: str | None = None) -> TargetSpec:
    """The same spec with the options of the first form in which its server answers with sound.

    What is no HTTP server, or names its form, stays as it is. TargetNotFound where nothing answers
    at all, TargetShapeError with the words of each attempt where no form brings sound.
    """
    is_http = targets_spec.kind_of(spec.spec).name == "http"
    if not is_http or {"preset", "template"} & set(spec.options):
        return spec
    refusals = []
    for attempt in ATTEMPTS:
        candidate = _ask_in(spec, attempt)
        source = TargetFactory(
            spec=with_http_options(candidate, {}), voice=voice, timeout_s=TIMEOUT_S
        )
        try:
            open_target(source, warm=False).close()
        except TargetNotFound:
            raise
        except TargetError as error:
            words = " ".join(str(error).split())[:SHOWN_CHARACTERS]
            refusals.append(f"in {FORM_NAMES[attempt.preset]}: {words}")
            continue
        return candidate
    raise TargetShapeError(
        f"found that {spec.shown} answers with sound in none of the forms that have a name; wanted "
        'one of them, or --option template={"path": ..., "body": ...} (docs/targets.md). It '
        "answered\n  " + "\n  ".join(refusals)
    )


def _ask_in(spec: TargetSpec, attempt: _Attempt) -> TargetSpec:
    """The spec with the options of an attempt; OpenAI's form is what a server has without any."""
    options: dict[str, Json] = dict(spec.options)
    if attempt.preset != "openai":
        options["preset"] = attempt.preset
    if attempt.connection is not None:
        options["connection"] = attempt.connection
    return TargetSpec(spec=spec.spec, options=options)
