"""What the fixture `ttsperf_target` may give, and what is said to whoever gives something else."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePath

from pytest_ttsperf.errors import TargetShapeError
from pytest_ttsperf.plugin import lazy
from pytest_ttsperf.targets import spec

WANTED = f"a text ({spec.FORMS}) or TargetSpec(spec=..., options={{...}})"


def as_spec(value: object) -> lazy.records.TargetSpec:
    """A text or a TargetSpec as a TargetSpec. TargetShapeError for anything else."""
    if isinstance(value, str):
        return lazy.records.TargetSpec(spec=value)
    if not isinstance(value, lazy.records.TargetSpec):
        raise TargetShapeError(
            f"the fixture ttsperf_target gave {_describe(value)}; wanted {WANTED}. {_remedy(value)}"
        )
    if not isinstance(value.spec, str):
        raise TargetShapeError(
            f"the fixture ttsperf_target gave a TargetSpec whose spec is {_describe(value.spec)}; "
            f"wanted a text ({spec.FORMS}). {_remedy(value.spec)}"
        )
    options = value.options
    is_by_name = isinstance(options, Mapping) and all(isinstance(name, str) for name in options)
    if not is_by_name:
        raise TargetShapeError(
            f"the fixture ttsperf_target gave a TargetSpec whose options are {_describe(options)}; "
            "wanted keyword options by name, as options={'threads': 2}"
        )
    return value


def _describe(value: object) -> str:
    text = repr(value)
    return f"{text if len(text) <= 80 else text[:77] + '...'} ({type(value).__name__})"


def _remedy(value: object) -> str:
    """What to write instead, as far as the value tells what was meant."""
    if value is None:
        return "Does the fixture return what it makes?"
    if isinstance(value, PurePath):
        return "A path is part of a target: name what opens it, and give the path as an option"
    if isinstance(value, tuple | list | dict):
        return "Options go into a TargetSpec (from pytest_ttsperf import TargetSpec)"
    return (
        "A target is opened in a process of its own, so it is named and not handed over: "
        f"{_name_of(value)}"
    )


def _name_of(value: object) -> str:
    """`'module:callable'` for a callable that can be imported, or for the class of an instance."""
    found = value if hasattr(value, "__qualname__") else type(value)
    module, name = getattr(found, "__module__", None), getattr(found, "__qualname__", "")
    if module in (None, "builtins") or "<" in name:
        return "give the name of a module and of what makes it there, as 'module:callable'"
    return f"return '{module}:{name}'"
