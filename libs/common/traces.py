"""OpenTelemetry: set up when an endpoint is configured; a trace goes on through facts into reactions."""

from opentelemetry import trace
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

_propagator = TraceContextTextMapPropagator()


def set_up_traces(service: str, endpoint: str) -> None:
    """Export spans by OTLP over HTTP to the endpoint; without one nothing is recorded."""
    if not endpoint:
        return
    # Imported here: the SDK costs memory that an installation without traces should not pay.
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    provider = TracerProvider(resource=Resource.create({"service.name": f"lotse-{service}"}))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=f"{endpoint.rstrip('/')}/v1/traces")))
    trace.set_tracer_provider(provider)


def current_trace() -> str | None:
    """The W3C traceparent of the current span, or None when nothing is recorded."""
    carrier: dict[str, str] = {}
    _propagator.inject(carrier)
    return carrier.get("traceparent")
