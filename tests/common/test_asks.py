"""Asks: the owner answers at once or says why not; answers stand nowhere, and nobody tells another's facts."""

import asyncio
import json
import time
from typing import Any, ClassVar
from uuid import UUID, uuid4

import pytest
from pydantic import BaseModel
from sqlalchemy import text

from libs.common import asks
from libs.common.asks import ask
from libs.common.audit import audited
from libs.common.bus import NoBus
from libs.common.db import OpenTransaction
from libs.common.envelope import Unreadable
from libs.common.facts.question import Question
from libs.common.http import german_sentences
from libs.common.logs import correlation
from libs.common.reactions import Reactions, answers, reacts_to
from libs.common.refusals import NotFound, Refused, Unavailable
from tests.common.bus_user import connected, in_stream, stream_info
from tests.common.stage import ThingMoved, effects, heard, note_effect, on_stage, tell_moves, together
from tests.harness import Network, Service

MARKER = "Amina Beispiel-Markierung"
WENT_WRONG = (
    "Dort ist etwas schiefgegangen. Bitte versuchen Sie es später wieder, oder nennen Sie uns die Korrelationsnummer.",
    "Something went wrong there; try again later, or tell us the correlation id.")


class Words(BaseModel):
    """What is answered: personal."""

    name: str
    steps: int = 0


class WordsAsked(Question[Words]):
    """What is asked; notify may ask the registry so."""

    subject: ClassVar[str] = "ask.registry.words.v1"
    answer: ClassVar[type[BaseModel]] = Words
    askers: ClassVar[tuple[str, ...]] = ("notify",)

    about: UUID
    how: str = "well"


@answers(WordsAsked)
async def _answers(transaction: OpenTransaction, question: WordsAsked) -> Words:
    if question.how == "unknown":
        raise NotFound("not-found", "There is no such {noun}.", noun="thing")
    await audited(transaction, "read", f"thing/{question.about}")
    if question.how == "bug":
        raise RuntimeError(MARKER)
    if question.how == "broken":
        await transaction.execute(text("SELECT 1/0"))
    return Words(name=MARKER)


@pytest.fixture
async def both(network: Network) -> tuple[Service, Service]:
    """The owner, and who asks it."""
    return await on_stage(network, "registry", _answers), await on_stage(network, "notify")


async def test_the_owner_answers_in_the_correlation_of_who_asked(
    network: Network, both: tuple[Service, Service]
) -> None:
    """The answer comes, the audit says in which request, and neither stream nor outbox has seen a byte of it."""
    _, asking = both
    token = correlation.set("0b5e55ed")
    try:
        answer = await ask(asking.running.bus, WordsAsked(about=uuid4()))
    finally:
        correlation.reset(token)

    assert answer == Words(name=MARKER)
    assert [row["correlation"] for row in await network.rows("registry", "SELECT correlation FROM audit")] == [
        "0b5e55ed"
    ]
    assert await network.rows("registry", "SELECT 1 FROM outbox") == []
    for stream in ("registry", "notify"):
        assert await in_stream(network.cluster, stream) == []


@pytest.mark.parametrize(
    ("how", "slug", "german", "english"), [
        ("unknown", "not-found", "Das gibt es hier nicht, oder Sie dürfen es nicht sehen (Sache).",
         "There is no such thing."),
        ("bug", "could-not-answer", *WENT_WRONG), ("broken", "could-not-answer", *WENT_WRONG)],
)
async def test_what_the_owner_refuses_is_said(
    network: Network,
    both: tuple[Service, Service],
    how: str,
    slug: str,
    german: str,
    english: str,
) -> None:
    """In words of either language, for programs by its slug; of a bug nothing; and nothing of it was written."""
    with pytest.raises(Refused) as refused:
        await ask(both[1].running.bus, WordsAsked(about=uuid4(), how=how))

    assert (refused.value.slug, refused.value.codes) == ("owner-refused", {"refusal": [slug]})
    assert refused.value.sentence(german_sentences("notify"), "de") == f"Der Dienst registry hat abgelehnt: {german}"
    assert refused.value.sentence({}, "en") == f"The registry service refused: {english}"
    assert await network.rows("registry", "SELECT 1 FROM audit") == []


async def test_what_is_no_question_gets_an_answer_too(network: Network, both: tuple[Service, Service]) -> None:
    """Another version's, or a broken one."""
    for body in (b"{}", b"", b"\xff", b'{"about": 7}'):
        raw = await both[1].running.bus.request(WordsAsked.subject, body, seconds=3, headers={})
        said = json.loads(raw)
        assert (said["refused"], said["said"].keys()) == ("unreadable-question", {"de", "en"})
        assert said["said"]["de"].startswith("Die Frage ließ sich dort nicht lesen.")


async def test_an_owner_of_a_former_version_refuses_by_its_slug_alone(network: Network) -> None:
    """While versions are mixed: what it says stands there as it is, and a program reads it as ever."""
    asking = await on_stage(network, "notify")
    async with connected(network.cluster, "registry") as client:

        async def refuse(message: Any) -> None:
            await client.publish(message.reply, b'{"refused":"thing-unknown"}')

        await client.subscribe(WordsAsked.subject, cb=refuse)
        await client.flush()
        with pytest.raises(Refused, match="The registry service refused: thing-unknown") as refused:
            await ask(asking.running.bus, WordsAsked(about=uuid4()))

    assert refused.value.codes == {"refusal": ["thing-unknown"]}


async def test_an_owner_that_is_away_is_noticed_at_once(network: Network) -> None:
    """Nobody listens: no waiting for the time to run out."""
    asking = await on_stage(network, "notify")
    began = time.monotonic()

    with pytest.raises(Unavailable, match="registry"):
        await ask(asking.running.bus, WordsAsked(about=uuid4()))

    assert time.monotonic() - began < 1


async def test_an_owner_that_hangs_is_not_waited_for(network: Network, monkeypatch: pytest.MonkeyPatch) -> None:
    """It has the seconds that were given."""
    asking = await on_stage(network, "notify")

    async with connected(network.cluster, "registry") as client:

        async def silent(_message: Any) -> None:
            return

        await client.subscribe(WordsAsked.subject, cb=silent)
        await client.flush()
        with pytest.raises(Unavailable):
            await ask(asking.running.bus, WordsAsked(about=uuid4()), seconds=0.3)


async def test_one_instance_answers_each_question(network: Network, both: tuple[Service, Service]) -> None:
    """A second instance shares the work, also while it stands by."""
    from tests.common.stage import an_app

    second = await network.run("registry", an_app(network, "registry", _answers))
    async with asyncio.timeout(5):
        while not second.running.bus.connected:
            await asyncio.sleep(0.01)

    await asyncio.gather(*(ask(both[1].running.bus, WordsAsked(about=uuid4())) for _ in range(20)))

    assert len(await network.rows("registry", "SELECT 1 FROM audit")) == 20


async def test_facts_are_told_in_pages_that_fit(network: Network, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many and long they are: in the order of their numbers, none twice, none missing."""
    monkeypatch.setattr(asks, "PAGE_ROWS", 7)
    speaker = await on_stage(network, "registry")
    listener = await on_stage(network, "notify")
    await tell_moves(speaker, uuid4(), range(1, 31))
    await network.settled()

    after, numbers = 0, []
    while (page := await asks.ask_for_facts(listener.running.bus, "registry", after)).facts:
        assert len(page.facts) <= 7
        assert page.last == 30
        numbers += [fact.number for fact in page.facts]
        after = numbers[-1]

    assert numbers == list(range(1, 31))
    monkeypatch.setattr(asks, "PAGE_BYTES", 1)
    assert len((await asks.ask_for_facts(listener.running.bus, "registry", 0)).facts) == 1


@reacts_to(ThingMoved)
async def _notes(transaction: OpenTransaction, fact: ThingMoved) -> None:
    await note_effect(transaction, fact)


async def test_a_service_tells_nobody_elses_facts(network: Network) -> None:
    """Asked for its facts, one that was taken over says what the registry alone may say: nothing of it is heard."""
    forged = heard(1, uuid4(), 1)
    page = {"facts": [{"headers": dict(forged.headers), "body": forged.body.decode()}], "last": 1}
    async with connected(network.cluster, "events") as client:

        async def lie(message: Any) -> None:
            await client.publish(message.reply, json.dumps(page).encode())

        await client.subscribe("ask.events.facts.v1", cb=lie)
        await client.flush()
        listener = await on_stage(network, "notify", _notes)

        with pytest.raises(Unreadable, match="another's"):
            await asks.ask_for_facts(listener.running.bus, "events", 0)
        await asyncio.sleep(1.2)

    assert await effects(network, "notify") == []


@pytest.mark.parametrize("subject", [WordsAsked.subject, "ask.registry.facts.v1"])
async def test_an_answer_goes_to_no_stream(network: Network, both: tuple[Service, Service], subject: str) -> None:
    """Asked to answer on a subject that only the registry may write to, it does not; others are answered as before."""
    question = json.dumps({"about": str(uuid4()), "after": 0}).encode()
    async with connected(network.cluster, "notify") as client:
        await client.publish(subject, question, reply="registry.thing.moved.v1")
        await client.flush()
        assert (await client.request(subject, question, timeout=5)).data

    assert await in_stream(network.cluster, "registry") == []


async def test_a_service_may_not_ask_what_is_not_its_own_to_ask(
    network: Network, both: tuple[Service, Service]
) -> None:
    """The bus refuses it, whatever the question's text says."""
    other = await on_stage(network, "events")

    with pytest.raises(NoBus):
        await other.running.bus.request(
            WordsAsked.subject, WordsAsked(about=uuid4()).model_dump_json().encode(), seconds=0.4, headers={}
        )

    assert await network.rows("registry", "SELECT 1 FROM audit") == []
    assert (await stream_info(network.cluster, "registry")).state.messages == 0


def test_a_reaction_that_two_modules_know_is_one() -> None:
    """Imported from one module of reactions into another it reacts once; two for one question are refused."""
    module = together(_notes)[0]

    assert len(Reactions.of([module, module]).to_facts[ThingMoved.subject]) == 1

    @answers(WordsAsked)
    async def other(_transaction: OpenTransaction, _question: WordsAsked) -> Words:
        return Words(name="")

    with pytest.raises(ValueError, match="two reactions"):
        Reactions.of(together(_answers, other))
