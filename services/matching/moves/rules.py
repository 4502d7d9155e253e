"""How a move is written in requests."""

from pydantic import Field

from libs.common.bodies import Body
from libs.common.codes.types import Postcode
from services.matching.profiles.rules import LocalAgs


class MovingIn(Body):
    """Where somebody lives, or accompanies others, from now on."""

    region: LocalAgs = Field(examples=["15087"])
    postcode: Postcode | None = Field(None, examples=["06295"], description="Left out: only the region is known.")
