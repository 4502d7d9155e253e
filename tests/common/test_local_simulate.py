"""`lotse simulate`: figures for people and programs, a plot that can be read aloud, a sentence for what is wrong."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from services.matching.simulation import comparing
from services.matching.simulation.comparing import SIZES, Line
from services.matching.simulation.side_by_side import Ended
from tests.common.stage import Lotse

SMALL = ("simulate", "--seeds", "2", "--households", "30", "--units", "20", "--processes", "1")
ARRIVALS = "household,arrives,departs,score:halle,score:eisleben\na,0,30,900,800\nb,1,30,700,\n"
PLACES = "place,capacity,from,until\nhalle,1,0,364\neisleben,1,0,364\n"


# Without the launcher, which would refresh the environment first.
COMMAND = "import sys; from deploy.local.cli import main; sys.argv[0] = 'lotse'; main()"


@pytest.fixture
def files(tmp_path: Path) -> tuple[str, ...]:
    """Options that name both files."""
    (tmp_path / "arrivals.csv").write_text(ARRIVALS, encoding="utf-8")
    (tmp_path / "places.csv").write_text(PLACES, encoding="utf-8")
    return ("--arrivals", str(tmp_path / "arrivals.csv"), "--places", str(tmp_path / "places.csv"))


def test_every_policy_is_told_in_a_table_with_bars(lotse: Lotse) -> None:
    """German unless asked otherwise, with what is being done on the way; no goals of a market they are not set for."""
    code, shown, said = lotse(*SMALL)
    _, english, _ = lotse(*SMALL, "--seeds", "1", "--language", "en")

    assert code == 0
    for part in ("sofort mit Preisen", "Warteliste", "Wochenlauf mit Preisen", "im Rückblick", "100,0 %", "█"):
        assert part in shown, part
    assert "100.0 %" in english
    assert "at once with prices" in english
    assert "Q3" not in shown
    assert said.splitlines()[0] == "year 1 of 2: who suits whom …"


def test_prices_may_foresee_as_little_as_those_of_the_service(lotse: Lotse) -> None:
    """Of so many in a hundred until when they are there, and no end of the year; more than a hundred is refused."""
    larger = ("simulate", "--seeds", "1", "--households", "150", "--units", "80", "--json", "-")
    said = [json.loads(lotse(*larger, *told)[1]) for told in ((), ("--days-told", "100"), ("--days-told", "0"))]
    code, _, _ = lotse(*SMALL, "--days-told", "101")

    assert code == 2
    assert [one["days_told"] for one in said] == [None, 100, 0]
    worth = [{one["policy"]: one["worth"] for one in figures["policies"]} for figures in said]
    assert len({one["live_prices"] for one in worth}) == 3
    assert len({(one["greedy"], one["hindsight"]) for one in worth}) == 1


def test_programs_get_json(files: tuple[str, ...], tmp_path: Path, lotse: Lotse) -> None:
    """On standard output nothing else; in a file beside the table the same."""
    _, said, _ = lotse("simulate", *files, "--seeds", "1", "--json", "-")
    _, table, _ = lotse("simulate", *files, "--seeds", "1", "--json", str(tmp_path / "figures.json"))

    figures = json.loads(said)
    assert figures == json.loads((tmp_path / "figures.json").read_text(encoding="utf-8"))
    found = {one["policy"]: (one["matched"], one["worth"]) for one in figures["policies"]}
    assert found["greedy"] == (1, 1900)
    assert found["hindsight"] == (2, 1800 + 1700)
    assert figures["goals"] == []
    assert "Warteliste" in table


@pytest.mark.parametrize("language", ["de", "en"])
def test_the_plot_can_be_read_aloud(language: str, tmp_path: Path, lotse: Lotse) -> None:
    """An SVG with a title, a description that says every figure, and a bar for each policy."""
    lotse(*SMALL, "--seeds", "1", "--plot", str(tmp_path / "plot.svg"), "--language", language)

    root = ET.parse(tmp_path / "plot.svg").getroot()
    name = "{http://www.w3.org/2000/svg}"
    title, described = root.find(f"{name}title"), root.find(f"{name}desc")
    assert title is not None
    assert described is not None
    assert root.get("aria-labelledby") == f"{title.get('id')} {described.get('id')}"
    assert root.get("lang") == language
    assert ("im Rückblick: 100,0 %" if language == "de" else "in hindsight: 100.0 %") in (described.text or "")
    assert len(root.findall(f"{name}g")) == 6


def test_goals_are_told_with_what_is_reached(lotse: Lotse, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each with its figure, whether it is met or not."""
    monkeypatch.setitem(SIZES, "large", (60, 3))
    code, shown, _ = lotse("simulate", "--market", "large", "--seeds", "1", "--language", "en")

    assert code == 0
    assert "Q2: at once with prices: 9" in shown
    assert "(≥ 97.5 %: " in shown
    assert "Too few years to tell" in shown
    assert "(--seeds 5)" in shown


def test_a_malformed_file_is_told_by_line_and_column(files: tuple[str, ...], lotse: Lotse) -> None:
    """Exit code 2, the file's own name, and where to look."""
    Path(files[3]).write_text(PLACES.replace("halle,1", "halle,many"), encoding="utf-8")
    code, _, told = lotse("simulate", *files)

    assert code == 2
    assert f"{files[3]}, line 2, column capacity: 'many' is not a whole number." in told
    assert "docs/simulation.md" in told


def test_files_that_cannot_be_used_are_a_sentence(files: tuple[str, ...], tmp_path: Path, lotse: Lotse) -> None:
    """One of the two alone, sizes beside them, not there, no text, no folder for the answer."""
    sized = lotse("simulate", *files, "--households", "5")
    alone = lotse("simulate", *files[:2])
    missing = lotse("simulate", *files[:3], str(tmp_path / "nothing.csv"))
    nowhere = lotse(*SMALL, "--seeds", "1", "--plot", str(tmp_path / "no" / "plot.svg"))
    Path(files[1]).write_bytes(b"\xff\xfe")
    unreadable = lotse("simulate", *files)

    assert (sized[0], "files say how many there are" in sized[2]) == (2, True)
    assert (alone[0], "belong together" in alone[2]) == (2, True)
    assert (missing[0], "cannot be read: No such file" in missing[2]) == (2, True)
    assert (nowhere[0], "cannot be written: No such file" in nowhere[2]) == (73, True)
    assert (unreadable[0], "is not UTF-8" in unreadable[2]) == (2, True)


@pytest.mark.parametrize("market", ["thin", "large"])
def test_no_market_is_invented_beside_files(market: str, files: tuple[str, ...], lotse: Lotse) -> None:
    """Refused, also where it is the usual one; without files it is played."""
    code, _, said = lotse("simulate", *files, "--market", market)

    assert (code, "--market, --households and --units are of invented markets" in said) == (2, True)


def test_where_nobody_could_be_matched_no_share_is_told(
    files: tuple[str, ...], tmp_path: Path, lotse: Lotse,
) -> None:
    """Neither all of hindsight nor no day of waiting: there is nothing to be had a share of."""
    Path(files[1]).write_text("household,arrives,departs,score:halle\na,0,30,\n", encoding="utf-8")
    code, shown, _ = lotse("simulate", *files, "--seeds", "2", "--plot", str(tmp_path / "plot.svg"))
    _, told, _ = lotse("simulate", *files, "--seeds", "2", "--json", "-")

    assert code == 0
    table = shown.replace("50,0 % … 100,0 %", "")
    assert ("100,0 %" in table, "-, -" in table) == (False, True)
    assert "im Rückblick: -." in (tmp_path / "plot.svg").read_text(encoding="utf-8")
    for one in json.loads(told)["policies"]:
        assert (one["matched"], one["share"], one["shares"]) == (0, None, [])
        assert (one["waited_half"], one["waited_most"]) == (None, None)


@pytest.mark.parametrize("options", [("--seeds", "0"), ("--market", "other"), ("--households", "0")])
def test_numbers_that_cannot_be_meant_are_refused(options: tuple[str, ...], lotse: Lotse) -> None:
    """Exit code 2 before anything is played."""
    assert lotse("simulate", *options)[0] == 2


@pytest.mark.timeout(120)
def test_two_processes_show_what_one_shows(files: tuple[str, ...], lotse: Lotse) -> None:
    """The same figures, of files too, and how many years are done."""
    alone = lotse("simulate", *files, "--seeds", "3", "--processes", "1", "--json", "-")
    both = lotse("simulate", *files, "--seeds", "3", "--processes", "2", "--json", "-")

    assert (alone[0], both[0]) == (0, 0)
    assert json.loads(both[1]) == json.loads(alone[1])
    assert both[2].splitlines()[-1] == "3 of 3 years, 2 at once …"


@pytest.mark.parametrize(("options", "years"), [
    ((), 40), (("--market", "large"), 5), (("--seeds", "3"), 3), (("--processes", "1"), 40)])
def test_a_thin_market_is_played_for_forty_years(
    options: tuple[str, ...], years: int, lotse: Lotse, monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Five would be too few to judge its goals by; and a process that was killed is a sentence."""
    asked: list[tuple[int, int]] = []

    def killed(markets: dict[int, object], *, processes: int, tell: object) -> list[Line]:
        asked.append((len(markets), processes))
        raise Ended

    monkeypatch.setattr(comparing, "compare", killed)
    monkeypatch.setattr(os, "cpu_count", lambda: 4)
    code, _, told = lotse("simulate", *options)

    assert asked == [(years, 1 if "--processes" in options else 2)]
    assert (code, "--processes 1 needs least memory." in told) == (1, True)


@pytest.mark.slow
@pytest.mark.timeout(120)
@pytest.mark.parametrize("seconds", [0, 0.3, 4])
def test_ctrl_c_ends_all_of_its_processes(seconds: float) -> None:
    """The code of what was interrupted, no traceback, and nobody goes on playing; also while they only begin."""
    heard = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); "  # also where tests run aside
    command = [sys.executable, "-c", heard + COMMAND, "simulate", "--processes", "2"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, start_new_session=True) as playing:
        assert playing.stderr is not None
        said = playing.stderr.readline()
        time.sleep(seconds)
        os.killpg(playing.pid, signal.SIGINT)
        said += playing.stderr.read()  # as long as any of them is there

    assert playing.returncode == 130
    assert said.startswith("40 years, 2 at once")
    assert "Traceback" not in said
