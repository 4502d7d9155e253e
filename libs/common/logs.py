"""Logs: structlog, JSON lines with the correlation id, never a value that a person wrote."""

import logging
import sys
from contextvars import ContextVar
from typing import Any

import structlog
from uuid_utils.compat import uuid7

correlation: ContextVar[str] = ContextVar("correlation", default="")


def current_correlation() -> str:
    """The id that connects a request with all facts and reactions that follow from it; made when there is none."""
    if not correlation.get():
        correlation.set(str(uuid7()))
    return correlation.get()


def _with_correlation(_logger: object, _method: str, entry: dict[str, Any]) -> dict[str, Any]:
    if correlation.get():
        entry.setdefault("correlation", correlation.get())
    return entry


def _without_values(_logger: object, _method: str, entry: dict[str, Any]) -> dict[str, Any]:
    """Replace an exception by its kind and places: its message may quote a row or a request."""
    raised = entry.pop("exc_info", None)
    raised = sys.exc_info()[1] if raised is True else raised
    raised = raised[1] if isinstance(raised, tuple) else raised
    if isinstance(raised, BaseException):
        entry["raised"] = describe(raised)
    return entry


def describe(raised: BaseException) -> str:
    """An exception as `Kind at file:line < file:line`, without its message and without any local value."""
    places, ours = [], []
    trace = raised.__traceback__
    while trace:
        code = trace.tb_frame.f_code
        places.append(f"{'/'.join(code.co_filename.rsplit('/', 3)[1:])}:{trace.tb_lineno} {code.co_name}")
        ours += [] if "site-packages" in code.co_filename else places[-1:]
        trace = trace.tb_next
    inner = "".join(f"; {describe(one)}" for one in getattr(raised, "exceptions", ())[:3])
    # Where it was raised, and the way there through what is ours: a library's depths tell nobody anything.
    way = dict.fromkeys([*places[:-3:-1], *ours[:-6:-1]])
    return f"{type(raised).__name__} at {' < '.join(way)}{inner}"


def set_up_logs(*, as_json: bool = True, level: str = "info") -> None:
    """Configure structlog and route the standard library's loggers of servers and clients through it."""
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _with_correlation,
        _without_values,
    ]
    renderer: Any = structlog.processors.JSONRenderer() if as_json else structlog.dev.ConsoleRenderer()
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(structlog.stdlib.ProcessorFormatter(
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        foreign_pre_chain=[*shared],
    ))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for noisy in ("uvicorn.access", "nats", "faststream", "alembic", "httpx"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
