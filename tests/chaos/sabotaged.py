"""A service with a planted bug: python -m tests.chaos.sabotaged <bug> <service> serve."""

import runpy
import sys


def serve(bug: str, service: str) -> None:
    """Run the service as `python -m services.<service> serve` does, with this bug (none: empty) planted before."""
    if bug:
        from tests.chaos.bugs import BUGS

        BUGS[bug].plant()
    sys.argv = [f"services.{service}", "serve"]
    runpy.run_module(f"services.{service}", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    serve(sys.argv[1], sys.argv[2])
