"""Named points at which a fault test may end the process: LOTSE_FAILPOINT=name:probability, off by default."""

import os
import random
import signal


def failpoint(name: str) -> None:
    """Die here as by kill -9, when the environment names this point, with its probability."""
    armed = os.environ.get("LOTSE_FAILPOINT", "")
    if not armed:
        return
    point, _, probability = armed.partition(":")
    if point == name and random.random() < float(probability or 1):  # noqa: S311 - chance, not a secret
        os.kill(os.getpid(), signal.SIGKILL)
