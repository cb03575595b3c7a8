"""All pages in one HTML file that needs nothing else: styles, script, curves and pictures are inside.

A content security policy allows exactly that: no address is asked for anything, and no script runs but the one that
this module wrote.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from html import escape
from importlib.resources import files as resources

from bench.document import Page
from bench.html import Files, anchor, article


def render(pages: Sequence[Page], measured: frozenset[str], files: Files) -> str:
    """The file. The first page is the index; `measured` names the pages with a measured value.

    The same pages and files give the same text.
    """
    style, script = (_own(name) for name in ("report.css", "report.js"))
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    policy = (
        f"default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'sha256-{digest}'; "
        "base-uri 'none'; form-action 'none'"
    )
    links = "\n".join(
        f'<li><a href="#{anchor(page.key)}"{" class=measured" if page.key in measured else ""}>'
        f"{escape(page.title)}</a></li>"
        for page in pages
    )
    body = "\n".join(article(page, files) for page in pages)
    title = escape(pages[0].title)
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{title}</title>
<style>
{style}</style>
</head>
<body>
<header class="top">
<h1>{title}</h1>
<form role="search" hidden>
<label class="hidden" for="search">Search all tables</label>
<input id="search" type="search" placeholder="Search systems, claims, metrics" autocomplete="off">
<output id="found" for="search" aria-live="polite"></output>
</form>
</header>
<div class="layout">
<nav aria-label="Contents"><details open><summary>Contents</summary>
<ul>
{links}
</ul></details></nav>
<main>
{body}
</main>
</div>
<script>{script}</script>
</body>
</html>
"""


def _own(name: str) -> str:
    return resources("bench").joinpath("web", name).read_text("utf-8")
