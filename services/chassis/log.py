"""JSON logs on standard output, one object a line, with the request id and without secrets."""

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType

import structlog
from structlog.typing import EventDict, FilteringBoundLogger, WrappedLogger

from services.chassis.redact import redacted_value
from services.chassis.request_id import request_id


def configure(service: str, level: str) -> None:
    """Sets up logging of this process; `level` is debug, info, warning or error."""

    def add_origin(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
        event["service"] = service
        if current := request_id.get():
            event["request_id"] = current
        return event

    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            add_origin,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            _without_secrets,
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelName(level.upper())),
        logger_factory=structlog.WriteLoggerFactory(sys.stdout),
        cache_logger_on_first_use=False,
    )


def capture() -> None:
    """From now on, what libraries log and what ends the process is written the same way."""
    logging.basicConfig(handlers=[_Forwarded()], level=logging.WARNING, force=True)
    sys.excepthook = _uncaught


def _without_secrets(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    return {name: redacted_value(name, value) for name, value in event.items()}


class _Forwarded(logging.Handler):
    """Hands on what libraries log."""

    def emit(self, record: logging.LogRecord) -> None:
        get_logger(record.name).log(
            record.levelno, record.getMessage(), exc_info=record.exc_info or None
        )


def _uncaught(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    get_logger("process").critical("uncaught", exc_info=(kind, error, trace))


@contextmanager
def only(level: str) -> Iterator[None]:
    """Within it, lower levels are not logged: for commands that speak to people themselves."""
    before = structlog.get_config()
    number = logging.getLevelName(level.upper())
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(number))
    try:
        yield
    finally:
        structlog.configure(**before)


def get_logger(name: str) -> FilteringBoundLogger:
    """A logger; `name` says which part of the service speaks."""
    logger: FilteringBoundLogger = structlog.get_logger(part=name)
    return logger
