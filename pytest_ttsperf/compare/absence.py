"""Why an old version does not run: is what is asked of it new, or has something gone wrong?

What is new has nothing to be compared with, and that is no fault. So it is believed only where the
old tree provably lacks it. Whatever else keeps the old version from running is an error: a model
file that git ignores, a submodule that is not there, an import that fails. The comparison did not
take place, and nobody may take that for "no slower".
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path

from pytest_ttsperf.compare.checkout import contents, copies
from pytest_ttsperf.compare.checkout.contents import Missing
from pytest_ttsperf.errors import (
    ModuleMissing,
    OptionUntaken,
    TargetError,
    TargetFailed,
    TargetNotFound,
    WrongTree,
)
from pytest_ttsperf.experiment.plan import TargetFactory
from pytest_ttsperf.records import Trial
from pytest_ttsperf.targets.worker.source_tree import Tree

LAST_LINES = 4
FEW = 5
TRACEBACK = "Traceback (most recent call last)"
INDENT = "            "
MADE_AT_RUN_TIME = re.compile(r"import \*|__getattr__|globals\(\)|setattr\(")


class NotThereError(Exception):
    """What is measured is new: the old version lacks it. The message says what."""


class OldFailedError(Exception):
    """The old version does not run; the message has its words and the remedy."""


def explain(old: TargetFactory, label: str, error: TargetError) -> Exception:
    """The error that says why the old side failed: NotThereError, OldFailedError or WrongTree."""
    if isinstance(error, WrongTree):
        return error
    found = _missing(old.tree, error)
    lacking = _lacking(old, old.tree, error, found) if old.tree is not None else None
    if lacking:
        return NotThereError(
            f"new: {label} cannot be opened as it is now ({lacking}); there is nothing to compare "
            "with"
        )
    words = "\n".join(f"{INDENT}{line}" for line in _last_words(error))
    remedies = "\n".join(f"{INDENT[4:]}{line}" for line in _remedies(old, error, found))
    return OldFailedError(
        f"{label} does not run, so nothing was compared with it. It says:\n{words}\n{remedies}"
    )


def refuse_silence(old: TargetFactory, label: str, trials: Sequence[Trial]) -> None:
    """Raise what `explain` says, where most trials of the old version ended in an error."""
    errors = [trial.error for trial in trials if trial.error is not None]
    if 2 * len(errors) > len(trials):
        raise explain(old, label, TargetFailed(errors[0]))


# What is new


def _lacking(
    old: TargetFactory, tree: Tree, error: TargetError, found: Sequence[Missing]
) -> str | None:
    """What the old tree provably lacks; None where that is in doubt."""
    if not old.can_swap_code:
        return None
    module, _, attribute = old.spec.spec.partition(":")
    if isinstance(error, TargetNotFound):
        files = contents.module_files(tree.folder, module)
        if not files:
            return _lacking_module(tree, module)
        is_missing = isinstance(error, ModuleMissing)
        return None if is_missing else _lacking_attribute(tree, files, attribute)
    if isinstance(error, OptionUntaken):
        return _words(error).partition("\n")[0]
    has_lost_files = any(one.kind != "tracked" for one in found) or bool(tree.absent)
    return None if has_lost_files else _lacking_name(old, tree, error)


def _lacking_module(tree: Tree, module: str) -> str | None:
    if any(not (tree.folder / path).is_file() for path in tree.absent):
        return None  # it may be in a submodule that is not here
    if tree.revision is not None and contents.list_ignored_module_files(tree.project, module):
        return None
    return f"it has no module {module}"


def _lacking_attribute(tree: Tree, files: Sequence[str], attribute: str) -> str | None:
    """Where a name is nowhere in the source, and none is made at run time."""
    if not all(file.endswith(".py") for file in files):
        return None
    for file in files:
        place = tree.folder / file
        source = place.read_text("utf-8", "replace") if place.is_file() else ""
        names = attribute.split(".")
        if MADE_AT_RUN_TIME.search(source) or all(contents.mentions(source, n) for n in names):
            return None
    return f"its {', '.join(files[:2])} has no {attribute}"


def _lacking_name(old: TargetFactory, tree: Tree, error: TargetError) -> str | None:
    """A voice, provider or option that the error names, the new code knows and the old does not."""
    options = old.spec.options
    values = [value for value in options.values() if isinstance(value, str)]
    for name in (old.voice, old.provider, *values, *options):
        if not name or not contents.mentions(_words(error), name):
            continue
        is_new = contents.engine_has_word(tree.project, name)
        if is_new and not contents.has_word(tree.folder, name):
            return f"it knows no {name!r}: {_words(error).partition(chr(10))[0]}"
    return None


# What went wrong


def _missing(tree: Tree | None, error: TargetError) -> list[Missing]:
    """What of the running tree the error names and the old tree lacks."""
    if tree is None:
        return []
    bases = [Path.cwd(), tree.rootdir or tree.project, tree.project]
    return contents.find_missing(tree.project, tree.folder, str(error), bases)


def _words(error: TargetError) -> str:
    """Its message, without the traceback."""
    return str(error).partition(TRACEBACK)[0].strip()


def _last_words(error: TargetError) -> list[str]:
    """The first line, and the last ones of what it carries."""
    first, *others = [line.rstrip() for line in str(error).splitlines() if line.strip()]
    new = [line for line in others if line.strip(" ^~") and line.strip() not in first]
    return [first, *new[-LAST_LINES:]]


def _remedies(old: TargetFactory, error: TargetError, found: Sequence[Missing]) -> list[str]:
    tree = old.tree
    if tree is None:
        return ["Compare with a target that runs; ttsperf doctor says what is wrong with it."]
    lines = [_remedy(tree, one) for one in found[:FEW]]
    if tree.absent:
        lines.append(
            f"Not on this machine, and so not in the old tree: {', '.join(tree.absent[:FEW])} "
            "(submodules: git submodule update --init; Git LFS: git lfs fetch origin "
            f"{tree.revision})."
        )
    if isinstance(error, ModuleMissing):
        lines += _elsewhere(old, tree)
    return lines or _guesses(tree)


def _remedy(tree: Tree, one: Missing) -> str:
    if one.kind == "pointer":
        return (
            f"{one.path} is only a Git LFS pointer there, as the file is not on this machine: git "
            f"lfs fetch origin {tree.revision}"
        )
    if tree.revision is None:
        return f"{one.path} is in the running tree and not in {tree.folder}: put it there."
    if one.kind == "tracked":
        return (
            f"{one.path} is in the running tree and was not yet there in {tree.label}: compare "
            "with a revision that runs."
        )
    reason = "git ignores it" if one.kind == "ignored" else "git does not track it"
    pattern = os.path.relpath(tree.project / one.path, tree.rootdir or tree.project)
    return (
        f"{one.path} is in the running tree and not in the old one, as {reason}: "
        f"{copies.OPTION}={pattern} takes it over."
    )


def _elsewhere(old: TargetFactory, tree: Tree) -> list[str]:
    module = old.spec.spec.partition(":")[0]
    places = contents.module_files(tree.folder, module)
    ignored = contents.list_ignored_module_files(tree.project, module) if tree.revision else []
    lines = [
        f"{path} is not in the old tree, as git ignores it: {copies.OPTION} takes it over."
        for path in ignored[:FEW]
    ]
    if places:
        lines.append(
            f"The module may be {', '.join(places[:FEW])} there, which is not where this run "
            "imports from: compare with a directory that has it in the same place."
        )
    return lines


def _guesses(tree: Tree) -> list[str]:
    lines = []
    data = contents.list_ignored_data(tree.project) if tree.revision is not None else []
    if data:
        lines.append(
            f"If it needs what git ignores here ({', '.join(data[:FEW])}): "
            f"{copies.OPTION}=PATTERN takes that over."
        )
    if not tree.has_own_environment:
        lines.append(
            "If it needs other packages than this environment has: --ttsperf-against-install."
        )
    return [*lines, "Otherwise compare with a revision that runs."]
