"""Languages are spoken without a script or region: whoever speaks ar-SY understands who speaks ar."""

from tests.harness import new_idempotency_key
from tests.matching.field import Field


async def test_who_speaks_a_variety_has_the_language_in_common(field: Field) -> None:
    """However either side is entered, in a run, in options and in a file the same; nobody stays without for a tag."""
    household = await field.waiting_household(languages={"ar-SY": "C2"}, interpreter=False)
    mentor = await field.ready_mentor(languages={"AR-eg": "B2", "de": "C2"})
    found = await field.get(f"/options?household_id={household['id']}")

    assert [one["unit_id"] for one in found["options"]] == [mentor["id"]]
    assert (household["languages"], mentor["languages"]) == ({"ar": "C2"}, {"ar": "B2", "de": "C2"})
    run = await field.run()
    assert run["proposed"] == 1


async def test_of_two_varieties_the_better_level_stands(field: Field) -> None:
    """In whichever order they are given; what is no tag is refused."""
    first = await field.ready_mentor(languages={"ar-SY": "A1", "ar": "C1"})
    second = await field.ready_mentor(languages={"ar": "C1", "ar-SY": "A1"})

    assert first["languages"] == second["languages"] == {"ar": "C1"}
    answer = await field.send("POST", "/mentors", field.mentor_body(languages={"arabic-": "C1"}),
                              headers=field.coordinator | new_idempotency_key())
    assert (answer.status_code, answer.json()["slug"]) == (422, "invalid-request")
