"""Prometheus: what operations watch of one service; a registry of its own, since four may share a process."""

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Gauge, Histogram, generate_latest

CONTENT_TYPE = CONTENT_TYPE_LATEST
BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10)


class Metrics:
    """Requests are counted as they pass; lags and waiting facts are read when they are asked for."""

    def __init__(self, service: str) -> None:
        """Make the registry and its metrics, labelled with the service."""
        self.registry = CollectorRegistry()
        self._service = service
        self._requests = Histogram(
            "lotse_requests_seconds", "Time of requests.", ["service", "method", "route", "status"],
            registry=self.registry, buckets=BUCKETS)
        self._gauges: dict[str, Gauge] = {}
        self.deliveries = Counter(
            "lotse_deliveries_total", "Deliveries by outcome.", ["service", "state"], registry=self.registry)

    def request(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count one request."""
        self._requests.labels(self._service, method, route, str(status)).observe(seconds)

    def set(self, name: str, help_text: str, value: float, **labels: str) -> None:
        """Set a gauge `lotse_<name>`."""
        if name not in self._gauges:
            self._gauges[name] = Gauge(f"lotse_{name}", help_text, ["service", *labels], registry=self.registry)
        self._gauges[name].labels(self._service, *labels.values()).set(value)

    def forget(self, name: str) -> None:
        """Show a gauge's values no more: this instance does not know them any longer."""
        if name in self._gauges:
            self._gauges[name].clear()

    def text(self) -> bytes:
        """All of it in the exposition format."""
        return generate_latest(self.registry)
