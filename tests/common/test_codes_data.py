"""The shipped data files: licensed, and spoken in the codes of the lists."""

from pathlib import Path

import pytest

from libs.common.codes.lists import FieldOfAction, PartnerKind
from libs.common.codes.regions import region
from libs.common.codes.rows import DATA, read_rows

ROOT = Path(__file__).parents[2]
REGISTRY_DATA = ROOT / "services" / "registry" / "data"
DEMO_PARTNERS = ROOT / "deploy" / "local" / "demo_partners.csv"
NETWORK_PARTNERS = REGISTRY_DATA / "network-partners.csv"
BROUGHT_IN = [*DATA.glob("de-*.csv"), *REGISTRY_DATA.glob("network-*.csv")]


@pytest.mark.parametrize("file", BROUGHT_IN, ids=lambda file: file.name)
def test_each_file_from_elsewhere_has_its_licence_beside_it(file: Path) -> None:
    """The notice names the file, its source and the licence."""
    notice = file.with_name(f"{file.stem}.LICENCE.txt").read_text(encoding="utf-8")

    assert notice.startswith(f"{file.name}: ")
    assert "Licence" in notice or "License" in notice


@pytest.mark.parametrize(
    ("file", "names"),
    [
        ("de-districts", ["Statistisches Bundesamt", "CC BY 4.0"]),
        ("de-places", ["GeoNames", "CC BY 4.0"]),
        ("de-postcodes", ["OpenStreetMap contributors", "Open Database License", "GeoNames"]),
    ],
)
def test_each_notice_gives_the_attribution_its_licence_asks_for(file: str, names: list[str]) -> None:
    """Who made it, under which licence, and what was changed."""
    notice = (DATA / f"{file}.LICENCE.txt").read_text(encoding="utf-8")

    assert all(name in notice for name in [*names, "Changes:", "https://"])


@pytest.mark.parametrize(
    "file",
    [*BROUGHT_IN, DEMO_PARTNERS, *DATA.glob("*.csv")],
    ids=lambda file: file.name,
)
def test_files_are_utf8_with_plain_line_ends(file: Path) -> None:
    """No byte order mark, no carriage return, a line end at the end."""
    content = file.read_bytes()

    assert content.decode("utf-8").endswith("\n")
    assert b"\r" not in content
    assert not content.startswith(b"\xef\xbb\xbf")


@pytest.mark.parametrize(
    ("file", "size"),
    [(NETWORK_PARTNERS, 20), (DEMO_PARTNERS, 24)],
    ids=["real", "demo"],
)
def test_partners_speak_in_known_codes(file: Path, size: int) -> None:
    """Kinds, fields of action and districts exist, and each partner has a key of its own."""
    partners = read_rows(file)

    assert len({partner["key"] for partner in partners}) == len(partners) == size
    for partner in partners:
        assert PartnerKind(partner["kind"])
        assert [FieldOfAction(field) for field in partner["fields_of_action"].split(";")]
        assert not partner["district_ags"] or region(partner["district_ags"]).parent
        assert partner["new_to_field"] in {"true", "false"}


def test_real_offers_belong_to_real_partners_and_existing_districts() -> None:
    """No offer hangs in the air."""
    partners = {partner["key"] for partner in read_rows(NETWORK_PARTNERS)}
    offers = read_rows(REGISTRY_DATA / "network-offers.csv")

    assert len(offers) == 20
    for offer in offers:
        assert offer["partner_key"] in partners
        assert FieldOfAction(offer["field_of_action"])
        assert not offer["district_ags"] or region(offer["district_ags"]).parent


def test_invented_partners_cannot_be_taken_for_real_ones() -> None:
    """Each says that it is a demonstration, and mail to it can reach nobody."""
    real = {partner["name"] for partner in read_rows(NETWORK_PARTNERS)}
    for partner in read_rows(DEMO_PARTNERS):
        assert partner["name"].endswith(" (Demo)")
        assert partner["mail"] == f"{partner['key']}@example.org"
        assert partner["name"].removesuffix(" (Demo)") not in real
