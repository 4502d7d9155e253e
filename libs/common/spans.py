"""What of a span leaves the house: what is named here, so never a token, a query or anything that a person sent."""

from collections.abc import Sequence

from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
from opentelemetry.trace import SpanContext, Status

# Not server.address, which is the sender's Host header, nor http.request.method_original.
MAY_LEAVE = frozenset({
    "http.request.method", "http.response.status_code", "http.route", "error.type", "url.scheme",
    "network.protocol.version", "code.function.name",
})


class Discreet(SpanExporter):
    """Hands spans on without their events, messages and foreign state; the path is the route's template."""

    def __init__(self, exporter: SpanExporter) -> None:
        """exporter: who really sends them."""
        self._exporter = exporter

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Send what may leave."""
        return self._exporter.export([_discreet(span) for span in spans])

    def shutdown(self) -> None:
        """Send nothing more."""
        self._exporter.shutdown()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Wait until all is sent, at most that long; returns whether it is."""
        return self._exporter.force_flush(timeout_millis)


def _discreet(span: ReadableSpan) -> ReadableSpan:
    attributes = {name: value for name, value in (span.attributes or {}).items() if name in MAY_LEAVE}
    if "http.route" in attributes:
        attributes["url.path"] = attributes["http.route"]
    return ReadableSpan(
        span.name, context=_without_state(span.context), parent=_without_state(span.parent), resource=span.resource,
        attributes=attributes, kind=span.kind, status=Status(span.status.status_code), start_time=span.start_time,
        end_time=span.end_time, instrumentation_scope=span.instrumentation_scope)


def _without_state(context: SpanContext | None) -> SpanContext | None:
    """The ids alone: `tracestate` is text of whoever sent the request."""
    return context and SpanContext(context.trace_id, context.span_id, context.is_remote, context.trace_flags)
