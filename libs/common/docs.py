"""The API's page for people: made from the OpenAPI document, without scripts and without anything from elsewhere."""

import json
from typing import Any

from fastapi import APIRouter, FastAPI, Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, StrictUndefined

router = APIRouter(include_in_schema=False)
TEMPLATE = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True).from_string("""\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{{ title }}: API</title>
<style>
:root { color-scheme: light dark; --line: #8884; --quiet: #666; --accent: #0b4f8a; }
@media (prefers-color-scheme: dark) { :root { --quiet: #aaa; --accent: #9ccbff; } }
body { font: 1rem/1.55 system-ui, sans-serif; max-width: 62rem; margin: 0 auto; padding: 1.5rem; }
h2 { border-bottom: 1px solid var(--line); padding-bottom: .25rem; margin-top: 2.5rem; }
nav ul { columns: 16rem; padding-inline-start: 1.2rem; }
a { color: var(--accent); }
details { border: 1px solid var(--line); border-radius: .4rem; margin-block: .5rem; padding: .5rem .9rem; }
summary { cursor: pointer; } summary code { font-weight: 600; }
pre { overflow-x: auto; padding: .75rem; border: 1px solid var(--line); border-radius: .4rem; font-size: .875rem; }
table { border-collapse: collapse; } td, th { text-align: start; padding: .2rem .9rem .2rem 0; vertical-align: top; }
.quiet { color: var(--quiet); }
</style>
</head>
<body>
<header>
<h1>{{ title }}</h1>
<p>{{ about }}</p>
<p class="quiet">For programs: <a href="/v1/openapi.json">OpenAPI</a>, <a href="/v1/asyncapi.json">AsyncAPI</a>.
Keys go into the header <code>Authorization: Bearer net_…</code>; refusals are problem documents (RFC 9457) with a stable
<code>slug</code>, in German or English by <code>Accept-Language</code>; changes need <code>If-Match</code> with the
<code>ETag</code> that was read; a POST that creates takes an <code>Idempotency-Key</code>.</p>
</header>
<nav aria-label="Operations"><ul>
{% for tag, operations in tags.items() %}
<li><a href="#{{ tag }}">{{ tag }}</a> <span class="quiet">({{ operations|length }})</span></li>
{% endfor %}
</ul></nav>
<main>
{% for tag, operations in tags.items() %}
<h2 id="{{ tag }}">{{ tag }}</h2>
{% for one in operations %}
<details id="{{ one.id }}">
<summary><code>{{ one.method }} {{ one.path }}</code> {{ one.summary }}</summary>
{% for paragraph in one.paragraphs %}
<p>{{ paragraph }}</p>
{% endfor %}
{% if one.parameters %}
<table>
<tr><th scope="col">parameter</th><th scope="col">in</th><th scope="col">what</th></tr>
{% for parameter in one.parameters %}
<tr><td><code>{{ parameter.name }}</code>{{ " *" if parameter.required else "" }}</td><td>{{ parameter.place }}</td><td>{{ parameter.about }}</td></tr>
{% endfor %}
</table>
{% endif %}
{% if one.body %}
<p>Body:</p>
<pre><code>{{ one.body }}</code></pre>
{% endif %}
<p class="quiet">Answers: {{ one.answers }}</p>
</details>
{% endfor %}
{% endfor %}
</main>
</body>
</html>
""")


@router.get("/docs")
async def show_docs(request: Request) -> HTMLResponse:
    """The page."""
    return HTMLResponse(rendered(request.app))


def rendered(app: FastAPI) -> str:
    """The page of an app as HTML."""
    document = app.openapi()
    tags: dict[str, list[dict[str, Any]]] = {}
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            described = _operation(document, method, path, operation)
            tags.setdefault((operation.get("tags") or ["others"])[0], []).append(described)
    return TEMPLATE.render(title=document["info"]["title"], about=document["info"].get("description", ""), tags=tags)


def _operation(document: dict[str, Any], method: str, path: str, operation: dict[str, Any]) -> dict[str, Any]:
    content = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
    body = json.dumps(example(document, content["schema"]), indent=2, ensure_ascii=False) if content else ""
    return {
        "id": operation["operationId"], "method": method.upper(), "path": path, "body": body,
        "summary": operation.get("summary", ""), "paragraphs": operation.get("description", "").split("\n\n"),
        "answers": ", ".join(operation["responses"]),
        "parameters": [
            {"name": one["name"], "place": one["in"], "required": one.get("required", False),
             "about": one.get("description", "") or _type_of(one.get("schema", {}))}
            for one in operation.get("parameters", ())
        ],
    }


def example(document: dict[str, Any], schema: dict[str, Any], depth: int = 0) -> Any:
    """An example that a schema gives, or one made of its parts."""
    schema = _resolved(document, schema)
    for key in ("examples", "example", "default", "const"):
        if key in schema:
            return schema[key][0] if key == "examples" else schema[key]
    if "enum" in schema:
        return schema["enum"][0]
    if "anyOf" in schema:
        return example(document, schema["anyOf"][0], depth + 1)
    if "properties" in schema and depth < 6:  # noqa: PLR2004 - deeper than any body of ours
        return {name: example(document, one, depth + 1) for name, one in schema["properties"].items()}
    if schema.get("type") == "array":
        return [example(document, schema["items"], depth + 1)]
    return _type_of(schema)


def _resolved(document: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    if "$ref" not in schema:
        return schema
    name = schema["$ref"].rsplit("/", 1)[1]
    return {**document["components"]["schemas"][name], **{key: value for key, value in schema.items() if key != "$ref"}}


def _type_of(schema: dict[str, Any]) -> str:
    return str(schema.get("format") or schema.get("type") or "any")
