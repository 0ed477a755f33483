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
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import nullcontext
from contextvars import ContextVar
from functools import lru_cache
from types import TracebackType
from typing import Any, Final, TextIO

import structlog
from structlog.stdlib import ProcessorFormatter
from structlog.typing import EventDict, Processor, WrappedLogger

from otp.log.scrub import Scrubber

_FIRST: Final = ("level", "logger", "event")
_encoded: Final = json_.JSONEncoder(ensure_ascii=False).encode
_LOST: Final = {"level": "error", "event": "a log event could not be written"}

# Of our own: structlog's looks through all variables of the context for each event.
_bound: ContextVar[Mapping[str, Any]] = ContextVar("otp.log", default={})  # noqa: B039  never changed


class bound:  # noqa: N801  used like a function
    """`with bound(request_id=…):` adds to every event of this request."""

    __slots__ = ("_before", "_values")

    def __init__(self, **values: Any) -> None:
        self._values = values

    def __enter__(self) -> None:
        self._before = _bound.set({**_bound.get(), **self._values})

    def __exit__(self, *_: object) -> None:
        _bound.reset(self._before)


def _with_bound(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    return {**_bound.get(), **event}


class Logger:
    """Says the events of one room. *values* besides the event are added to it by name."""

    __slots__ = ("_name", "_values")

    def __init__(self, name: str, values: Mapping[str, Any]) -> None:
        self._name = name
        self._values = values

    def bind(self, **values: Any) -> Logger:
        """One that adds these to each event."""
        return Logger(self._name, {**self._values, **values})

    def debug(self, event: str, *args: Any, **values: Any) -> None:
        """Nobody wants to know."""

    def info(self, event: str, *args: Any, **values: Any) -> None:
        self._say("info", event, args, values)

    def warning(self, event: str, *args: Any, **values: Any) -> None:
        self._say("warning", event, args, values)

    def error(self, event: str, *args: Any, **values: Any) -> None:
        self._say("error", event, args, values)

    def exception(self, event: str, *args: Any, **values: Any) -> None:
        """An error, with the traceback of the exception that is being handled."""
        self._say("error", event, args, {"exc_info": True, **values})

    def _say(
        self, level: str, event: str, args: tuple[Any, ...], values: Mapping[str, Any]
    ) -> None:
        _written(
            {"level": level, "logger": self._name, "event": event},
            args,
            {**_bound.get(), **self._values, **values},
        )


def get(name: str) -> Logger:
    """The logger of a room; may be had before `configure`."""
    return Logger(name, {})


def configure(*, json: bool, secrets: Iterable[str], stream: TextIO) -> None:
    """Send all events to *stream*, from now on and to nowhere else; may be called again.

    *secrets* never appear in a line, nor does what looks like a number, a code or a credential.
    """
    readable = structlog.dev.ConsoleRenderer(colors=stream.isatty())
    render: list[Processor] = [_as_json] if json else [_with_indented_traceback, readable]
    traces: list[Processor] = [
        structlog.processors.StackInfoRenderer(),
        structlog.processors.format_exc_info,
    ]
    last: list[Processor] = [
        Scrubber(secrets),
        _stamped,
        *render,
    ]
    formatter = ProcessorFormatter(
        foreign_pre_chain=[
            _with_bound,
            structlog.stdlib.add_log_level,
            structlog.stdlib.add_logger_name,
            structlog.stdlib.ExtraAdder(),
        ],
        processors=[ProcessorFormatter.remove_processors_meta, _in_order, *traces, *last],
    )
    handler = _Handler(stream)
    handler.setFormatter(formatter)
    _only(handler)
    # Our own events do not go by way of the standard library, which costs more than all the rest.
    global _written
    _written = _Writer(handler, traces, last).write


class _Writer:
    """Writes our own events, as *handler* does those of libraries; whole lines, one at a time.

    structlog's own way to the same processors takes as long as they do, so it is not gone.
    """

    def __init__(
        self, handler: _Handler, traces: Sequence[Processor], last: Sequence[Processor]
    ) -> None:
        self._handler = handler
        self._plain = (*last,)
        self._with_trace = (*traces, *last)

    def write(
        self, first: dict[str, Any], args: tuple[Any, ...], values: Mapping[str, Any]
    ) -> None:
        handler = self._handler
        try:
            if args:
                first["event"] %= args
            line: Any = {**first, **values, **first}
            with_trace = "exc_info" in values or "stack_info" in values
            for process in self._with_trace if with_trace else self._plain:
                line = process(None, first["level"], line)
            line = f"{line}{handler.terminator}"
            with handler.lock or nullcontext():
                handler.stream.write(line)
                handler.stream.flush()
        except Exception:
            handler.could_not()


def _unconfigured(first: dict[str, Any], args: tuple[Any, ...], values: Mapping[str, Any]) -> None:
    """Until it is known where to, nothing is written."""


_written: Callable[[dict[str, Any], tuple[Any, ...], Mapping[str, Any]], None] = _unconfigured


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
        self.could_not()

    def could_not(self) -> None:
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


def _stamped(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    # To have the time formatted takes five times as long.
    at = _seconds(None, "", {})["timestamp"]
    whole = int(at)
    stamp = f"{_second(whole)}.{int((at - whole) * 1000):03}Z"
    return {"timestamp": stamp, **event} | {"timestamp": stamp}


_seconds: Final = structlog.processors.TimeStamper(fmt=None, utc=True)


def _in_order(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    return {key: event[key] for key in _FIRST if key in event} | dict(event)


@lru_cache(maxsize=4)
def _second(whole: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(whole))


def _as_json(_: WrappedLogger, __: str, event: EventDict) -> str:
    return _encoded(event)


def _with_indented_traceback(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """No line of a traceback may be taken for an event: its text is not ours."""
    found: dict[str, Any] = dict(event)
    for key in ("exception", "stack"):
        if key in found:
            found[key] = "    " + str(found[key]).replace("\n", "\n    ")
    return found
