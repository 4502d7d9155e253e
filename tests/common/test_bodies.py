"""Texts in bodies: one line, or several as any system writes them; never what controls a terminal or a direction."""

import pytest
from pydantic import TypeAdapter, ValidationError

from libs.common.bodies import Line, Paragraph

LINES, TEXTS = TypeAdapter(Line), TypeAdapter(Paragraph)


@pytest.mark.parametrize("text", ["eins\nzwei", "eins\r\nzwei", "eins\rzwei"])
def test_a_text_has_lines_however_they_are_ended(text: str) -> None:
    """Browsers and Windows end lines differently; kept is one way."""
    assert TEXTS.validate_python(text) == "eins\nzwei"


@pytest.mark.parametrize("text", ["eins\nzwei", "a\x00b", "a\x1bb", "a\u202eb", " ", ""])
def test_what_is_no_line_is_refused(text: str) -> None:
    """A second line, controls, marks that turn the direction, nothing but spaces."""
    with pytest.raises(ValidationError):
        LINES.validate_python(text)


@pytest.mark.parametrize("text", ["a\x00b", "a\x0bb", "a\x1bb", "a\u202eb", "\r\n ", ""])
def test_what_is_no_text_is_refused(text: str) -> None:
    """The same but for the line's end."""
    with pytest.raises(ValidationError):
        TEXTS.validate_python(text)
