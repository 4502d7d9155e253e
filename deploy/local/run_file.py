"""What runs on a state folder, written down for `lotse status` and for whoever wants the addresses."""

from collections.abc import Mapping
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from deploy.local import ports
from deploy.local.cluster import Cluster
from deploy.local.leftovers import NATS, POSTGRES
from deploy.local.state import holder_of, read_json, write_json

_NAME = "run.json"


def describe_run(state: Path, cluster: Cluster, *, network: str, urls: Mapping[str, str]) -> None:
    """Write down that this network runs, and where."""
    write_json(
        state / _NAME,
        {
            "network": network,
            "version": version("lotsennetz"),
            "since": datetime.now(UTC).isoformat(timespec="seconds"),
            "services": {service: {"url": url, "docs": f"{url}/docs"} for service, url in urls.items()},
            "servers": {
                POSTGRES: {
                    "address": f"{ports.HOST}:{cluster.postgres_port}",
                    "version": cluster.versions[POSTGRES],
                },
                NATS: {
                    "address": cluster.nats_url,
                    "monitoring": cluster.monitoring_url,
                    "version": cluster.versions[NATS],
                },
            },
        },
    )


def add_to_run(state: Path, **told: Any) -> None:
    """Add something to what `lotse status --json` tells, such as a demonstration's keys."""
    write_json(state / _NAME, {**(read_json(state / _NAME) or {}), **told})


def clear_run(state: Path) -> None:
    """Take it away: nothing is ready yet, or nothing runs any more."""
    (state / _NAME).unlink(missing_ok=True)


def read_run(state: Path) -> dict[str, Any] | None:
    """What runs on this state folder, with the servers' pids of this moment; None when nothing is ready there."""
    holder = holder_of(state)
    told: dict[str, Any] | None = read_json(state / _NAME)
    if holder is None or told is None:
        return None
    processes = read_json(state / "servers.json") or {}
    for name, server in told["servers"].items():
        server["pid"] = processes.get(name, {}).get("pid")
    return {"pid": holder.pid, "state": str(state), **told}
