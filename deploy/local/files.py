"""The files that a command is given or asked for; what cannot be read or written is told in a sentence."""

import sys
from pathlib import Path

from deploy.local.exits import CannotGoOn, Exit
from deploy.local.showing import out

#: Standard input or standard output.
STANDARD = Path("-")


def read_text(file: Path) -> str:
    """The text of a file, or CannotGoOn."""
    try:
        return sys.stdin.read() if file == STANDARD else file.read_text(encoding="utf-8")
    except OSError as raised:
        raise CannotGoOn(f"{file} cannot be read: {raised.strerror}.", code=Exit.USAGE) from raised
    except UnicodeDecodeError as raised:
        raise CannotGoOn(f"{file} is not UTF-8 (byte {raised.start}).", code=Exit.USAGE) from raised


def write_text(file: Path, text: str) -> None:
    """Write a text that ends with a newline into a file, or CannotGoOn."""
    if file == STANDARD:
        out.file.write(text + "\n")
        return
    try:
        file.write_text(text + "\n", encoding="utf-8")
    except OSError as raised:
        raise CannotGoOn(f"{file} cannot be written: {raised.strerror}.", code=Exit.CANNOT_CREATE) from raised
