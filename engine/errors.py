"""Everything the engine raises on purpose.

    EngineError
    ├── OptionError (ValueError)      an argument has a value the engine cannot use
    │   ├── OptionTypeError (TypeError)   ... or is not even of the right type
    │   └── VoiceNotFound             no voice of that name is known
    ├── TextError (ValueError)        there is nothing to say
    │   ├── TextEmpty                 no visible character at all
    │   └── TextUnspeakable           no character this voice has a sound for, or its reader fails
    ├── VoiceNotInstalled             the voice is known, its files are not on this machine
    ├── PackageNotInstalled           a package is missing that a speed or names of emoji need
    ├── ProviderUnavailable           onnxruntime here lacks the execution provider asked for
    ├── ModelError                    the model is damaged, or failed while it ran
    ├── AudioError (ValueError)       samples that are not finite float32 mono
    ├── EngineBusy                    as many streams as allowed, all of them waiting for this one
    └── EngineClosed                  used after close()

Each message says what was found, what was wanted and the remedy.
"""


class EngineError(Exception):
    """The root: catch this to catch every error the engine raises on purpose."""


class OptionError(EngineError, ValueError):
    """An argument has a value the engine cannot use."""


class OptionTypeError(OptionError, TypeError):
    """An argument is of the wrong type."""


class VoiceNotFound(OptionError):
    """No voice of that name is known."""


class TextError(EngineError, ValueError):
    """There is nothing to say."""


class TextEmpty(TextError):
    """The text holds no visible character."""


class TextUnspeakable(TextError):
    """The text holds no character that the voice has a sound for, or its reader cannot read it."""


class VoiceNotInstalled(EngineError):
    """The voice is known, but its files are not on this machine."""


class PackageNotInstalled(EngineError):
    """A package is missing that what was asked for needs."""


class ProviderUnavailable(EngineError):
    """The installed onnxruntime lacks the execution provider that was asked for."""


class ModelError(EngineError):
    """The model is damaged, or failed while it ran."""


class AudioError(EngineError, ValueError):
    """Samples that are not finite float32 mono."""


class EngineBusy(EngineError):
    """As many streams as allowed are under way, and none can end while this one waits."""


class EngineClosed(EngineError):
    """The engine was used after close()."""
