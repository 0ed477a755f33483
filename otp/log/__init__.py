"""The log: one event a line, for machines or for people, and nothing secret in it.

Everything goes through one chain, ours and that of the libraries (the standard `logging`), and its
last step before the time stamp is `scrub`. What may be logged is decided by who logs; here is the
net below them. Events are words; what belongs to a request is bound around it with `bound`.
"""

from __future__ import annotations

import json as json_
import logging
import sys
import threading
from collections.abc import Iterable
from types import TracebackType
from typing import Any, Final, TextIO

import structlog
from structlog.stdlib import BoundLogger, ProcessorFormatter
from structlog.types import EventDict, Processor, WrappedLogger

from otp.log.scrub import Scrubber

_FIRST: Final = ("timestamp", "level", "logger", "event")
_LOST: Final = {"level": "error", "event": "a log event could not be written"}

bound = structlog.contextvars.bound_contextvars
"""`with bound(request_id=…):` adds to every event of this request."""


def get(name: str) -> BoundLogger:
    """The logger of a room; may be had before `configure`."""
    logger: BoundLogger = structlog.stdlib.get_logger(name)
    return logger


def configure(*, json: bool, secrets: Iterable[str], stream: TextIO) -> None:
    """Send all events to *stream*, from now on and to nowhere else; may be called again.

    *secrets* never appear in a line, nor does what looks like a number, a code or a credential.
    """
    readable = structlog.dev.ConsoleRenderer(colors=stream.isatty())
    render: list[Processor] = [_as_json] if json else [_with_indented_traceback, readable]
    common: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
    ]
    formatter = ProcessorFormatter(
        foreign_pre_chain=[*common, structlog.stdlib.ExtraAdder()],
        processors=[
            ProcessorFormatter.remove_processors_meta,
            structlog.processors.StackInfoRenderer(),
            structlog.processors.format_exc_info,
            Scrubber(secrets),
            structlog.processors.TimeStamper(fmt="%Y-%m-%dT%H:%M:%S.%fZ", utc=True),
            _in_order,
            *render,
        ],
    )
    handler = _Handler(stream)
    handler.setFormatter(formatter)
    _only(handler)
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *common,
            structlog.stdlib.PositionalArgumentsFormatter(),
            ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=BoundLogger,
        cache_logger_on_first_use=True,
    )


def catch_uncaught() -> None:
    """Log what nobody catches, in any thread; Python would write it to stderr as it is."""

    def hook(
        kind: type[BaseException], error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None:
            get("otp").error("uncaught", exc_info=(kind, error, trace))

    sys.excepthook = hook
    threading.excepthook = lambda args: hook(args.exc_type, args.exc_value, args.exc_traceback)


class _Handler(logging.StreamHandler[TextIO]):
    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802
        # The inherited one prints the message and its arguments to stderr as they are.
        try:
            self.stream.write(json_.dumps(_LOST) + self.terminator)
        except (OSError, ValueError):
            return


def _only(handler: logging.Handler) -> None:
    """Make *handler* the only one: servers and libraries bring their own, which scrub nothing."""
    for logger in [*logging.root.manager.loggerDict.values(), logging.root]:
        if isinstance(logger, logging.Logger):
            for other in logger.handlers[:]:
                logger.removeHandler(other)
            logger.propagate = True
    logging.root.addHandler(handler)
    logging.root.setLevel(logging.INFO)


def _in_order(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    event["timestamp"] = event["timestamp"][:23] + "Z"  # milliseconds
    return {key: event[key] for key in _FIRST if key in event} | dict(event)


def _as_json(_: WrappedLogger, __: str, event: EventDict) -> str:
    return json_.dumps(event, ensure_ascii=False)


def _with_indented_traceback(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """No line of a traceback may be taken for an event: its text is not ours."""
    found: dict[str, Any] = dict(event)
    for key in ("exception", "stack"):
        if key in found:
            found[key] = "    " + str(found[key]).replace("\n", "\n    ")
    return found
