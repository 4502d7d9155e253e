"""Pages: the one small accessible page that a signed link opens, in the reader's language and direction."""

from collections.abc import Sequence

from fastapi import Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, StrictUndefined

from libs.common.codes.languages import direction

# No script, no image, nothing from elsewhere: it opens on any phone and passes any content security policy.
PAGES = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
TEMPLATE = PAGES.from_string("""\
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
button:focus-visible { outline: 3px solid #b35900; outline-offset: 3px; }
@media (prefers-color-scheme: dark) {
  body { color: #f2f2f2; background: #161616; }
  button { border-color: #9ccbff; background: #9ccbff; color: #10202f; }
  button + button { background: #161616; color: #9ccbff; }
}
</style>
</head>
<body>
<main>
<h1>{{ title }}</h1>
{% for paragraph in paragraphs %}
<p>{{ paragraph }}</p>
{% endfor %}
{% if buttons %}
<form method="post">
{% for label, action in buttons %}
<button type="submit" formmethod="post" formaction="{{ action }}">{{ label }}</button>
{% endfor %}
</form>
{% endif %}
</main>
</body>
</html>
""")


def page(
    *, language: str, title: str, paragraphs: Sequence[str], buttons: Sequence[tuple[str, str]] = (), status: int = 200,
) -> HTMLResponse:
    """The page; each button is a label and the address that it posts to, without a body."""
    return HTMLResponse(status_code=status, content=TEMPLATE.render(
        language=language, direction=direction(language), title=title, paragraphs=paragraphs, buttons=buttons),
        headers={"Content-Language": language})


def wants_page(request: Request) -> bool:
    """Whether a browser asks (its Accept names HTML), not a program."""
    return "text/html" in request.headers.get("accept", "")
