"""The HTTP door of templates: what there is, what is missing, and how one reads."""

from typing import Annotated

from fastapi import APIRouter, Path, Query
from pydantic import BaseModel

from libs.common.codes.languages import Direction, direction
from libs.common.codes.types import Code, LanguageTag
from libs.common.dependencies import Transaction
from services.notify.templates.model import GapKind, Template
from services.notify.templates.queries import catalogue, gaps_met
from services.notify.templates.rules import Footer, gaps, render

router = APIRouter(prefix="/templates", tags=["templates"])
KeyOf = Annotated[Code, Path(description="The template's key.", examples=["offer_new"])]
EXAMPLE_FOOTER = Footer("https://notify.example.org/preferences", "https://notify.example.org/unsubscribe")


class TemplateOut(BaseModel):
    """A template in one language; version is a hash of its text. A machine's translation wants a speaker's eye."""

    key: Code
    language: LanguageTag
    version: str
    machine_translated: bool

    @classmethod
    def of(cls, template: Template) -> "TemplateOut":
        """The answer's form of a template."""
        return cls(key=template.key, language=template.language, version=template.version,
                   machine_translated=template.machine_translated)


class GapOut(BaseModel):
    """What is missing: name is the language or the variable; deliveries, how many have died of it."""

    template: Code
    language: str
    kind: GapKind
    name: str
    deliveries: int = 0


class PreviewOut(BaseModel):
    """A notification as it would read, with example values."""

    key: Code
    version: str
    language: LanguageTag
    direction: Direction
    subject: str
    text: str
    html: str


@router.get("")
async def list_templates(transaction: Transaction) -> list[TemplateOut]:  # noqa: ARG001 - checks who is calling
    """Operations and coordinators see every template in every language it is written in."""
    return [TemplateOut.of(one) for there in catalogue().templates.values() for one in there.values()]


@router.get("/gaps")
async def list_gaps(transaction: Transaction) -> list[GapOut]:
    """Operations and coordinators see which texts are missing, and which variables an owner did not give."""
    met = await gaps_met(transaction)
    found = {(key, language, kind.value, name): 0 for key, language, kind, name in gaps(catalogue())} | dict(met)
    return [GapOut(template=key, language=language, kind=GapKind(kind), name=name, deliveries=count)
            for (key, language, kind, name), count in sorted(found.items())]


@router.get("/{key}/preview")
async def preview_template(
    key: KeyOf, transaction: Transaction,  # noqa: ARG001 - checks who is calling
    language: Annotated[LanguageTag, Query(description="Falls back as it would for a recipient.")] = "de",
) -> PreviewOut:
    """Operations and coordinators see how a notification reads in a language, with example values."""
    templates = catalogue()
    shown = render(templates, key, templates.example(key).words, [language], EXAMPLE_FOOTER)
    return PreviewOut(key=key, version=shown.template.version, language=shown.language,
                      direction=direction(shown.language), subject=shown.subject, text=shown.text, html=shown.html)
