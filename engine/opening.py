"""Opening a voice's model, and what runs where."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from .cache import Cache
from .errors import EngineClosed
from .runtime.providers import Provider, Require, SessionOptions
from .timing import SpanRecorder
from .voices import Voice

if TYPE_CHECKING:
    from .models.base import Model


def open_model(
    voice: Voice,
    recorder: SpanRecorder,
    *,
    provider: Provider,
    options: SessionOptions,
    require: Require,
    lexicon: Mapping[str, str],
    cache: Cache,
    shapes: str,
    on_progress: Callable[[str], None] | None,
) -> Model:
    """The voice on the provider. Raises what Engine() does for unfit options and files."""
    # Late, since all of these import onnxruntime: naming the engine has to stay cheap.
    with recorder.span("import"):
        from .models import family_of
        from .models.base import Settings, check_shapes, say_nothing
        from .runtime.exit_guard import Cancelled
        from .runtime.session import check_available, check_placement

        family = family_of(voice)
    check_available(provider)  # before graphs are made for it
    on_progress = on_progress or say_nothing
    settings = Settings(
        provider, options, require, lexicon, cache, check_shapes(shapes), on_progress
    )
    try:
        model: Model = family.open_model(voice, settings, recorder)
    except Cancelled:
        raise EngineClosed(
            "found the interpreter about to end, wanted to open a voice; open it earlier"
        ) from None
    options.check_stages([session.stage for session in model.sessions()])
    check_placement(placement_of(model), require)
    return model


def placement_of(model: Model) -> dict[str, Any]:
    """Nodes, runtime and threads of all sessions of a model, JSON-able."""
    from .runtime.session import combine_placements

    return combine_placements(session.placement() for session in model.sessions())
