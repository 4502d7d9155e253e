"""How `lotse` ends when it cannot go on: one sentence, what to do about it, and an exit code."""

from enum import IntEnum


class Exit(IntEnum):
    """The exit codes of every command, as --help lists them (the numbers are those of sysexits.h)."""

    OK = 0
    FAILED = 1
    USAGE = 2
    UNAVAILABLE = 69
    CANNOT_CREATE = 73
    ALREADY_RUNNING = 75
    UNSAFE = 78


class CannotGoOn(Exception):
    """Something outside the program is in the way: told as a sentence, never as a traceback."""

    def __init__(self, sentence: str, advice: str = "", code: Exit = Exit.FAILED) -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.advice = advice
        self.code = code
