"""What registry can be told from outside, beside what every service can."""

from libs.common.settings import CommonSettings


class Settings(CommonSettings):
    """The settings of registry."""
