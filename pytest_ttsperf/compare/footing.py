"""An equal footing: the running version is opened from a tree that is laid out as the old one's.

Where it does not open there, or is something else there than in its place, it runs in its place,
and a note says so: what the two places do to the times is then part of the difference.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from msgspec import structs

from pytest_ttsperf.compare.blocks import ComparisonSpec
from pytest_ttsperf.compare.checkout import contents, copies
from pytest_ttsperf.errors import TargetError, WrongTree
from pytest_ttsperf.experiment.plan import Plan, TargetFactory, warmup_texts
from pytest_ttsperf.experiment.trial import open_target
from pytest_ttsperf.machine import fingerprint
from pytest_ttsperf.records import Comparison, TargetInfo
from pytest_ttsperf.targets.worker.source_tree import Tree, name_running_paths

FEW = 3
UNEQUAL = "the new code ran in its own place and the old in a tree laid out for it"


@dataclass(frozen=True, slots=True)
class Footing:
    """What is compared, and what is to be said of the place that the new code runs in."""

    spec: ComparisonSpec
    notes: tuple[str, ...] = ()

    def annotate(self, comparisons: Mapping[str, Comparison]) -> dict[str, Comparison]:
        """The comparisons by cell id, with the notes."""
        return {
            cell_id: structs.replace(comparison, notes=(*self.notes, *comparison.notes))
            for cell_id, comparison in comparisons.items()
        }


def level(spec: ComparisonSpec, tree: Tree, ready: TargetInfo | None) -> Footing:
    """The same comparison with its candidate in a tree of its own, if it runs there.

    `ready` is what the candidate was like in its place. It is opened once, and speaks once, before
    anything is measured: that time is not taken from the budget. What it stores beside its code at
    a first start, as compilers at run time do, is there from then on.
    """
    in_place = spec.candidate
    laid_out = replace(in_place, tree=tree)
    plan = next(iter(spec.cells.values())).plan
    try:
        found = _open_once(laid_out, plan)
    except TargetError as error:
        return Footing(spec, (_explain_error(tree, error),))
    differing = []
    if ready is not None:
        differing = fingerprint.list_differing(ready, found)
    if differing:
        note = f"{UNEQUAL}: laid out likewise it has other properties ({', '.join(differing)})"
        return Footing(spec, (f"{note}. {_guess(tree)}",))
    return Footing(replace(spec, candidate=laid_out), tree.notes)


def _open_once(source: TargetFactory, plan: Plan) -> TargetInfo:
    """What a target is like once it has spoken. TargetError where it does not."""
    opened = open_target(source, warm=True)
    try:
        (text,) = warmup_texts(plan, 1)
        opened.target.record(text, plan.mode)
        placement = opened.target.inspect().placement
    finally:
        opened.close()
    return structs.replace(opened.ready, placement=placement)


def _explain_error(tree: Tree, error: TargetError) -> str:
    """Why it does not run where it was laid out, in one line, with what to do."""
    text = str(error)
    if not isinstance(error, WrongTree):  # which is about the difference of the two
        text = name_running_paths(tree, text)
    first_line = text.strip().partition("\n")[0].rstrip(".:")
    note = f"{UNEQUAL}: laid out likewise it does not run ({first_line})"
    patterns = _list_patterns(tree, error)
    if not patterns:
        return f"{note}. {_guess(tree)}"
    return f"{note}. Git ignores what it needs: {' '.join(patterns)} lays that out as well"


def _list_patterns(tree: Tree, error: TargetError) -> list[str]:
    """Options that take over what an error names and git ignores."""
    start = tree.rootdir or tree.project
    bases = [Path.cwd(), start, tree.project]
    patterns = []
    for one in contents.find_missing(tree.project, tree.folder, str(error), bases):
        if one.kind == "ignored":
            pattern = os.path.relpath(tree.project / one.path, start)
            patterns.append(f"{copies.OPTION}={pattern}")
    return patterns[:FEW]


def _guess(tree: Tree) -> str:
    """What may be missing where no error names it."""
    code = contents.list_ignored_code(tree.project)
    ignored = [*code, *contents.list_ignored_data(tree.project)]
    if not ignored:
        return "It has to find all it needs by paths relative to its own files"
    shown = ", ".join(list(dict.fromkeys(ignored))[:FEW])
    return f"If it needs what git ignores ({shown}): {copies.OPTION}=PATTERN lays that out as well"
