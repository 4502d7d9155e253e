"""What the image of registry runs: python -m services.registry serve|migrate|provision."""

from libs.common.command import run
from services.registry.app import create_app
from services.registry.settings import Settings

if __name__ == "__main__":
    run("registry", Settings, create_app)
