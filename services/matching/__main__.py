"""What the image of matching runs: python -m services.matching serve|migrate|provision."""

from libs.common.command import run
from services.matching.app import create_app
from services.matching.settings import Settings

if __name__ == "__main__":
    run("matching", Settings, create_app)
