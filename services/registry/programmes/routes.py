"""The HTTP door of programmes: enter one, and say which rules hold from a day on."""

from datetime import date
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Path, Response
from pydantic import BaseModel, Field, field_validator
from sqlmodel import col, select

from libs.common.bodies import Body, Line
from libs.common.codes.lists import ResidenceStatus
from libs.common.codes.sorting import sort_key
from libs.common.codes.types import Ags, Code
from libs.common.db import OpenTransaction, get_or_refuse
from libs.common.dependencies import Creation, Expected, Page, PageOf, Transaction, page, tag
from libs.common.outbox import announce
from services.registry.grants.model import refuse_outside
from services.registry.partners.queries import known_partner
from services.registry.programmes.model import Chooser, Programme, RuleSet
from services.registry.programmes.queries import known_programme, rule_sets_of
from services.registry.programmes.rules import make_room, rules_fact

router = APIRouter(prefix="/programmes", tags=["programmes"])
Months = Annotated[int, Field(ge=0, le=120)]
Members = Annotated[int, Field(ge=0, le=100)]
ValidFrom = Annotated[date, Path(description="The first day on which the rule set holds.", examples=["2023-01-01"])]


class ProgrammeFields(Body):
    """What may be changed of a programme; contact_line is whom participants may call."""

    name: Line = Field(examples=["NesT - Neustart im Team"])
    carrier_id: UUID | None = Field(None, description="The partner that carries it.")
    contact_line: Line | None = Field(None, examples=["Montag bis Freitag, 9 bis 16 Uhr, 0391 555 0100"])


class ProgrammeIn(ProgrammeFields):
    """A programme. code is how rules and checklists name it, for good."""

    code: Code = Field(examples=["nest"])
    region: Ags | None = Field(None, description="Where it is administered; required of a coordinator.")


class TrainingIn(Body):
    """A training, and how many members of a group must have attended it."""

    training_code: Code = Field(examples=["basic_training"])
    members: Members = Field(examples=[2])


class RuleSetIn(Body):
    """What the programme demands; checkin_days are days after the tandem's start."""

    valid_until: date | None = Field(None, description="The last day; none: until further notice.")
    min_members: Members = Field(examples=[4])
    main_contacts: Members = Field(1, examples=[1])
    rent_months: Months = Field(0, examples=[12], description="For how long the rent must be secured.")
    support_months: Months = Field(12, examples=[12])
    trial_days: int = Field(28, ge=0, le=365, examples=[28])
    checkin_days: list[Annotated[int, Field(ge=1, le=3650)]] = Field(
        default=[28, 182, 365], max_length=20, examples=[[28, 182, 365]])
    required_trainings: list[TrainingIn] = Field(default=[], max_length=20, description=(
        "Trainings that so many members of a group must have attended, and (unless it is 0) each mentor who is alone."))
    required_documents: list[Code] = Field(default=[], max_length=20, examples=[["support_plan"]])
    required_records: Members = Field(0, examples=[4], description=(
        "How many members' criminal-record certificates must have been seen."))
    chooser: Chooser = Field(examples=["coordinator"])
    statutory_status: ResidenceStatus | None = Field(None, examples=["resettlement"])

    @field_validator("checkin_days")
    @classmethod
    def _in_order(cls, days: list[int]) -> list[int]:
        return sorted(set(days))


class RuleSetOut(BaseModel):
    """A rule set, with the first and the last day on which it holds."""

    valid_from: date
    valid_until: date | None
    min_members: int
    main_contacts: int
    rent_months: int
    support_months: int
    trial_days: int
    checkin_days: list[int]
    required_trainings: list[TrainingIn]
    required_documents: list[str]
    required_records: int
    chooser: Chooser
    statutory_status: ResidenceStatus | None


class ProgrammeOut(BaseModel):
    """A programme with its rule sets, the earliest first."""

    id: UUID
    version: int
    name: str
    code: str
    carrier_id: UUID | None
    contact_line: str | None
    region: str | None
    rule_sets: list[RuleSetOut]

    @classmethod
    def of(cls, programme: Programme, rule_sets: list[RuleSet]) -> "ProgrammeOut":
        """The answer's form of a programme."""
        shown = [RuleSetOut.model_validate(rules, from_attributes=True) for rules in rule_sets]
        return cls(**programme.model_dump(), rule_sets=shown)


@router.post("", status_code=201)
async def enter_programme(
    body: ProgrammeIn, transaction: Transaction, once: Creation, response: Response,
) -> ProgrammeOut:
    """Enter a programme; its rules are set afterwards. A coordinator's is administered in the own region."""
    if once.repeated:
        return await _shown(transaction, await get_or_refuse(transaction, Programme, once.id), response)
    refuse_outside(transaction.caller.scope, body.region)
    await _check_carrier(transaction, body)
    programme = Programme(id=once.id, sort_key=sort_key(body.name), **body.model_dump())
    transaction.add(programme)
    await transaction.flush()
    return await _shown(transaction, programme, response)


@router.get("")
async def list_programmes(transaction: Transaction, paging: PageOf) -> Page[ProgrammeOut]:
    """The programmes of the network, by name."""
    rows, following = await page(transaction, select(Programme), paging, col(Programme.sort_key), col(Programme.id))
    rules = await rule_sets_of(transaction, [row.id for row in rows])
    return Page(items=[ProgrammeOut.of(row, rules.get(row.id, [])) for row in rows], next=following)


@router.get("/{programme_id}")
async def read_programme(programme_id: UUID, transaction: Transaction, response: Response) -> ProgrammeOut:
    """One programme, with all its rule sets."""
    programme = await known_programme(transaction, programme_id)
    return await _shown(transaction, programme, response)


@router.put("/{programme_id}")
async def change_programme(
    programme_id: UUID, body: ProgrammeFields, transaction: Transaction, expected: Expected, response: Response,
) -> ProgrammeOut:
    """Change name, carrier or contact line."""
    programme = await get_or_refuse(transaction, Programme, programme_id, version=expected, lock=True)
    await _check_carrier(transaction, body)
    programme.sqlmodel_update(body.model_dump() | {"sort_key": sort_key(body.name)})
    await transaction.flush()
    return await _shown(transaction, programme, response)


@router.put("/{programme_id}/rule_sets/{valid_from}")
async def set_rules(
    programme_id: UUID, valid_from: ValidFrom, body: RuleSetIn, transaction: Transaction, expected: Expected,
    response: Response,
) -> ProgrammeOut:
    """Say which rules hold from this day on; all services are told. A rule set that held until further notice ends.

    The rule set with this first day, if there is one, is replaced.
    """
    programme = await get_or_refuse(transaction, Programme, programme_id, version=expected, lock=True)
    there = (await rule_sets_of(transaction, [programme.id]))[programme.id]
    rules = next((one for one in there if one.valid_from == valid_from), None) or RuleSet(
        programme_id=programme.id, region=programme.region, valid_from=valid_from)
    fields = body.model_dump(mode="json") | {"valid_until": body.valid_until, "chooser": body.chooser}
    rules.sqlmodel_update(fields)
    rules.refuse_backwards()
    changed = [*make_room([one for one in there if one is not rules], rules), rules]
    transaction.add(rules)
    programme.rules_changed_at = transaction.clock.now()
    for one in changed:
        announce(transaction, rules_fact(programme, one))
    await transaction.flush()
    return await _shown(transaction, programme, response)


async def _check_carrier(transaction: OpenTransaction, body: ProgrammeFields) -> None:
    if body.carrier_id:
        await known_partner(transaction, body.carrier_id, field="carrier_id")


async def _shown(transaction: OpenTransaction, programme: Programme, response: Response) -> ProgrammeOut:
    tag(response, programme.version)
    return ProgrammeOut.of(programme, (await rule_sets_of(transaction, [programme.id])).get(programme.id, []))
