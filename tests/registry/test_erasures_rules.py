"""The receipt of an erasure: one text over all parts, the same in whatever order they came."""

import json
from datetime import UTC, datetime, timedelta
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from libs.common.facts import SERVICES
from services.registry.erasures.model import Erasure, ErasurePart, ErasureState, missing
from services.registry.erasures.rules import hash_of, receipt_of

NOW = datetime(2027, 3, 1, 9, tzinfo=UTC)
ERASURE = Erasure(id=UUID(int=1), person_refs=[UUID(int=7)], requested_by="someone", requested_at=NOW)
PARTS = [ErasurePart(erasure_id=ERASURE.id, service=service, stores=["person", "audit"], erased_at=NOW)
         for service in SERVICES]


@given(st.permutations(PARTS))
def test_the_order_in_which_services_answer_does_not_show(parts: list[ErasurePart]) -> None:
    """The same parts make the same receipt, to the byte."""
    receipt = receipt_of(ERASURE, parts, network="test", now=NOW)

    assert receipt == receipt_of(ERASURE, PARTS, network="test", now=NOW)
    assert len(hash_of(receipt)) == 64


def test_the_receipt_names_every_service_and_no_person() -> None:
    """How many persons, which stores when; not who."""
    receipt = receipt_of(ERASURE, PARTS, network="test", now=NOW + timedelta(minutes=1))

    read = json.loads(receipt)
    assert [part["service"] for part in read["parts"]] == sorted(SERVICES)
    assert (read["persons"], read["parts"][0]["stores"]) == (1, ["audit", "person"])
    assert str(ERASURE.person_refs[0]) not in receipt


def test_what_is_missing_is_known_by_name() -> None:
    """In the order in which the services are named."""
    assert missing([]) == list(SERVICES)
    assert missing(PARTS[1:]) == ["registry"]
    assert missing(PARTS) == []


def test_a_part_begins_it_and_completing_ends_it() -> None:
    """requested, running, completed."""
    erasure = Erasure(person_refs=[], requested_by="someone", requested_at=NOW)
    states = [erasure.state]
    erasure.go_on()
    states.append(erasure.state)

    erasure.complete("{}", "aa", "bb", NOW)
    erasure.go_on()

    assert [*states, erasure.state] == [ErasureState.REQUESTED, ErasureState.RUNNING, ErasureState.COMPLETED]
    assert erasure.completed_at == NOW
