"""Reads the templates from their files: a folder for each key, a file for each language."""

import hashlib
import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from sqlalchemy import func, select
from sqlmodel import col

from libs.common.codes.languages import normalised
from libs.common.db import OpenTransaction
from libs.common.facts.question import Addressee
from services.notify.deliveries.model import Delivery, DeliveryState
from services.notify.deliveries.queries import inside
from services.notify.templates.model import Button, Catalogue, Example, GapKind, Layout, Template

HERE = Path(__file__).parent
LAYOUT, EXAMPLE = "layout", "example.toml"
VERSION_SIGNS = 12


@cache
def catalogue(folder: Path = HERE) -> Catalogue:
    """The templates below this folder, read once."""
    keys = sorted(path.name for path in folder.iterdir() if (path / EXAMPLE).exists())
    return Catalogue(
        templates={key: _templates(folder / key) for key in keys},
        examples={key: _example(folder / key / EXAMPLE) for key in keys},
        layouts={path.stem: Layout(path.stem, **_toml(path)) for path in sorted((folder / LAYOUT).glob("*.toml"))},
        page=(folder / LAYOUT / "page.html").read_text(encoding="utf-8"),
    )


async def gaps_met(transaction: OpenTransaction) -> Mapping[tuple[str, str, str, str], int]:
    """How many deliveries of the caller's scope died of a gap: by template, language, kind, and what was missing."""
    of_gap = (col(Delivery.template), col(Delivery.language), col(Delivery.reason), col(Delivery.missing))
    kinds = [GapKind.MISSING_VARIABLE.value, GapKind.MISSING_LANGUAGE.value]
    rows = await transaction.execute(
        select(*of_gap, func.count()).where(inside(transaction.caller.scope))
        .where(col(Delivery.state) == DeliveryState.DEAD, col(Delivery.reason).in_(kinds)).group_by(*of_gap))
    return {(template, language or "", str(reason), missing or ""): count
            for template, language, reason, missing, count in rows}


def _templates(folder: Path) -> dict[str, Template]:
    files = (path for path in sorted(folder.glob("*.toml")) if path.name != EXAMPLE)
    return {(one := _template(folder.name, path)).language: one for path in files}


def _template(key: str, path: Path) -> Template:
    content = _toml(path)
    return Template(
        key=key, language=normalised(path.stem), version=hashlib.sha256(path.read_bytes()).hexdigest()[:VERSION_SIGNS],
        subject=content["subject"], paragraphs=tuple(content["paragraphs"]),
        buttons=tuple(Button(**button) for button in content.get("buttons", ())),
        machine_translated=content.get("machine_translated", False),
    )


def _example(path: Path) -> Example:
    content = _toml(path)
    optional, moot_without = (frozenset(content.pop(name, ())) for name in ("optional", "moot_without"))
    return Example(Addressee(name="Mira Beispiel", email="mira@example.org", **content), optional, moot_without)


def _toml(path: Path) -> dict[str, Any]:
    return tomllib.loads(path.read_text(encoding="utf-8"))
