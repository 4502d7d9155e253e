"""Where the files lie that the shape tests read."""

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SERVICES = ("registry", "events", "matching", "notify")
SOURCE = ("services", "libs", "deploy")
WITH_TESTS = (*SOURCE, "tests", "benchmarks")


def files_in(root: Path, *folders: str) -> Iterator[Path]:
    """Every file under these folders of the tree, but for what Python and editors leave behind."""
    for folder in folders:
        for path in sorted((root / folder).rglob("*")):
            parts = path.relative_to(root).parts
            if path.is_file() and not any(part.startswith((".", "__pycache__")) for part in parts):
                yield path


def python_in(root: Path, *folders: str) -> Iterator[Path]:
    """Every Python file under these folders of the tree."""
    return (path for path in files_in(root, *folders) if path.suffix == ".py")


def parsed(path: Path) -> ast.Module:
    """The file's syntax tree."""
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


def plant(root: Path, files: dict[str, str]) -> Path:
    """Write these files, by their path in the tree; returns the tree's root."""
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return root
