"""An indicator: what is to be reached by when, and which facts count for it; and the facts that were counted."""

from datetime import date, datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from libs.common.columns import code, codes, moment, plain, secret, texts
from libs.common.refusals import Invalid
from services.registry.projects.model import Project
from services.registry.tables import Table


class Metric(StrEnum):
    """How is counted.

    attendances: everyone each time; distinct_persons: each person once; distinct_subjects: each person, group or
    tandem once; records: how often it happened; meeting_minutes: how long the meetings of tandems took together;
    counselling_minutes: how long counselling took.
    """

    ATTENDANCES = "attendances"
    DISTINCT_PERSONS = "distinct_persons"
    DISTINCT_SUBJECTS = "distinct_subjects"
    RECORDS = "records"
    MEETING_MINUTES = "meeting_minutes"
    COUNSELLING_MINUTES = "counselling_minutes"


class Counted(StrEnum):
    """What a counted fact tells of. A tally belongs to the attendances, a correction to what it strikes out."""

    ATTENDANCE = "attendance"
    TALLY = "tally"
    CORRECTION = "correction"
    EVENT_HELD = "event_held"
    CONSULTATION = "consultation"
    TANDEM_STARTED = "tandem_started"
    TANDEM_COMPLETED = "tandem_completed"
    MEETING = "meeting"
    COUNSELLING_CONTACT = "counselling_contact"
    COUNSELLING_CASE_OPENED = "counselling_case_opened"
    COUNSELLING_CASE_CLOSED = "counselling_case_closed"
    REFERRAL_SENT = "referral_sent"
    REFERRAL_ACCEPTED = "referral_accepted"
    REFERRAL_DECLINED = "referral_declined"
    REFERRAL_DONE = "referral_done"
    # A funder asks for newsletters; nobody announces one yet, so their figure is 0.
    NEWSLETTER = "newsletter"


class IndicatorState(StrEnum):
    """How it stands, computed each time it is asked."""

    ON_TRACK = "on_track"
    BEHIND = "behind"
    REACHED = "reached"
    MISSED = "missed"


AT_EVENTS = frozenset({Counted.ATTENDANCE, Counted.EVENT_HELD})
TANDEMS = frozenset({Counted.TANDEM_STARTED, Counted.TANDEM_COMPLETED, Counted.MEETING})
# What is told of no project: it counts for those that its partner carries.
OF_CARRIER = frozenset({
    Counted.COUNSELLING_CONTACT, Counted.COUNSELLING_CASE_OPENED, Counted.COUNSELLING_CASE_CLOSED,
    Counted.REFERRAL_SENT, Counted.REFERRAL_ACCEPTED, Counted.REFERRAL_DECLINED, Counted.REFERRAL_DONE,
})
# What is kept by its partner: those, and what strikes them out.
BY_PARTNER = OF_CARRIER | {Counted.CORRECTION}
# Of the answers to a referral the last one holds.
ANSWERS = frozenset({Counted.REFERRAL_ACCEPTED, Counted.REFERRAL_DECLINED})
COUNTABLE: dict[Metric, frozenset[Counted]] = {
    Metric.ATTENDANCES: frozenset({Counted.ATTENDANCE}),
    Metric.DISTINCT_PERSONS: frozenset({Counted.ATTENDANCE, Counted.CONSULTATION}),
    Metric.DISTINCT_SUBJECTS: TANDEMS | {Counted.ATTENDANCE, Counted.CONSULTATION},
    Metric.RECORDS: TANDEMS | OF_CARRIER | {Counted.EVENT_HELD, Counted.CONSULTATION, Counted.NEWSLETTER},
    Metric.MEETING_MINUTES: frozenset({Counted.MEETING}),
    Metric.COUNSELLING_MINUTES: frozenset({Counted.COUNSELLING_CONTACT}),
}
# What is counted by adding up the facts' values.
SUMMED = frozenset({Metric.ATTENDANCES, Metric.MEETING_MINUTES, Metric.COUNSELLING_MINUTES})
# What a correction can strike out, as if it had not happened.
STRIKABLE = frozenset({
    Counted.ATTENDANCE, Counted.MEETING, Counted.COUNSELLING_CONTACT, Counted.COUNSELLING_CASE_CLOSED})


class Indicator(Table, table=True):
    """What a project is to reach by a deadline. Empty lists of the filter mean: all of them.

    min_per_event, min_rural_regions: only events count at which at least so many people were, from so many rural
    districts. partner_id: the project's carrier.
    """

    project_id: UUID = plain(index=True, foreign_key="project.id")
    partner_id: UUID = plain()
    region: str | None = plain(None)
    label: dict[str, Any] = texts()
    metric: Metric = code(Metric)
    facts: list[str] = codes()
    event_kinds: list[str] = codes()
    training_code: str | None = plain(None)
    regions: list[str] = codes()
    rural_only: bool = plain(default=False)
    min_per_event: int | None = plain(None)
    min_rural_regions: int | None = plain(None)
    target: int = plain()
    deadline: date = plain()
    reached_at: datetime | None = moment(None)
    at_risk_at: datetime | None = moment(None)

    @property
    def kinds(self) -> frozenset[Counted]:
        """The facts that it counts."""
        return frozenset(map(Counted, self.facts))

    @property
    def has_condition(self) -> bool:
        """Whether only events count at which enough people were."""
        return bool(self.min_per_event or self.min_rural_regions)

    def check(self, project: Project) -> None:
        """What cannot be counted so, or not in the project's term, is refused."""
        if not self.kinds <= COUNTABLE[self.metric]:
            raise Invalid("metric-facts", "{metric} can be counted of: {countable}.", field="filter.facts",
                          metric=self.metric, countable=sorted(COUNTABLE[self.metric]))
        if (self.event_kinds or self.has_condition) and not self.kinds <= AT_EVENTS:
            raise Invalid("filter-events-only", "Kinds of event and a condition are for attendances and events held.",
                          field="filter.facts")
        if self.training_code and self.kinds != {Counted.ATTENDANCE}:
            raise Invalid("filter-training-only", "A training's code is for attendances.", field="filter.training_code")
        if not project.starts <= self.deadline <= project.ends:
            raise Invalid("deadline-outside", "The deadline lies outside the project's term.", field="deadline")


class CountedFact(Table, table=True):
    """What the registry remembers of a fact of a project, so that any figure can be computed again; id is the fact's.

    A fact that moves something of a tandem to another project is remembered of both, of the former one with the value 0
    and an id that follows from its own.
    Of counselling and referrals it is a fact of a partner, and of the projects that this carries; project_id is None.
    occurred_on: the day on which it happened; told_at, number: when it was announced, and as which of its speaker.
    source_id: the attendance, event, consultation, tandem, meeting, contact, case or referral. value: how many people,
    of a meeting or contact its minutes, else 1; of a correction 0 when what it is about does not count. subject_key
    tells persons, groups and tandems apart; random_key: it was drawn for lack of an address. home_region: where the
    person lives. Nobody's person_ref is kept, nor about what somebody was counselled.
    """

    __tablename__ = "counted_fact"

    kind: Counted = code(Counted)
    project_id: UUID | None = plain(None, index=True)
    partner_id: UUID | None = plain(None, index=True)
    region: str = plain()
    occurred_on: date = plain()
    told_at: datetime = moment()
    number: int = plain(0)
    source_id: UUID = plain()
    value: int = plain(1)
    subject_kind: str | None = plain(None)
    subject_key: str | None = secret(None)
    random_key: bool = plain(default=False)
    event_id: UUID | None = plain(None)
    event_kind: str | None = plain(None)
    training_code: str | None = plain(None)
    home_region: str | None = plain(None)
