"""The base of the tables of matching: a registry of its own, so that four services fit into one process."""

from sqlalchemy import MetaData
from sqlalchemy.orm import registry

from libs.common.columns import Kept
from libs.common.tables import NAMES


class Table(Kept, registry=registry(metadata=MetaData(naming_convention=NAMES))):
    """What every table of matching derives from."""


# Tables that hold only what others told: `rebuild` makes them anew.
COPIES = ("known_project", "rule_set", "attended_training", "known_offer")
