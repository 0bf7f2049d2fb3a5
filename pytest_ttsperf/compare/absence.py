"""Why an old version does not run: is what it should run new, or has something gone wrong?

What is new has nothing to be compared with, and that is no fault. So it is believed only where the
old tree provably lacks it. Whatever else keeps the old version from running is an error: a model
file that git ignores, a submodule that is not there, an import that fails. There was no comparison,
and nobody may take that for "no slower".
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path

from pytest_ttsperf.compare.checkout import contents, copies
from pytest_ttsperf.compare.checkout.contents import Missing
from pytest_ttsperf.compare.incomparable import Incomparable
from pytest_ttsperf.errors import (
    ModuleMissing,
    OptionUntaken,
    TargetError,
    TargetFailed,
    TargetNotFound,
    WrongTree,
)
from pytest_ttsperf.experiment.plan import TargetFactory
from pytest_ttsperf.records import Outcome, Trial
from pytest_ttsperf.targets.worker.source_tree import Tree

LAST_LINES = 4
FEW = 5
TRACEBACK = "Traceback (most recent call last)"
INDENT = "            "
DEFINED_AT_RUN_TIME = re.compile(r"import \*|__getattr__|globals\(\)|setattr\(")


def explain(old: TargetFactory, label: str, error: TargetError) -> Exception:
    """The error that says why the baseline failed: Incomparable or WrongTree.

    Incomparable is INCONCLUSIVE where the baseline lacks what is measured, else INVALID.
    """
    if isinstance(error, WrongTree):
        return error
    tree = old.tree
    missing: list[Missing] = []
    lacking = None
    if tree is not None:
        # What of the running tree the error names and the old tree lacks.
        bases = [Path.cwd(), tree.rootdir or tree.project, tree.project]
        missing = contents.find_missing(tree.project, tree.folder, str(error), bases)
        lacking = _lacking(old, tree, error, missing)
    if lacking:
        return Incomparable(
            f"new: {label} cannot be opened as it is now ({lacking}); there is nothing to compare "
            "with",
            Outcome.INCONCLUSIVE,
        )
    lines = [f"{label} does not run, so nothing was compared with it. It says:"]
    lines += [f"{INDENT}{line}" for line in _shorten(error)]
    lines += [f"{INDENT[4:]}{line}" for line in _remedies(old, error, missing)]
    return Incomparable("\n".join(lines))


def explain_in_words(
    old: TargetFactory,
    label: str,
    error: TargetError,
) -> tuple[str, Outcome]:
    """Why there is no comparison, and what that is worth as a verdict, as `explain` has it."""
    found = explain(old, label, error)
    outcome = found.outcome if isinstance(found, Incomparable) else Outcome.INVALID
    return str(found), outcome


def refuse_silence(
    old: TargetFactory,
    label: str,
    trials: Sequence[Trial],
) -> None:
    """Raise what `explain` says, where most trials of the old version ended in an error."""
    errors = [trial.error for trial in trials if trial.error is not None]
    if 2 * len(errors) > len(trials):
        raise explain(old, label, TargetFailed(errors[0]))


# What is new


def _lacking(
    old: TargetFactory,
    tree: Tree,
    error: TargetError,
    missing: Sequence[Missing],
) -> str | None:
    """What the old tree provably lacks; None where that is in doubt."""
    if not old.can_swap_code:
        return None
    module, _, attribute = old.spec.spec.partition(":")
    if isinstance(error, TargetNotFound):
        files = contents.list_module_files(tree.folder, module)
        if not files:
            return _lacking_module(tree, module)
        if isinstance(error, ModuleMissing):
            return None
        return _lacking_attribute(tree, files, attribute)
    if isinstance(error, OptionUntaken):
        return _first_line(error)
    if tree.absent or any(one.kind != "tracked" for one in missing):
        return None
    return _lacking_name(old, tree, error)


def _lacking_module(tree: Tree, module: str) -> str | None:
    if any(not (tree.folder / path).is_file() for path in tree.absent):
        return None  # it may be in a submodule that is not here
    if _list_ignored_files(tree, module):
        return None
    return f"it has no module {module}"


def _lacking_attribute(
    tree: Tree,
    files: Sequence[str],
    attribute: str,
) -> str | None:
    """Where a name is nowhere in the source, and none is defined at run time."""
    if not all(file.endswith(".py") for file in files):
        return None
    names = attribute.split(".")
    for file in files:
        path = tree.folder / file
        source = path.read_text("utf-8", "replace") if path.is_file() else ""
        if DEFINED_AT_RUN_TIME.search(source):
            return None
        if all(contents.mentions(source, name) for name in names):
            return None
    return f"its {', '.join(files[:2])} has no {attribute}"


def _lacking_name(
    old: TargetFactory,
    tree: Tree,
    error: TargetError,
) -> str | None:
    """A voice, provider or option that the error names, the new code knows and the old does not."""
    options = old.spec.options
    values = [value for value in options.values() if isinstance(value, str)]
    names = [old.voice, old.provider, *values, *options]
    message = _message(error)
    for name in filter(None, names):
        if (
            contents.mentions(message, name)
            and contents.engine_has_word(tree.project, name)
            and not contents.has_word(tree.folder, name)
        ):
            return f"it knows no {name!r}: {_first_line(error)}"
    return None


# What went wrong


def _message(error: TargetError) -> str:
    """Without the traceback."""
    return str(error).partition(TRACEBACK)[0].strip()


def _first_line(error: TargetError) -> str:
    return _message(error).partition("\n")[0]


def _shorten(error: TargetError) -> list[str]:
    """The first line, and the last of the others."""
    lines = [line.rstrip() for line in str(error).splitlines()]
    first, *others = filter(None, lines)
    new = []
    for line in others:
        if line.strip(" ^~") and line.strip() not in first:
            new.append(line)
    return [first, *new[-LAST_LINES:]]


def _remedies(
    old: TargetFactory,
    error: TargetError,
    missing: Sequence[Missing],
) -> list[str]:
    tree = old.tree
    if tree is None:
        return ["Compare with a target that runs; ttsperf doctor says what is wrong with it."]
    lines = [_remedy(tree, one) for one in missing[:FEW]]
    if tree.absent:
        lines.append(
            f"Not on this machine, and so not in the old tree: {', '.join(tree.absent[:FEW])} "
            "(submodules: git submodule update --init; Git LFS: git lfs fetch origin "
            f"{tree.revision})."
        )
    if isinstance(error, ModuleMissing):
        lines += _module_remedies(old, tree)
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


def _list_ignored_files(tree: Tree, module: str) -> list[str]:
    """Files of a module that the tree lacks as git ignores them."""
    if tree.revision is None:
        return []
    return contents.list_ignored_module_files(tree.project, module)


def _module_remedies(old: TargetFactory, tree: Tree) -> list[str]:
    module, _, _ = old.spec.spec.partition(":")
    places = contents.list_module_files(tree.folder, module)
    ignored = _list_ignored_files(tree, module)
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
    data = []
    if tree.revision is not None:
        data = contents.list_ignored_data(tree.project)
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
