"""What is advised of options, in codes that a service without NumPy reads too; the sentences are in `reasons.toml`."""

from enum import StrEnum
from typing import Final

# Beside the hard codes: somebody was found for a household, but a side changed while the run computed.
CHANGED_MEANWHILE: Final = "changed_meanwhile"


class Advice(StrEnum):
    """What speaks for proposing the best option now; the people decide; of who has somebody already nothing is."""

    PROPOSE = "propose"
    ONLY_OPTION = "only_option"
    WAIT = "waiting_is_likely_better"
    NOBODY = "nobody"
    PROPOSED = "already_proposed"
    ACCOMPANIED = "already_accompanied"


class Failed(StrEnum):
    """Why a run could not be computed; the last three say something about the machine, and not about the pool."""

    NOT_TO_BE_PINNED = "not_to_be_pinned"
    NOT_COMPUTABLE = "not_computable"
    WORKER_ENDED = "worker_ended"
    NEVER_FINISHED = "never_finished"
    NO_ROOM = "no_room"


class Scarcity(StrEnum):
    """How much those who are yet to come will need this place."""

    PLENTY = "plenty"
    SOUGHT = "sought"
    SCARCE = "scarce"
