"""What the image of notify runs: python -m services.notify serve|migrate|provision|rebuild|audit."""

from libs.common.auditing import auditing
from libs.common.command import run
from libs.common.rebuild import rebuilding
from services.notify.app import create_app
from services.notify.settings import Settings

if __name__ == "__main__":
    run("notify", Settings, create_app, rebuild=rebuilding("notify"), audit=auditing("notify"))
