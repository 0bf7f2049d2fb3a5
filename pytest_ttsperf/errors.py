"""What can go wrong, as a tree. Each message says what was found, what was wanted and the remedy.

TtsperfError
|- LimitError            a marker, option or ini line that cannot be understood
|- TargetError           the thing under measurement
|  |- TargetNotFound     the spec names nothing that can be opened
|  |  `- ModuleMissing   there is no module of that name
|  |- TargetShapeError   it opened, but does not speak the shape we accept
|  |  |- OptionUntaken   neither it nor the method that speaks takes an option
|  |  `- VariableUnset   an option wants {env:NAME}, and there is no such variable
|  |- TargetFailed       it raised while opening or speaking (carries its traceback)
|  |  `- StatusRefused   a server answered with a status that is no success (carries it)
|  |- TargetCrashed      its process ended (carries its last words)
|  |- TargetTimeout      it did not answer in time
|  |- ProviderMissing    the execution provider asked for is not there
|  `- WrongTree          code of another version was imported than was to be measured
|- RevisionError         another version of the code cannot be had
|  `- GitError           git failed (carries its words)
|     `- GitMissing      there is no git to run
|- MeasurementError      nothing to measure, or not measurable this way
|- QualityError          what judges the sound on request is missing, failed or died
|- BaselineUnreadable    a stored baseline exists and cannot be read
|- BaselineUnwritable    a baseline cannot be saved: no room, no rights, no folder
|- FileUnreadable        a stored file exists and cannot be read or understood
|- CommentRefused        a service takes no comment about a run
|- ArtifactUnreadable    a run's artifact is missing, damaged or unfinished
`- CellUnknown           a cell's name fits no stored cell, or several
"""

from __future__ import annotations

from pathlib import Path

from pytest_ttsperf import secrets


class TtsperfError(Exception):
    """Base of everything this plugin raises on purpose.

    Messages quote servers and programs, which may quote our request: secrets are taken out here,
    at the one place that every message passes.
    """

    def __init__(self, message: object = "") -> None:
        super().__init__(secrets.scrub(str(message)))


class LimitError(TtsperfError):
    """A marker keyword, an option or an ini line is wrong."""


class TargetError(TtsperfError):
    """The thing under measurement cannot be measured."""


class TargetNotFound(TargetError):
    """The target's spec names nothing that can be imported or called."""


class ModuleMissing(TargetNotFound):
    """The module that the target's spec names is nowhere on the import path."""


class TargetShapeError(TargetError):
    """The target offers something else than speaks a text in one of the shapes we accept."""


class OptionUntaken(TargetShapeError):
    """An option, provider or voice was asked for, and the target has no parameter of that name."""


class VariableUnset(TargetShapeError, LimitError):
    """An option wants the value of an environment variable that is not set."""


class TargetFailed(TargetError):
    """The target raised; the message carries its traceback."""


class StatusRefused(TargetFailed):
    """A server answered with an HTTP status that is no success."""

    def __init__(self, message: object = "", *, status: int = 0) -> None:
        super().__init__(message)
        self.status = status


class TargetCrashed(TargetError):
    """The target's process ended; the message carries its last words."""


class TargetTimeout(TargetError):
    """The target did not answer within the timeout."""


class ProviderMissing(TargetError):
    """The target says that the execution provider asked for is not available."""


class WrongTree(TargetError):
    """A target of one version has imported code of another."""


class RevisionError(TtsperfError):
    """The version to compare with is not to be had."""


class GitError(RevisionError):
    """Git could not do what it was asked for; the message carries its words."""


class GitMissing(GitError):
    """The program git is not there."""


class MeasurementError(TtsperfError):
    """There is nothing to measure, or it cannot be measured in this way."""


class QualityError(TtsperfError):
    """Words, timbre, loudness or opinion cannot be judged: a package is missing, or failed."""


class BaselineUnreadable(TtsperfError):
    """A baseline file exists but is damaged or of an unknown version."""


class BaselineUnwritable(TtsperfError, OSError):
    """A baseline cannot be saved; the message names its file."""


class FileUnreadable(TtsperfError):
    """A stored file exists, and cannot be read or understood."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f"cannot read {path}: {reason}")
        self.path = path
        self.reason = reason


class CommentRefused(TtsperfError):
    """A CI service does not take a comment, or cannot be reached; the message says what to do."""


class ArtifactUnreadable(TtsperfError):
    """An artifact that a command was to read is not there, damaged or not finished."""


class CellUnknown(TtsperfError):
    """A command was given a cell's name, or a folder of cells, that names nothing or too much."""
