"""Pages: the one small accessible page that a signed link opens, in the reader's language and direction."""

from collections.abc import Sequence
from dataclasses import dataclass

from fastapi import Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, StrictUndefined

from libs.common.codes.languages import direction

# No script, no image, nothing from elsewhere: it opens on any phone and passes any content security policy.
PAGES = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
TEMPLATE = PAGES.from_string("""\
{% set wrong = ' aria-invalid="true"'|safe %}
{% macro form(fields, buttons) %}
{% if buttons %}
<form method="post" action="{{ buttons[0][1] }}">
{% for field in fields %}
{% if field.several %}
<fieldset><legend>{{ field.label }}</legend>
{% for value, text in field.options %}
<label><input type="checkbox" name="{{ field.name }}" value="{{ value }}"
{{- " checked" if value in field.values else "" }}> {{ text }}</label>
{% endfor %}
</fieldset>
{% elif field.kind == "hidden" %}
<input type="hidden" name="{{ field.name }}" value="{{ field.values|first }}">
{% elif field.options %}
<label>{{ field.label }}
<select name="{{ field.name }}"{{ wrong if field.wrong else "" }}>
{% for value, text in field.options %}
<option value="{{ value }}"{{ " selected" if value in field.values else "" }}>{{ text }}</option>
{% endfor %}
</select></label>
{% elif field.kind == "textarea" %}
<label>{{ field.label }}
<textarea name="{{ field.name }}" rows="6" dir="auto"{{ wrong if field.wrong else "" }}>
{{ field.values|first|default }}</textarea></label>
{% else %}
<label>{{ field.label }}
<input type="{{ field.kind }}" name="{{ field.name }}" value="{{ field.values|first|default }}" dir="auto"
{%- if field.least %} min="{{ field.least }}"{% endif %}
{%- if field.most %} max="{{ field.most }}"{% endif %}
{{- wrong if field.wrong else "" }}></label>
{% endif %}
{% endfor %}
{% for label, action in buttons %}
<button type="submit" formmethod="post" formaction="{{ action }}">{{ label }}</button>
{% endfor %}
</form>
{% endif %}
{% endmacro %}
{% macro leading(links) %}
{% for label, address in links %}
<p><a href="{{ address }}">{{ label }}</a></p>
{% endfor %}
{% endmacro %}
<!doctype html>
<html lang="{{ language }}" dir="{{ direction }}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<title>{{ title }}</title>
<style>
:root { color-scheme: light dark; }
body { font: 1.125rem/1.6 system-ui, sans-serif; max-width: 38rem; margin: 0 auto; padding: 1.5rem;
  color: #1b1b1b; background: #fff; overflow-wrap: anywhere; }
h1 { font-size: 1.5rem; line-height: 1.3; }
form { display: flex; flex-wrap: wrap; gap: .75rem; margin-block: 1.5rem; }
button { font: inherit; padding: .75rem 1.25rem; min-height: 3rem; border: 2px solid #0b4f8a; border-radius: .5rem;
  background: #0b4f8a; color: #fff; cursor: pointer; }
button + button { background: #fff; color: #0b4f8a; }
button:focus-visible, input:focus-visible, select:focus-visible, textarea:focus-visible, a:focus-visible {
  outline: 3px solid #b35900; outline-offset: 3px; }
h2 { font-size: 1.25rem; margin-block: 2.5rem .5rem; }
dt { font-weight: 600; }
dd { margin: 0 0 .75rem; }
label, fieldset { flex: 1 1 100%; min-inline-size: 0; }
fieldset { display: flex; flex-wrap: wrap; gap: .25rem 1.25rem; border: 1px solid #767676; border-radius: .5rem; }
fieldset label { flex: 0 0 auto; min-height: 2.5rem; display: flex; align-items: center; gap: .5rem; }
input, select, textarea { font: inherit; padding: .5rem; min-height: 3rem; max-width: 100%; box-sizing: border-box; }
input[type=checkbox] { min-height: 0; width: 1.5rem; height: 1.5rem; }
label > input:not([type=checkbox]), label > select, label > textarea { display: block; width: 100%; }
[aria-invalid] { border: 3px solid #b35900; }
a { color: #0b4f8a; }
.said { border-inline-start: .5rem solid #0b4f8a; padding: .75rem 1rem; font-weight: 600; }
@media (prefers-color-scheme: dark) {
  body { color: #f2f2f2; background: #161616; }
  button { border-color: #9ccbff; background: #9ccbff; color: #10202f; }
  button + button { background: #161616; color: #9ccbff; }
  a { color: #9ccbff; }
  .said { border-color: #9ccbff; }
}
</style>
</head>
<body>
<main>
<h1>{{ title }}</h1>
{% if said %}
<p class="said" role="alert">{{ said }}</p>
{% endif %}
{% for paragraph in paragraphs %}
<p>{{ paragraph }}</p>
{% endfor %}
{{ form([], buttons) }}
{{ leading(links) }}
{% for section in sections %}
<section>
{% if section.heading %}
<h2>{{ section.heading }}</h2>
{% endif %}
{% for paragraph in section.paragraphs %}
<p>{{ paragraph }}</p>
{% endfor %}
{% if section.known %}
<dl>
{% for term, value in section.known %}
<dt>{{ term }}</dt><dd><bdi>{{ value }}</bdi></dd>
{% endfor %}
</dl>
{% endif %}
{{ form(section.fields, section.buttons) }}
{{ leading(section.links) }}
</section>
{% endfor %}
</main>
</body>
</html>
""")


@dataclass(frozen=True)
class Field:
    """Something to fill in: what stands in it, and the options (value, label) where it is a choice.

    several: any number of the options. kind: what an input without options takes, in HTML's words; "hidden" has no
    label and is sent unseen, "textarea" takes several lines. least, most: the bounds of a day or number.
    """

    name: str
    label: str
    values: Sequence[str] = ()
    options: Sequence[tuple[str, str]] = ()
    several: bool = False
    kind: str = "text"
    wrong: bool = False
    least: str = ""
    most: str = ""


@dataclass(frozen=True)
class Section:
    """A part of a page: what is known (term and value), what can be filled in and sent, and where links lead.

    Without a heading it belongs to the page's title.
    """

    heading: str
    paragraphs: Sequence[str] = ()
    known: Sequence[tuple[str, str]] = ()
    fields: Sequence[Field] = ()
    buttons: Sequence[tuple[str, str]] = ()
    links: Sequence[tuple[str, str]] = ()


def page(
    *, language: str, title: str, paragraphs: Sequence[str], buttons: Sequence[tuple[str, str]] = (), status: int = 200,
    said: str = "", links: Sequence[tuple[str, str]] = (), sections: Sequence[Section] = (),
) -> HTMLResponse:
    """The page; a button is a label and the address that it posts to, a link one that it leads to.

    said: what is said first, about what was just sent. Buttons outside a section post nothing but their address.
    """
    return HTMLResponse(status_code=status, content=TEMPLATE.render(
        language=language, direction=direction(language), title=title, paragraphs=paragraphs, buttons=buttons,
        said=said, links=links, sections=sections), headers={"Content-Language": language})


def wants_page(request: Request) -> bool:
    """Whether a browser asks (its Accept names HTML), not a program."""
    return "text/html" in request.headers.get("accept", "")
