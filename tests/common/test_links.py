"""Signed links: each for one purpose, about one thing, for its time; nothing else opens anything."""

import base64
from dataclasses import replace
from datetime import timedelta
from typing import Annotated
from uuid import UUID, uuid4

import pytest
from fastapi import APIRouter

from libs.common.callers import Role
from libs.common.links import Holding, Link, Links, by_link
from libs.common.refusals import NotFound
from tests.common.stage import on_stage
from tests.harness import Network, Service

DAY = timedelta(days=1)
KEY = bytes(range(32))
router = APIRouter(prefix="/answers", tags=["answers"])
Invited = Annotated[Holding, by_link("answer-invitation")]
TABLE = {"open_answer": frozenset({Role.LINK}), "give_answer": frozenset({Role.LINK})}


@router.get("/{token}")  # noqa: FAST003 - by_link takes it
async def open_answer(holding: Invited) -> dict[str, str]:
    """Look at an invitation."""
    return {
        "about": str(holding.link.about),
        "person": str(holding.link.person_ref),
        "caller": holding.transaction.caller.principal,
        "role": holding.transaction.caller.role.value,
    }


@router.post("/{token}")  # noqa: FAST003 - by_link takes it
async def give_answer(holding: Invited) -> UUID:
    """Answer it."""
    return holding.link.about


@pytest.fixture
def links() -> Links:
    """A service's links."""
    return Links(KEY, "https://events.example.org")


@pytest.fixture
def link() -> Link:
    """What a link says."""
    return Link("answer-invitation", uuid4(), uuid4())


def refused(links: Links, purpose: str, token: str) -> str:
    """The slug with which a token is refused."""
    with pytest.raises(NotFound) as raised:
        links.read(purpose, token)
    return raised.value.slug


def test_a_link_says_what_was_signed(links: Links, link: Link) -> None:
    """Purpose, thing and person, in an address that a mail program does not break."""
    url = links.url("/v1/answers/{token}", link, valid=DAY)

    assert url.startswith("https://events.example.org/v1/answers/")
    token = url.rsplit("/", 1)[1]
    assert (len(token), token.replace("-", "").replace("_", "").isalnum()) == (75, True)
    assert links.read("answer-invitation", token) == link


@pytest.mark.parametrize("sent_to", [0, 1, (1 << 24) - 1])
def test_a_link_says_which_address_it_was_sent_to(links: Links, link: Link, sent_to: int) -> None:
    """In a token of the same length, which expires all the same."""
    link = replace(link, sent_to=sent_to)

    assert links.read(link.purpose, links.token(link, valid=DAY)) == link
    assert refused(links, link.purpose, links.token(link, valid=-DAY)) == "link-expired"


def test_a_link_is_for_one_purpose(links: Links, link: Link) -> None:
    """An invitation's link cancels nothing, whatever the purposes are called."""
    token = links.token(link, valid=DAY)

    for purpose in ("cancel-registration", "", "answer", "answer-invitation\0", "Answer-Invitation"):
        assert refused(links, purpose, token) == "link-not-valid"


def test_a_link_that_was_changed_anywhere_is_refused(links: Links, link: Link) -> None:
    """Each sign of it, also where base64 would not notice."""
    token = links.token(link, valid=DAY)
    signs = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"

    for place in range(len(token)):
        for other in {signs[(signs.index(token[place]) + step) % 64] for step in (1, 2, 16, 32)}:
            assert refused(links, link.purpose, token[:place] + other + token[place + 1 :]) == "link-not-valid"
    for wrong in (
        "",
        "A",
        token[:-1],
        token + "A",
        token[:40] + "!" + token[40:],
        f" {token}",
        f"{token}=",
        "ä" * 75,
        "A" * 75,
        token[:40] + "\n" + token[40:],
        base64.b64encode(bytes(56)).decode(),
    ):
        assert refused(links, link.purpose, wrong) == "link-not-valid"


def test_a_link_of_another_service_is_refused(links: Links, link: Link) -> None:
    """Each has a key of its own."""
    assert refused(links, link.purpose, Links(bytes(32), "").token(link, valid=DAY)) == "link-not-valid"


def test_an_expired_link_says_so(links: Links, link: Link) -> None:
    """Only if it was one of ours: a changed expiry is a changed link."""
    assert refused(links, link.purpose, links.token(link, valid=timedelta(seconds=-1))) == "link-expired"
    assert links.read(link.purpose, links.token(link, valid=timedelta(seconds=30))) == link


@pytest.fixture
async def stage(network: Network) -> Service:
    """A service that is opened by links."""
    return await on_stage(network, "events", router=router, permissions=TABLE)


async def test_the_door_takes_the_right_link_only(network: Network, stage: Service, link: Link) -> None:
    """No account; what is not a link of this purpose is nowhere, whatever its form."""
    links = stage.running.database.links
    token = links.token(link, valid=DAY)

    opened = await stage.client.get(f"/v1/answers/{token}")
    assert opened.json() == {
        "about": str(link.about),
        "person": str(link.person_ref),
        "caller": f"link/{link.person_ref}",
        "role": "link",
    }
    assert (await stage.client.post(f"/v1/answers/{token}")).json() == str(link.about)
    other = links.token(Link("cancel-registration", link.about, link.person_ref), valid=DAY)
    for wrong, status in (
        (other, 404),
        (links.token(link, valid=-DAY), 404),
        ("A" * 75, 404),
        ("short", 422),
        ("%00" * 75, 422),
    ):
        answer = await stage.client.get(f"/v1/answers/{wrong}")
        assert (answer.status_code, token in answer.text) == (status, False), wrong


async def test_a_link_opens_nothing_that_is_not_for_links(network: Network, stage: Service, link: Link) -> None:
    """Its token is no credential."""
    token = stage.running.database.links.token(link, valid=DAY)

    assert (await stage.client.get("/v1/clock", headers={"Authorization": f"Bearer {token}"})).status_code == 401
    assert (await stage.client.get("/v1/clock")).status_code == 401
