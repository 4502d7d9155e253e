"""OpenTelemetry: set up when an endpoint is configured; a trace goes on through facts and asks into other services."""

import asyncio
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING

from fastapi.telemetry import TelemetryConfig
from opentelemetry.context import Context
from opentelemetry.trace import SpanKind
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider

_propagator = TraceContextTextMapPropagator()
EXPORT_SECONDS = 2.0
_NOTHING: AbstractContextManager[object] = nullcontext()


class Traces:
    """The traces of one service, which may share its process with others: never OpenTelemetry's global provider."""

    def __init__(self, service: str, endpoint: str) -> None:
        """Export spans by OTLP over HTTP to the endpoint; without one nothing is started and nothing recorded."""
        self.provider = _exporting(service, endpoint) if endpoint else None
        self._tracer = self.provider.get_tracer("lotse") if self.provider else None

    def for_requests(self) -> TelemetryConfig:
        """What FastAPI is told: one span for each request; what the environment says of exporters does not count."""
        return {"tracing": self.provider is not None, "tracer_provider": self.provider, "metrics": False,
                "logs": False, "operation_spans": False, "auto_configure": False,
                "exclude": lambda scope: scope["path"].startswith(("/health/", "/metrics"))}

    def span(self, does: str, what: str, traceparent: str | None = None) -> AbstractContextManager[object]:
        """A span around what a service does with something (a subject, a kind of due work), behind its cause."""
        if self._tracer is None:
            return _NOTHING
        cause = _propagator.extract({"traceparent": traceparent} if traceparent else {}, Context())
        return self._tracer.start_as_current_span(
            f"{does} {what}", context=cause, kind=SpanKind.CONSUMER if traceparent else SpanKind.INTERNAL,
            record_exception=False)

    async def end(self) -> None:
        """Send what is still to be sent, but do not wait long for a collector that is away."""
        if self.provider:
            await asyncio.to_thread(self.provider.shutdown)


UNTRACED = Traces("", "")


def _exporting(service: str, endpoint: str) -> "TracerProvider":
    # Imported here: the SDK costs memory that an installation without traces should not pay.
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    from libs.common.spans import Discreet

    provider = TracerProvider(resource=Resource.create({"service.name": f"lotse-{service}"}))
    exporter = OTLPSpanExporter(endpoint=f"{endpoint.rstrip('/')}/v1/traces", timeout=EXPORT_SECONDS)
    provider.add_span_processor(BatchSpanProcessor(Discreet(exporter)))
    return provider


def current_trace() -> str | None:
    """The W3C traceparent of the current span, or None when nothing is recorded."""
    carrier: dict[str, str] = {}
    _propagator.inject(carrier)
    return carrier.get("traceparent")
