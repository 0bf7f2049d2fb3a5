"""Commands with actions of their own, as `ttsperf baseline list`: how each is declared."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any


def add_action(
    actions: Any,
    name: str,
    run: Callable[[argparse.Namespace], int],
    summary: str,
    description: str = "",
) -> argparse.ArgumentParser:
    """Declare an action, without arguments yet; its description is the summary where none is."""
    parser: argparse.ArgumentParser = actions.add_parser(
        name,
        help=summary,
        description=description or f"{summary[0].upper()}{summary[1:]}.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.set_defaults(run=run)
    return parser
