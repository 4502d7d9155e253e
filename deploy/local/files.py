"""The files that a command is given or asked for; what cannot be read or written is told in a sentence."""

from collections.abc import Iterable
from pathlib import Path

from deploy.local.exits import CannotGoOn, Exit
from deploy.local.showing import out

#: Standard input or standard output.
STANDARD = Path("-")


def read_text(file: Path) -> str:
    """The text of a file without the mark that some programs begin it with, or CannotGoOn."""
    try:
        with open(0 if file == STANDARD else file, encoding="utf-8", closefd=file != STANDARD) as opened:
            return opened.read().removeprefix("\ufeff")
    except OSError as raised:
        raise CannotGoOn(f"{file} cannot be read: {raised.strerror}.", code=Exit.USAGE) from raised
    except UnicodeDecodeError as raised:
        raise CannotGoOn(f"{file} is not UTF-8 (byte {raised.start}).", code=Exit.USAGE) from raised


def write_text(file: Path, text: str) -> None:
    """Write a text that ends with a newline into a file, or CannotGoOn."""
    write_parts(file, [text])


def write_parts(file: Path, parts: Iterable[str]) -> None:
    """The same of a text in parts, which would take much memory as a whole."""
    if file == STANDARD:
        out.file.writelines(parts)
        out.file.write("\n")
        return
    try:
        with file.open("w", encoding="utf-8") as opened:
            opened.writelines(parts)
            opened.write("\n")
    except OSError as raised:
        raise CannotGoOn(f"{file} cannot be written: {raised.strerror}.", code=Exit.CANNOT_CREATE) from raised
