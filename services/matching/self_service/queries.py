"""The page on which somebody sees their own data and may change it, in their language."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from uuid import UUID

from fastapi.responses import HTMLResponse

from libs.common.codes.languages import known_languages
from libs.common.codes.lists import Cefr
from libs.common.codes.regions import region as region_of
from libs.common.db import OpenTransaction
from libs.common.links import Link, Links
from libs.common.pages import Field, Section, page
from libs.common.persons import languages_of
from services.matching.concerns.model import ConcernAbout, Matter
from services.matching.concerns.queries import to_raise
from services.matching.consents.model import Purpose
from services.matching.holders.queries import Holder, Reader, kind_of, read_by, side_of
from services.matching.households.model import Household
from services.matching.links.queries import CALENDAR, CONCERN, Sent, say
from services.matching.links.rules import MARK, Form, is_ours
from services.matching.own_data.model import OwnDataOut, OwnKind
from services.matching.own_data.rules import Say, holding, level_name, noted, said_day, told
from services.matching.profiles.rules import DAYS, PARTS
from services.matching.runs.pool import DISTRICT
from services.matching.self_service.rules import availability_form, contact_form

BLANK_ROWS, MOST_WRITTEN_IN = 2, 3


async def own_page(
    transaction: OpenTransaction, data: OwnDataOut, *, token: str, sent: Sent | None = None,
) -> HTMLResponse:
    """All that is stored, and what can be done about it.

    With what was sent the page stands below the link's own address, as the form that was sent.
    """
    languages = await languages_of(transaction, data.contact.person_ref)
    title = say("own_title", languages)
    view = _View(data, lambda key, **values: say(key, languages, **values).text, title.language,
                 sent or Sent(), "" if sent else f"{token}/")
    file = (view.say("own_file"), f"{view.at}data.json")
    said, status = view.say(view.sent.said) if view.sent.said else "", view.sent.status
    up = "../../" if sent else "../"
    reader = await read_by(transaction, data.id, data.contact.person_ref)
    matters = [one.matter for one in await to_raise(transaction, reader)] if reader else []
    neutral = _neutral_contacts(view, matters, transaction.links, up)
    if not data.takes_part:
        return page(language=title.language, title=title.text, said=said, status=status, links=[file],
                    paragraphs=[view.say("own_text_left"), view.say("own_readers")],
                    sections=[view.reached(), view.stored(), *view.noted(), *neutral, *view.ways_of_who_left()])
    calendar = transaction.links.token(
        Link(CALENDAR.name, data.contact.person_ref, data.contact.person_ref), valid=CALENDAR.valid)
    return page(
        language=title.language, title=title.text, said=said, status=status,
        paragraphs=[view.say("own_text"), view.say("own_readers")],
        links=[file, (view.say("own_calendar"), f"{up}checkins/calendars/{calendar}")],
        sections=[view.contact(), *view.availability(), view.stored(), *view.going_on(), *view.noted(), *neutral,
                  view.ways()])


@dataclass(frozen=True)
class _View:
    """The sections of the page: data in the words of a language; at: where its buttons post to."""

    data: OwnDataOut
    say: Say
    language: str
    sent: Sent
    at: str

    def contact(self) -> Section:
        """Name and addresses, to be changed."""
        form = self._form("contact", contact_form(self.data.contact))
        written = [*form["written_in"], *[""] * MOST_WRITTEN_IN][:max(MOST_WRITTEN_IN, len(form["written_in"]))]
        fields = [
            Field("name", self.say("own_name"), form["name"]),
            Field("email", self.say("own_email"), form["email"], kind="email"),
            Field("phone", self.say("own_phone"), form["phone"], kind="tel"),
            *(Field("written_in", self.say("own_written_in", number=number), [tag], self._tags(written))
              for number, tag in enumerate(written, 1))]
        return self._asking("contact", fields)

    def reached(self) -> Section:
        """Name and addresses of who has left, to be read."""
        known = [("own_name", self.data.contact.name), ("own_email", self.data.contact.email),
                 ("own_phone", self.data.contact.phone)]
        return Section(self.say("own_contact"), known=[(self.say(key), value) for key, value in known if value])

    def availability(self) -> list[Section]:
        """When, where, in which languages and with how many, to be changed; of a group by who speaks for it."""
        stored = self.data.group if self.data.kind is OwnKind.MEMBER else self.data.stored
        if stored is None:
            return []
        form = self._form("availability", availability_form(stored))
        days = [Field("slots", self.say(f"day_{day}"), form["slots"], several=True, options=[
            (f"{day}_{part}", self.say(f"part_{part}")) for part in PARTS]) for day in DAYS]
        kinds = {"radius_km": "number", "capacity": "number", "available_until": "date"}
        single = [Field(name, self.say(f"stored_{name}"), form[name], kind=kind)
                  for name, kind in kinds.items() if name in form]
        return [self._asking("availability", [*days, *self._languages(form), *single])]

    def stored(self) -> Section:
        """Everything that is stored, and where they are."""
        state = (self.say("own_state"), self.say(f"state_{self.data.state}"))
        return Section(self.say("own_stored"), known=[state, *told(self.data.stored, self.say, self.language)])

    def going_on(self) -> list[Section]:
        """Proposals and tandems, in outline."""
        lines = [self.say(f"own_{one.kind}_{'with' if one.other else 'open'}", **({"other": one.other} if one.other
                 else {})) for one in self.data.pairs]
        return [Section(self.say("own_going_on"), lines)] if lines else []

    def noted(self) -> list[Section]:
        """What they noted, answered and attended."""
        known = noted(self.data.noted, self.say)
        return [Section(self.say("own_noted"), known=known)] if known else []

    def ways(self) -> Section:
        """To pause, to come back, to stop; what ends something is asked once more on a page of its own."""
        may = self.data.may
        pausing = [(self.say(f"own_{may}_{self.data.kind.value}"), f"{self.at}{may}")] if may else []
        return Section(self.say("own_ways"), buttons=pausing, links=[
            *self._withdrawals(set(Purpose) - {Purpose.MATCHING}),
            (self.say(f"own_leave_{self.data.kind.value}"), f"{self.at}leave"),
            (self.say("own_withdraw"), f"{self.at}withdraw_consent")])

    def ways_of_who_left(self) -> list[Section]:
        """To take back what they still consent to; a learning may wait for its approval until long after the end."""
        links = self._withdrawals(set(Purpose))
        return [Section(self.say("own_ways_left"), links=links)] if links else []

    def _withdrawals(self, purposes: set[Purpose]) -> list[tuple[str, str]]:
        """What they consent to of these, each to be taken back by itself."""
        held = [(one["purpose"], self.say(f"purpose_{one['purpose']}", on=said_day(one["given_on"])))
                for one in holding(self.data.noted["consents"]) if one["purpose"] in purposes]
        return [(self.say("own_withdraw_purpose", what=what), f"{self.at}withdraw_consent?purpose={purpose}")
                for purpose, what in held]

    def _asking(self, which: str, fields: Sequence[Field]) -> Section:
        wrong = self.sent.wrong if is_ours(self.sent.form, which) else frozenset()
        marked = [replace(one, wrong=one.name in wrong) for one in fields]
        names = list({one.name: self._called(one) for one in reversed(marked) if one.wrong}.values())[::-1]
        return Section(self.say(f"own_{which}"), [self.say("own_wrong", fields=", ".join(names))] if names else [],
                       fields=[Field(MARK, "", [which], kind="hidden"), *marked],
                       buttons=[(self.say("own_save"), f"{self.at}{which}")])

    def _called(self, field: Field) -> str:
        """What a field is called where it is one of several of its name."""
        several = {"slots": "stored_slots", "language": "stored_languages"}
        return self.say(several[field.name]) if field.name in several else field.label

    def _languages(self, form: Form) -> list[Field]:
        spoken = [*zip(form["language"], form["level"], strict=False), *[("", "")] * BLANK_ROWS]
        levels = [("", "-"), *((one.value, level_name(one.value, self.language)) for one in Cefr)]
        fields = []
        for number, (tag, level) in enumerate(spoken, 1):
            fields += [Field("language", self.say("own_language", number=number), [tag], self._tags(form["language"])),
                       Field("level", self.say("own_level", number=number), [level], levels)]
        return fields

    def _tags(self, besides: Sequence[str]) -> list[tuple[str, str]]:
        known = {one.tag: one.own for one in known_languages()}
        return [("", "-"), *(known | {tag: known.get(tag, tag) for tag in besides if tag}).items()]

    def _form(self, which: str, there: Form) -> Form:
        """What was entered in this form, else what is there; fields that were not sent are empty."""
        sent = self.sent.form
        return {name: sent.get(name, []) for name in there} if is_ours(sent, which) else there


def _neutral_contacts(view: _View, matters: Sequence[Matter], links: Links, up: str) -> list[Section]:
    """The ways to the neutral contact of their tandems, and of themselves; where there are both, of which district."""
    tandems = [one for one in matters if one.about is ConcernAbout.TANDEM]
    heard = {_district(one) for one in tandems}
    own = [one for one in matters if one not in tandems and _district(one) not in heard]
    return [_neutral_contact(view, some, links, up, where=[_district(some[0])] if tandems and own else [])
            for some in (tandems, own) if some]


def _district(matter: Matter) -> str:
    return region_of(matter.region[:DISTRICT]).name


def _neutral_contact(
    view: _View, matters: Sequence[Matter], links: Links, up: str, *, where: Sequence[str],
) -> Section:
    """The way to a neutral contact, for each tandem by itself, of which it is told whose; or of themselves."""
    others = {one.id: [one.other] for one in view.data.pairs if one.other} if len(matters) > 1 else {}
    ways = [(" · ".join([view.say("own_concern"), *where, *others.get(one.id, [])]),
             f"{up}concerns/raised/{_raising(links, one.id, view.data.contact.person_ref)}") for one in matters]
    text = "concern_text" if matters[0].about is ConcernAbout.TANDEM else "concern_text_own"
    return Section(" · ".join([view.say("concern_title"), *where]), [view.say(text)], links=ways)


def _raising(links: Links, about: UUID, person_ref: UUID) -> str:
    return links.token(Link(CONCERN.name, about, person_ref), valid=CONCERN.valid)


def confirming(which: str, holder: Reader, purpose: Purpose) -> tuple[str, str, str, str]:
    """The phrases of the page that asks once more: its title, what follows, the button; and where that posts to."""
    text, action = f"own_leave_text_{kind_of(holder).value}" if which == "leave" else f"own_{which}_text", which
    if purpose is not Purpose.MATCHING:
        text, action = f"own_withdraw_text_{purpose.value}", f"{which}?purpose={purpose.value}"
    elif not holder.takes_part:
        text = "own_withdraw_text_left"
    elif which == "withdraw_consent" and kind_of(holder) is OwnKind.MEMBER:
        text = "own_withdraw_text_member"
    return f"own_{which}_asked", text, f"own_{which}_yes", action


async def resumed(transaction: OpenTransaction, holder: Holder) -> str:
    """The phrase for who is back from a pause of their own; who is held back is told that this goes on."""
    of = await side_of(transaction, holder)
    return "own_resumed" if isinstance(of, Household) or of.held_back_on is None else "own_resumed_held_back"


async def withdrawn(purpose: Purpose, _: OpenTransaction, holder: Reader) -> str:
    """The phrase that says what a consent taken back has ended; holder: as they were before."""
    if purpose is not Purpose.MATCHING:
        return "own_withdrawn_purpose"
    if not holder.takes_part:
        return "own_withdrawn_left"
    return "own_withdrawn_member" if kind_of(holder) is OwnKind.MEMBER else "own_withdrawn"
