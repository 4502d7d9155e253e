"""What the image of events runs: python -m services.events serve|migrate|provision|rebuild|audit."""

from libs.common.auditing import auditing
from libs.common.command import run
from libs.common.rebuild import rebuilding
from services.events.app import create_app
from services.events.settings import Settings

if __name__ == "__main__":
    run("events", Settings, create_app, rebuild=rebuilding("events"), audit=auditing("events"))
