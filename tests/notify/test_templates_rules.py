"""Templates: every text in every language, read as a person would read it."""

import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from libs.common.codes.languages import direction
from libs.common.facts.question import Addressee
from services.notify.deliveries.composing import CONFIRMATION
from services.notify.deliveries.rules import TOLD
from services.notify.templates.model import LANGUAGES, Catalogue, Example, Gap, GapKind, Moot, Template
from services.notify.templates.queries import catalogue
from services.notify.templates.rules import Footer, Notification, gaps, render, said_time

FOOTER = Footer("https://notify.example.org/preferences", "https://notify.example.org/unsubscribe")
FILES = catalogue()
KEYS = sorted(FILES.templates)
FSI, PDI = "\u2068", "\u2069"
OVERRIDES = re.compile("[\u202a-\u202e\u2066\u2067]")
LEFT_OVER = re.compile(r"\{[{%]|[%}]\}|\{\w*\}|\bNone\b|Undefined")
# What a subject may name: the thing it is about, and nothing of the person.
IN_SUBJECTS = {"title"}


class Page(HTMLParser):
    """What an HTML part is made of."""

    def __init__(self, html: str) -> None:
        """Read it."""
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.links: list[str] = []
        self.faults: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note the tag."""
        self.tags.append((tag, dict(attrs)))
        self.links += [value or "" for name, value in attrs if name == "href"]
        if tag not in {"meta", "br"}:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        """Each end belongs to the last begin."""
        if self.open.pop() != tag:
            self.faults.append(tag)


def read(key: str, language: str, words: Addressee | None = None, files: Catalogue = FILES) -> Notification:
    """The notification with the example's words, or with others."""
    return render(files, key, words or files.example(key).words, [language], FOOTER)


def bare(key: str) -> Addressee:
    """The example's words without what is optional, and without a name."""
    example = FILES.example(key)
    kept = {part: {name: value for name, value in getattr(example.words, part).items() if name not in example.optional}
            for part in ("values", "texts", "times", "links")}
    return example.words.model_copy(update=kept | {"name": ""})


def amiss(notification: Notification) -> list[str]:
    """What is wrong with a notification, whatever it says."""
    page, text = Page(notification.html), notification.text
    faults = [f"left over: {found[0]}" for part in (notification.subject, text, notification.html)
              if (found := LEFT_OVER.search(part))]
    depth = 0
    for sign in text:
        depth += {FSI: 1, PDI: -1}.get(sign, 0)
        if depth < 0 or depth > 1 or (sign == "\n" and depth):
            faults.append("isolates are not balanced on each line")
            break
    if OVERRIDES.search(text + notification.html + notification.subject):
        faults.append("a mark turns the direction")
    html = next(attributes for tag, attributes in page.tags if tag == "html")
    if html != {"lang": notification.language, "dir": direction(notification.language)}:
        faults.append(f"html says {html}")
    faults += [f"{tag} is not closed" for tag in [*page.open, *page.faults]]
    if not all(link in text for link in page.links) or any(not link.startswith("https://") for link in page.links):
        faults.append("text and HTML have other links")
    if "\n" in notification.subject or not 5 <= len(notification.subject) <= 110:
        faults.append("the subject is too long or broken")
    return faults


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("key", KEYS)
def test_every_template_reads_well_in_every_language(key: str, language: str) -> None:
    """Whole, in its language and direction, with every variable put in; also with only what must be there."""
    full = read(key, language)

    assert full.language == language
    assert amiss(full) == []
    assert amiss(read(key, language, bare(key))) == []
    assert "Mira Beispiel" in full.text
    assert "Mira" not in full.subject


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("key", ["mentor_group_ready", "prerequisite_fulfilled"])
def test_a_group_is_promised_nothing_that_is_not_to_come(key: str, language: str) -> None:
    """What follows for it is said only where the group prepares, or a household is looked for."""
    *_, promise = FILES.templates[key][language].paragraphs
    said = re.sub(r"\{%.*?%\}", "", promise)

    assert said in read(key, language).text
    assert said not in read(key, language, bare(key)).text


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("key", KEYS)
def test_a_subject_names_the_thing_and_nobody(key: str, language: str) -> None:
    """A subject is read on locked screens: it says at most the title of an offer or event."""
    named = set(re.findall(r"\{\{ (\w+) \}\}", FILES.templates[key][language].subject))

    assert named <= IN_SUBJECTS


def test_every_told_fact_has_its_template_and_every_template_its_fact() -> None:
    """No template is missing, and none is left of what is told no more."""
    assert {told.template for some in TOLD.values() for told in some} | {CONFIRMATION} == set(KEYS)


def test_nothing_is_missing() -> None:
    """Every key is written in all four languages with the same variables."""
    assert list(gaps(FILES)) == []


def a_catalogue(**languages: Template) -> Catalogue:
    """One key, `planted`, in these languages, with the variables title (needed) and note (optional)."""
    words = Addressee(name="Mira", texts={"title": {"de": "Lesekreis"}}, values={"note": "n"})
    return replace(FILES, templates={"planted": languages}, examples={"planted": Example(words, frozenset({"note"}))})


def a_template(language: str, *paragraphs: str) -> Template:
    """A template of the planted key."""
    return Template("planted", language, "0", "Betreff: {{ title }}", paragraphs or ("{{ title }}",))


def test_planted_gaps_are_found() -> None:
    """A language that is missing, a variable that one language forgets, and one that nobody gives."""
    forgets = replace(a_template("ar", "نص"), subject="نص")
    files = a_catalogue(de=a_template("de"), en=a_template("en", "{{ place }}"), ar=forgets)

    assert list(gaps(files)) == [
        ("planted", "uk", GapKind.MISSING_LANGUAGE, "uk"),
        ("planted", "en", GapKind.UNKNOWN_VARIABLE, "place"),
        ("planted", "ar", GapKind.MISSING_VARIABLE, "title"),
    ]


@pytest.mark.parametrize(("wanted", "got"), [
    (["ar-SY"], "ar"), (["fa", "uk"], "uk"), (["fa"], "de"), (["de-simple"], "de"), ([], "de"),
    (["not a tag", "en"], "en"),
])
def test_a_missing_language_falls_back_visibly(wanted: list[str], got: str) -> None:
    """The next language of the person, else German; the mail says when it is not the first."""
    shown = render(FILES, "registration_confirmed", FILES.example("registration_confirmed").words, wanted, FOOTER)

    assert shown.language == got
    second_choice = bool(wanted) and wanted[0].split("-")[0] != got
    assert (FILES.layouts[got].other_language in shown.text) is second_choice
    assert (FILES.layouts[got].other_language in shown.html) is second_choice


def test_no_template_at_all_is_a_gap() -> None:
    """Not even German is there: nothing is sent."""
    with pytest.raises(Gap, match="missing_language"):
        render(a_catalogue(ar=a_template("ar")), "planted", Addressee(), ["uk"], FOOTER)


@pytest.mark.parametrize("words", [
    Addressee(), Addressee(texts={"title": {}}), Addressee(texts={"title": {"de": " "}}),
    Addressee(values={"title": ""}),
])
def test_a_missing_variable_is_a_gap(words: Addressee) -> None:
    """Not given, or given empty: nothing is sent rather than something empty."""
    with pytest.raises(Gap) as raised:
        render(a_catalogue(de=a_template("de")), "planted", words, ["de"], FOOTER)

    assert (raised.value.kind, raised.value.name) == (GapKind.MISSING_VARIABLE, "title")


def test_a_text_comes_in_the_persons_dearest_language_and_says_which() -> None:
    """An Arabic mail to someone who also reads Ukrainian names the offer in Ukrainian, marked as such."""
    words = Addressee(texts={"title": {"de": "Begleitung", "uk": "Супровід"}})
    shown = render(FILES, "offer_published", words, ["ar", "uk"], FOOTER)

    assert '<bdi lang="uk" dir="ltr">Супровід</bdi>' in shown.html
    assert f"{FSI}Супровід{PDI}" in shown.text
    assert f"{FSI}Супровід{PDI}" in shown.subject


def test_what_people_typed_cannot_break_a_mail() -> None:
    """HTML is escaped, directions cannot be turned, templates in values stay text, lines stay in their place."""
    nasty = "</bdi><script>x</script>\u202eevil\u2069 {{ name }} {% raw %}\r\nBcc: all@example.org\x00"
    words = FILES.example("offer_changes_requested").words.model_copy(
        update={"texts": {"title": {"de": nasty}}, "name": f"A{nasty}"})

    shown = read("offer_changes_requested", "ar", words)

    assert "<script>" not in shown.html
    assert "&lt;script&gt;" in shown.html
    assert "{{ name }}" in shown.text
    assert not OVERRIDES.search(shown.text + shown.html)
    assert "\x00" not in shown.text + shown.html + shown.subject
    assert len(shown.subject.splitlines()) == 1
    assert shown.text.count(FSI) == shown.text.count(PDI)


def test_a_long_title_leaves_a_short_subject() -> None:
    """A subject is cut, the text is not."""
    words = Addressee(texts={"title": {"de": "Sehr langer Titel " * 11}})

    shown = read("offer_published", "de", words)

    assert len(shown.subject) < 110
    assert shown.subject.endswith("…")
    assert ("Sehr langer Titel " * 11).strip() in " ".join(shown.text.split())


@pytest.mark.parametrize(("language", "said"), [
    ("de", "Montag, 2. März 2026, 17:00 Uhr"), ("en", "Monday, 2 March 2026, 17:00"),
    ("uk", "понеділок, 2 березня 2026\u202f\u0440., 17:00"), ("ar", "الاثنين، 2 مارس 2026، الساعة 17:00"),
])
def test_times_are_said_as_on_the_wall_in_germany(language: str, said: str) -> None:
    """In the reader's language, by Berlin's clock, with digits everyone reads."""
    assert said_time("2026-03-02T16:00:00Z", language, FILES.layouts[language].time) == said


def test_times_follow_summer_time() -> None:
    """The same hour in UTC is another on the wall after the change."""
    assert said_time("2026-07-02T16:00:00+00:00", "de", "{clock}") == "18:00"


def test_a_day_is_said_without_an_hour() -> None:
    """A date alone has no clock, and a time without offset is Berlin's."""
    assert said_time("2026-07-02", "uk", "{day}, {clock}") == "четвер, 2 липня 2026\u202f\u0440."
    assert said_time("2026-07-02T18:00:00", "de", "{clock}") == "18:00"


def test_a_golden_arabic_mail() -> None:
    """The logical order of a right-to-left mail with names, times and places of another direction."""
    words = FILES.example("registration_seat_offered").words.model_copy(update={
        "name": "فاطمة", "links": {"accept": "https://e.example.org/yes", "cancel": "https://e.example.org/no"}})

    shown = render(FILES, "registration_seat_offered", words, ["ar"], Footer("https://n.example.org/p"))

    assert visible(shown.subject) == "توفّر مكان لكم: <Sprachcafé am Markt>"
    assert visible(shown.text) == (
        "مرحبًا <فاطمة>،\n\n"
        "خبر سار: أصبح كل ما تحتاجون إليه متوفرًا في: <Sprachcafé am Markt>\n\n"
        "الموعد: <الاثنين، 2 مارس 2026، الساعة 17:00>\n\n"
        "المكان: <Altes Rathaus, Markt 1>\n\n"
        "نحجز لكم الأماكن حتى: <السبت، 28 فبراير 2026، الساعة 12:00>. يرجى تأكيد حضوركم قبل ذلك.\n\n"
        "نعم، سنحضر:\nhttps://e.example.org/yes\n\n"
        "إلغاء التسجيل:\nhttps://e.example.org/no\n\n"
        "مع أطيب التحيات من شبكتكم\n\n--\nتغيير اللغة أو إيقاف الرسائل:\nhttps://n.example.org/p")


def visible(text: str) -> str:
    """The text with its isolates as something that can be seen."""
    return text.replace(FSI, "<").replace(PDI, ">")


def test_what_holds_no_longer_is_not_told() -> None:
    """A seat offer that was answered before the mail went out has no link any more: there is nothing to tell."""
    words = FILES.example("registration_seat_offered").words.model_copy(update={"links": {}, "times": {}})

    with pytest.raises(Moot):
        read("registration_seat_offered", "de", words)


def test_planted_faults_of_a_notification_are_found() -> None:
    """What the check above looks for is found where it is planted."""
    good = read("offer_published", "de")

    faults = {
        "left over": replace(good, text=good.text + "{{ title }}"),
        "isolates": replace(good, text=good.text.replace(PDI, "\n", 1)),
        "direction": replace(good, html=good.html + "\u202e"),
        "html says": replace(good, html=good.html.replace('dir="ltr"', 'dir="rtl"', 1)),
        "subject": replace(good, subject="x"),
        "closed": replace(good, html=good.html.replace("</footer>", "")),
        "links": replace(good, text="x"),
    }
    assert amiss(good) == []
    for said, planted in faults.items():
        assert any(said in fault for fault in amiss(planted)), said
