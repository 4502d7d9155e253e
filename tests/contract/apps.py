"""The four apps as they are put together in production, with settings that lead nowhere."""

import base64
import logging
from functools import cache
from importlib import import_module
from typing import Any

import structlog
from fastapi import FastAPI

SERVICES = ("registry", "events", "matching", "notify")
NOWHERE = {
    "network": "contract",
    "database_url": "postgresql://nobody@127.0.0.1:9/nothing",
    "nats_url": "nats://127.0.0.1:9",
    "public_url": "https://contract.example.org",
    "master_key": base64.b64encode(bytes(32)).decode(),
    "installation_secret": base64.b64encode(bytes(32)).decode(),
}


@cache
def app_of(service: str) -> FastAPI:
    """The service's app; nothing is connected, and the logs of the tests stay as they were."""
    root = logging.getLogger()
    handlers, level, processors = root.handlers[:], root.level, structlog.get_config()
    try:
        settings = import_module(f"services.{service}.settings").Settings(**NOWHERE)
        app: FastAPI = import_module(f"services.{service}.app").create_app(settings)
    finally:
        root.handlers[:] = handlers
        root.setLevel(level)
        structlog.configure(**processors)
    return app


def operations_of(app: FastAPI) -> dict[str, tuple[str, str, dict[str, Any]]]:
    """The app's operations by id: method, path, and what the OpenAPI document says of it."""
    return {
        operation["operationId"]: (method.upper(), path, operation)
        for path, methods in app.openapi().get("paths", {}).items() for method, operation in methods.items()
    }
