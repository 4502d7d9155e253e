"""Contracts are text files that a reviewer reads in the diff; LOTSE_WRITE_CONTRACTS=1 writes them anew."""

import json
import os
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
WRITE = os.environ.get("LOTSE_WRITE_CONTRACTS") == "1"


def as_json(content: Any) -> str:
    """The content as JSON that changes only where its meaning changes."""
    return json.dumps(content, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def differs(place: Path, text: str, *, write: bool = WRITE) -> str:
    """In words how the file differs from the text, empty when it does not; when told to write it never does."""
    if write:
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text, encoding="utf-8")
    if not place.exists():
        return f"{place.name} is missing: run `just contracts` and read the diff"
    if place.read_text(encoding="utf-8") != text:
        return f"{place.name} is not what the code says: run `just contracts` and read the diff"
    return ""


def left_over(folder: Path, names: set[str], *, write: bool = WRITE) -> list[str]:
    """Files of the folder that stand for nothing any more; when told to write they are removed."""
    extra = sorted(path for path in folder.glob("*") if path.name not in names)
    if write:
        for path in extra:
            path.unlink()
        return []
    return [path.name for path in extra]
