"""What a rule of the analysis finds: a likely cause."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class LikelyCause:
    """A likely cause, the numbers that it rests on, and what to do next.

    `rule` is the name of the rule, `cause` a sentence, and each of the `evidence` a phrase with at
    least one number: without evidence there is no finding.
    """

    rule: str
    cause: str
    evidence: tuple[str, ...]
    next_step: str

    def __post_init__(self) -> None:
        """Refuse a claim that rests on nothing."""
        if not self.evidence:
            raise ValueError(
                f"the rule {self.rule} found {self.cause!r} and names no evidence; wanted at "
                "least one number that it rests on"
            )
