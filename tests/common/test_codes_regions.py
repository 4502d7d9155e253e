"""Regions: the shipped districts, what lies in what, and where postcodes and places are."""

import math
from datetime import date

import pytest

from libs.common.codes import regions
from libs.common.codes.lists import RegionKind
from libs.common.codes.regions import (
    Region,
    UnknownRegion,
    children,
    current_ags,
    distance_km,
    is_within,
    laender,
    place_of,
    places_named,
    point_of,
    region,
)
from libs.common.codes.rows import DATA, read_rows
from libs.common.refusals import Invalid

UNKNOWN = [
    "",
    "1",
    "17",
    "99999",
    "99999000",
    "1508",
    "150873",
    "15087370\n",
    "15087x70",
    "16056xyz",
    "\u0661\u0665",
]


def test_a_district_is_known_with_all_that_is_public() -> None:
    """Key, NUTS-3, name, kind, Land, rural and the population."""
    assert region("15087") == Region(
        ags="15087", nuts="DEE0A", name="Mansfeld-Südharz", kind=RegionKind.DISTRICT, parent="15",
        rural=True, population=136249,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("ags", "nuts", "name"),
    [("15002", "DEE02", "Halle (Saale), Stadt"), ("15084", "DEE08", "Burgenlandkreis"),
     ("05158", "DEA1C", "Mettmann"), ("03241", "DE929", "Region Hannover"), ("03355", "DE935", "Lüneburg"),
     ("03159", "DE91C", "Göttingen"), ("03459", "DE94E", "Osnabrück")],
)  # fmt: skip
def test_the_demonstrations_districts_carry_their_official_codes(ags: str, nuts: str, name: str) -> None:
    """Key, NUTS-3 and name belong together, leading zeros included."""
    assert (region(ags).nuts, region(ags).name) == (nuts, name)


def test_there_are_sixteen_laender() -> None:
    """By their two-digit keys, with NUTS-1, without a parent and never rural."""
    assert [land.ags for land in laender()] == [f"{number:02}" for number in range(1, 17)]
    saxony_anhalt = region("15")
    assert (saxony_anhalt.name, saxony_anhalt.nuts, saxony_anhalt.parent) == ("Sachsen-Anhalt", "DEE", None)
    assert not any(land.rural for land in laender())
    assert sum(land.population or 0 for land in laender()) == 83_019_213


def test_rural_in_saxony_anhalt_are_the_eleven_landkreise() -> None:
    """The three district-free cities are not."""
    rural = {district.ags for district in children("15") if district.rural}

    assert rural == {str(ags) for ags in range(15081, 15092)}
    assert not region("15002").rural


def test_the_rural_column_covers_exactly_the_shipped_districts() -> None:
    """One yes or no for each district, and by the documented rule until somebody decides otherwise."""
    rows = read_rows(DATA / "district_rural.csv")
    kinds = {row["ags"]: row["kind"] for row in read_rows(DATA / "de-districts.csv")}

    assert [row["ags"] for row in rows] == list(kinds)
    assert all(row["rural"] == str(kinds[row["ags"]] in {"Landkreis", "Kreis"}).lower() for row in rows)


def test_a_municipality_exists_when_its_district_does() -> None:
    """It inherits what is known of the district; its own name and population are not shipped."""
    erkrath = region("05158004")

    assert (erkrath.kind, erkrath.parent, erkrath.nuts) == (RegionKind.MUNICIPALITY, "05158", "DEA1C")
    assert (erkrath.rural, erkrath.population) == (True, None)
    assert erkrath.name == "Gemeinde 05158004 (Mettmann)"
    assert region("15002000").name == "Halle (Saale), Stadt"


@pytest.mark.parametrize("ags", UNKNOWN)
def test_an_unknown_key_is_refused(ags: str) -> None:
    """As a lookup that failed in code, and as invalid input at the door."""
    for ask in (region, children, current_ags):
        with pytest.raises(UnknownRegion) as raised:
            ask(ags)
        assert isinstance(raised.value, LookupError)
        assert isinstance(raised.value, Invalid)
        assert raised.value.slug == "unknown-region"


def test_a_refusal_repeats_a_key_but_no_other_input() -> None:
    """What somebody typed into the wrong field does not come back in a problem document."""
    assert str(UnknownRegion("99999")) == "There is no region with the key 99999."
    assert "Müller" not in str(UnknownRegion("Erika Müller"))


def test_children_are_one_level_down() -> None:
    """A Land has its districts; municipalities are not listed."""
    assert len(children("15")) == 14
    assert children("15")[0].ags == "15001"
    assert children("15087") == ()
    assert sum(len(children(land.ags)) for land in laender()) == 400


@pytest.mark.parametrize(
    ("ags", "prefix", "inside"),
    [
        ("15087", "15", True),
        ("15087370", "15087", True),
        ("15087", "15087", True),
        ("15", "15087", False),
        ("15087", "15088", False),
        ("05158", "15", False),
    ],
)
def test_a_region_lies_in_what_its_key_begins_with(ags: str, prefix: str, inside: bool) -> None:
    """Downwards only, and a region lies in itself."""
    assert is_within(ags, prefix) is inside


@pytest.mark.parametrize("ags", UNKNOWN)
def test_an_unknown_prefix_never_means_everywhere(ags: str) -> None:
    """An empty or broken scope is refused instead of letting everybody in."""
    with pytest.raises(UnknownRegion):
        is_within("15087", ags)
    with pytest.raises(UnknownRegion):
        is_within(ags, "15")


def test_a_merged_district_is_known_under_its_old_key_and_lies_in_the_new_one() -> None:
    """Eisenach joined the Wartburgkreis in 2021; who coordinates the old city does not get the Kreis."""
    eisenach = region("16056")

    assert (eisenach.valid_until, eisenach.merged_into) == (date(2021, 6, 30), "16063")
    assert {current_ags(ags) for ags in ("16056", "16056000", "16063")} == {"16063"}
    assert is_within("16056", "16063")
    assert is_within("16056000", "16063")
    assert not is_within("16063", "16056")
    assert "16056" not in {district.ags for district in children("16")}


def test_every_merged_district_points_to_one_that_is_valid() -> None:
    """No chain of mergers and no dead end."""
    for row in read_rows(DATA / "de-districts.csv"):
        assert bool(row["valid_until"]) == bool(row["merged_into"])
        assert region(current_ags(row["ags"])).valid_until is None


def test_a_postcode_has_a_place_and_a_point() -> None:
    """Name, Land and coordinates of the place, by German names."""
    sangerhausen = place_of("06526")

    assert sangerhausen is not None
    assert (sangerhausen.name, sangerhausen.land) == ("Sangerhausen", "15")
    assert sangerhausen.point == point_of("06526") == (51.4722, 11.2953)
    assert point_of("01067") == (51.0509, 13.7383)
    munich = place_of("80331")
    assert munich is not None
    assert munich.name == "München"


@pytest.mark.parametrize("postcode", ["06712", "00000", "99999", "", "0652", "06526,Sangerhausen", "x"])
def test_a_postcode_without_a_known_place_has_no_point(postcode: str) -> None:
    """Such a postcode may be valid all the same; nobody is refused for it."""
    assert place_of(postcode) is None
    assert point_of(postcode) is None


def test_every_shipped_postcode_is_found() -> None:
    """Each of the 7,664, in one of the 16 Länder and within Germany."""
    rows = read_rows(DATA / "de-postcodes.csv")

    assert len(rows) == len({row["postcode"] for row in rows}) == 7664
    for row in rows:
        place = place_of(row["postcode"])
        assert place is not None
        assert region(place.land).name == row["land"]
        assert 47 < place.point[0] < 55.1
        assert 5.8 < place.point[1] < 15.1


def test_places_are_found_by_name_the_largest_first() -> None:
    """Where a postcode has no point, the town's name may have one; the Land tells namesakes apart."""
    assert [place.land for place in places_named("zeitz")] == ["15"]
    namesakes = places_named("Neustadt")
    assert len(namesakes) > 1
    assert list(namesakes) == sorted(namesakes, key=lambda place: -(place.population or 0))
    assert {place.land for place in places_named("Neustadt", land=namesakes[0].land)} == {namesakes[0].land}
    assert places_named("Nirgendwo an der Unstrut") == ()
    assert places_named("Zeitz", land="05") == ()
    assert places_named("Munich") == ()


def test_distances_are_in_kilometres() -> None:
    """Sangerhausen and Eisleben are about 18 km apart, the poles half the earth's circumference."""
    assert distance_km((51.4722, 11.2953), (51.5258, 11.5345)) == pytest.approx(17.6, abs=0.2)
    assert distance_km((90.0, 0.0), (-90.0, 0.0)) == pytest.approx(math.pi * regions.EARTH_RADIUS_KM)
    assert distance_km((51.0, 11.0), (51.0, 11.0)) == 0


def test_distance_is_the_same_both_ways() -> None:
    """Also across the edge of the map."""
    assert distance_km((0.0, 179.5), (0.0, -179.5)) == pytest.approx(111.2, abs=0.1)
    assert distance_km((51.5, 11.5), (48.1, 11.6)) == distance_km((48.1, 11.6), (51.5, 11.5))
