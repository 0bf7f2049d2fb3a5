"""The engine's command line: `python -m engine say "Hello." -o hello.wav`."""

from __future__ import annotations

import argparse
import logging
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

from .audio import Chunk, pcm16
from .audio_files import PCM, find_file_format, write_file
from .encoders import FORMATS_BY_SUFFIX
from .engine import Engine
from .errors import EngineError, OptionError, TextError
from .runtime.providers import CPU, parse_options, parse_threads
from .server.config import HOST, LIMIT_HELP, PORT, TOKEN_VARIABLE, Limits, ServerConfig
from .text.emoji_names import EMOJI_READINGS
from .voices import DEFAULT_VOICE, all_voices

OnProgress = Callable[[str], None]

OK = 0
FAILED = 1
MISUSED = 2
INTERRUPTED = 130
STANDARD = "-"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; the exit code is 2 for what the caller can fix, 1 for other failures."""
    options = _parser().parse_args(arguments)
    try:
        options.command(options)
        sys.stdout.flush()
    except BrokenPipeError:
        _discard_broken_output()  # the reader of the pipe has enough
    except (OptionError, TextError) as error:
        return _complain(error, MISUSED)
    except (EngineError, OSError) as error:
        _discard_broken_output()
        return _complain(error, FAILED)
    except KeyboardInterrupt:
        return INTERRUPTED
    return OK


def _discard_broken_output() -> None:
    """Discard what standard output does not take: Python would complain again at exit."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _complain(error: Exception, code: int) -> int:
    print(f"engine: {error}", file=sys.stderr)
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m engine", description="Text to speech.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    say = commands.add_parser(
        "say",
        help="speak a text",
        description="Speak a text, writing audio while it is made. Without -o, raw 16-bit PCM "
        "goes to standard output: python -m engine say Hello. | aplay -r 24000 -f S16_LE. What no "
        "voice can say is named on standard error.",
    )
    say.add_argument("text", help="what to say; - reads it from standard input")
    suffixes = ", ".join(FORMATS_BY_SUFFIX)
    say.add_argument(
        "-o",
        "--output",
        metavar="FILE",
        help=f"in the format that its name ends in: {suffixes}; a WAV file if it has no ending; "
        "- is raw PCM to stdout",
    )
    say.add_argument("--raw", action="store_true", help="raw PCM whatever the file is called")
    say.add_argument("--voice", default=DEFAULT_VOICE, help="default: %(default)s")
    say.add_argument("--speed", type=float, default=1.0, help="2 takes half as long")
    _add_engine_options(say)
    say.set_defaults(command=_say)

    read = commands.add_parser(
        "read",
        help="print how a text is read",
        description="Print the words of a text as they are said, on one line, and the voice's "
        "phonemes on the next. What no voice can say is named on standard error.",
    )
    read.add_argument("text", help="what to read; - reads it from standard input")
    read.add_argument("--voice", default=DEFAULT_VOICE, help="default: %(default)s")
    _add_engine_options(read)
    read.set_defaults(command=_read)

    _add_serve(commands)

    voices = commands.add_parser("voices", help="list the voices")
    voices.set_defaults(command=_voices)
    return parser


def _add_engine_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--provider",
        default=CPU.name,
        help="a name, or the path of a library that brings one; default: %(default)s",
    )
    parser.add_argument(
        "--provider-option",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="an option of the provider; may be given several times",
    )
    parser.add_argument(
        "--threads", help="a number, or by stage: encode=2,decode=1; default: the engine's choice"
    )
    parser.add_argument(
        "--seed", type=int, default=0, help="of the voice's noise, for repeatability"
    )
    parser.add_argument(
        "--emoji",
        choices=EMOJI_READINGS,
        default=EMOJI_READINGS[0],
        help="say emoji by their names, or leave them out; default: %(default)s",
    )


def _add_serve(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    serve = commands.add_parser(
        "serve",
        help="speak over HTTP",
        description="OpenAI's speech interface: POST /v1/audio/speech, streamed while it is made. "
        f"With ${TOKEN_VARIABLE} set, requests have to bear that token.",
    )
    serve.add_argument("--host", default=HOST, help="default: %(default)s")
    serve.add_argument("--port", type=int, default=PORT, help="default: %(default)s; 0 is any")
    serve.add_argument(
        "--voice",
        action="append",
        metavar="NAME",
        help=f"may be given several times, the first is the default; default: {DEFAULT_VOICE}",
    )
    serve.add_argument(
        "--cors-origin",
        action="append",
        default=[],
        metavar="ORIGIN",
        help="a web page whose scripts may ask, as https://example.org; default: none",
    )
    serve.add_argument(
        "--strict",
        action="store_true",
        help="refuse requests with fields, names or cases that neither OpenAI's API nor this "
        "server has",
    )
    for name, text in LIMIT_HELP.items():
        default = getattr(Limits(), name)
        serve.add_argument(
            f"--{name.replace('_', '-')}",
            type=type(default),
            default=default,
            help=f"{text}; default: %(default)s",
        )
    _add_engine_options(serve)
    serve.set_defaults(command=_serve)


def _say(options: argparse.Namespace) -> None:
    output = _find_output(options)
    audio_format = PCM
    if output is not None:
        audio_format = find_file_format(output, is_raw=options.raw)
    text = _get_text(options)
    open_engine = _engine_opener(options)
    with open_engine(options.voice, _report) as engine:
        # Unfit text is refused here, before a file is touched, and so is a format.
        chunks = engine.stream(text, speed=options.speed)
        if output is None:
            _write_raw(chunks, sys.stdout.buffer)
        else:
            pieces = (chunk.samples for chunk in chunks)
            write_file(pieces, output, audio_format, engine.sample_rate)
        for left_out in chunks.unreadable():
            _report_left_out(left_out.text, left_out.kind)


def _report(line: str) -> None:
    print(f"engine: {line}", file=sys.stderr, flush=True)


def _report_left_out(text: str, kind: str) -> None:
    _report(f"left out {text!r} ({kind})")


def _get_text(options: argparse.Namespace) -> str:
    text: str = options.text
    if text == STANDARD:
        return sys.stdin.buffer.read().decode("utf-8", "replace")
    return text


def _read(options: argparse.Namespace) -> None:
    """Words on one line, phonemes on the next."""
    text = _get_text(options)
    with _engine_opener(options)(options.voice, _report) as engine:
        readings = engine.read(text)
    print(" ".join(reading.words for reading in readings if reading.words))
    print(" ".join(reading.phonemes for reading in readings if reading.phonemes))
    for reading in readings:
        for left_out in reading.unreadable:
            _report_left_out(left_out.text, left_out.kind)


def _serve(options: argparse.Namespace) -> None:
    try:
        from .server.lifecycle import serve
    except ModuleNotFoundError as error:
        raise OptionError(
            f"found no package {error.name}, wanted it for the server; "
            'pip install "pytest-ttsperf[server]"'
        ) from error
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    limits = Limits(**{name: getattr(options, name) for name in LIMIT_HELP})
    config = ServerConfig(
        options.host,
        options.port,
        os.environ.get(TOKEN_VARIABLE) or None,
        tuple(options.cors_origin),
        limits,
        options.strict,
    )
    serve(config, options.voice or [DEFAULT_VOICE], _engine_opener(options))


def _engine_opener(options: argparse.Namespace) -> Callable[[str, OnProgress], Engine]:
    """What opens an engine on a voice. Raises OptionError at once for options that are unfit."""
    threads = None
    if options.threads is not None:
        threads = parse_threads(options.threads)
    provider_options = parse_options(options.provider, options.provider_option)

    def open_engine(voice: str, on_progress: OnProgress) -> Engine:
        return Engine(
            voice,
            options.provider,
            provider_options=provider_options,
            threads=threads,
            seed=options.seed,
            emoji=options.emoji,
            on_progress=on_progress,
        )

    return open_engine


def _find_output(options: argparse.Namespace) -> Path | None:
    """The file to write, or None for standard output, which should not be a terminal."""
    if options.output == STANDARD:
        return None
    if options.output is not None:
        return Path(options.output)
    if sys.stdout.isatty():
        raise OptionError(
            "found a terminal on standard output, wanted a place for audio; add -o hello.wav, "
            "or pipe it: | aplay -r 24000 -f S16_LE"
        )
    return None


def _write_raw(chunks: Iterator[Chunk], file: BinaryIO) -> None:
    for chunk in chunks:
        file.write(pcm16(chunk.samples))
        file.flush()


def _voices(_: argparse.Namespace) -> None:
    voices = all_voices()
    width = max(len(voice.name) for voice in voices)
    for voice in voices:
        state = "installed"
        if not voice.installed:
            state = f"not installed: {voice.remedy}"
        print(
            f"{voice.name:{width}}  {voice.language:6} {voice.family:7} {voice.sample_rate} Hz "
            f"{voice.size_bytes / 1e6:5.1f} MB  {voice.licence:11} sha256 {voice.sha256[:12]}  "
            f"{state}"
        )


if __name__ == "__main__":
    sys.exit(main())
