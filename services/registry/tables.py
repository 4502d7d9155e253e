"""The base of the tables of registry: a registry of its own, so that four services fit into one process."""

from sqlalchemy import MetaData
from sqlalchemy.orm import registry

from libs.common.columns import Kept
from libs.common.tables import NAMES


class Table(Kept, registry=registry(metadata=MetaData(naming_convention=NAMES))):
    """What every table of registry derives from."""
