"""One service alone, told by the environment what it needs, as in its image."""

from importlib import import_module

from pydantic import ValidationError

from deploy.local.exits import CannotGoOn, Exit
from deploy.local.service_settings import refused_settings
from libs.common.command import refuse_if_unsafe
from libs.common.facts import SERVICES
from libs.common.logs import set_up_logs
from libs.common.service import serve


def serve_one(service: str) -> None:
    """Run the service until it is told to stop; refused when there is no such service or settings are missing."""
    if service not in SERVICES:
        raise CannotGoOn(
            f"There is no service {service!r}.", f"Say one of {', '.join(SERVICES)}.", Exit.USAGE
        )
    try:
        settings = import_module(f"services.{service}.settings").Settings()
    except ValidationError as wrong:
        raise refused_settings(wrong) from None
    set_up_logs(as_json=settings.log_as_json, level=settings.log_level)
    refuse_if_unsafe(settings)
    serve(import_module(f"services.{service}.app").create_app(settings), settings)
