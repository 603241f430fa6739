"""JSON logs on standard output, one object a line, with the request id."""

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import structlog
from structlog.typing import EventDict, FilteringBoundLogger, WrappedLogger

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
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelName(level.upper())),
        logger_factory=structlog.WriteLoggerFactory(sys.stdout),
        cache_logger_on_first_use=False,
    )


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
