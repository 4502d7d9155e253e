"""What the image of matching runs: python -m services.matching serve|migrate|provision|rebuild|audit."""

from libs.common.auditing import auditing
from libs.common.command import run
from libs.common.rebuild import rebuilding
from services.matching.app import create_app
from services.matching.settings import Settings

if __name__ == "__main__":
    run("matching", Settings, create_app, rebuild=rebuilding("matching"), audit=auditing("matching"))
