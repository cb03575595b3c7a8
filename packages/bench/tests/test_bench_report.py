"""The HTML report: whole, harmless, the same for the same files, and the same words as the markdown pages."""

from __future__ import annotations

import json
import re
from html import unescape
from html.parser import HTMLParser

import pytest

from bench import html, leaderboard, markdown, rank, verdicts, workspace
from bench.document import (
    Badge,
    Code,
    Details,
    Emphasis,
    Grid,
    Heading,
    Link,
    Page,
    Paragraph,
    Picture,
    Region,
    Source,
    Strong,
    Value,
)
from core_eval import InputError

VOID = {"meta", "br", "input", "img"}
HOSTILE = "<script>window.hacked=1</script>"


class Tree(HTMLParser):
    """Checks that tags close in order; keeps ids, link targets, and the cells of every table as text."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.ids: list[str] = []
        self.targets: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.tables: list[list[list[str]]] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        known = dict(attrs)
        self.tags.append((tag, known))
        if tag not in VOID:
            self.open.append(tag)
        if known.get("id"):
            self.ids.append(known["id"] or "")
        if tag == "a":
            self.targets.append(known["href"] or "")
        if tag == "table":
            self.tables.append([])
        elif tag == "tr":
            self.tables[-1].append([])
        elif tag in ("td", "th"):
            self.tables[-1][-1].append("")
        elif tag == "br" and self.open[-1] in ("td", "th"):
            self.tables[-1][-1][-1] += "\n"

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if {"td", "th"} & set(self.open):
            self.tables[-1][-1][-1] += data


@pytest.fixture
def measured(checkout, bench):
    assert bench("reproduce", "toy-table", "--seeds", "2").code == 0
    return checkout


@pytest.fixture
def report(bench, tmp_path):
    """Write the report and give its text."""

    def write() -> str:
        ran = bench("report", tmp_path / "out.html")
        assert ran.code == 0, ran.err
        return (tmp_path / "out.html").read_text("utf-8")

    return write


def test_the_same_files_give_the_same_bytes_and_nothing_else_is_written(measured, report) -> None:
    before = sorted(measured.root.rglob("*"))
    assert report() == report()
    assert sorted(measured.root.rglob("*")) == before


@pytest.mark.usefixtures("measured")
def test_the_file_is_well_formed_and_asks_for_nothing(report) -> None:
    text = report()
    tree = Tree(text)
    assert len(set(tree.ids)) == len(tree.ids)
    assert tree.targets
    assert {target[1:] for target in tree.targets} <= set(tree.ids)
    for tag, known in tree.tags:
        assert tag not in ("link", "iframe", "object", "embed", "base"), tag
        for name in ("src", "href", "xlink:href", "action", "srcset"):
            assert (known.get(name) or "#").startswith(("#", "data:image/webp;base64,")), (tag, known)
        assert not any(name.startswith("on") for name in known), (tag, known)
        if tag == "img":
            assert known["alt"]
        if tag == "svg":
            assert known["aria-label"]
    assert not re.findall(r"url\((?!#)|@import", text)
    assert set(re.findall(r"https?://[^\"]*", text)) == {"http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"}
    assert '<meta name="viewport" content="width=device-width, initial-scale=1">' in text


@pytest.mark.usefixtures("measured")
def test_the_policy_allows_the_one_script_by_its_hash(report) -> None:
    import base64
    import hashlib

    text = report()
    (script,) = re.findall(r"<script>(.*?)</script>", text, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    (policy,) = re.findall(r'http-equiv="Content-Security-Policy" content="([^"]*)"', text)
    assert f"script-src 'sha256-{digest}'" in policy
    assert "default-src 'none'" in policy


def test_strings_from_outside_are_never_markup(measured, bench, report) -> None:
    lines = measured.results.read_text("utf-8").replace('"row":"Good"', json.dumps("row") + ":" + json.dumps(HOSTILE))
    records = [json.loads(line) for line in lines.splitlines()]
    for record in records:
        record["provenance"]["device"] = f'"><img src=x onerror="{HOSTILE}'
        record["provenance"]["partial"] = f"</section>{HOSTILE}[x](javascript:alert)"
        record["provenance"]["trained_on"] = f"`{HOSTILE}`"
    measured.results.write_text("".join(json.dumps(record) + "\n" for record in records), "utf-8")
    text = measured.table.read_text("utf-8").replace('"Good"', f"'{HOSTILE}'")
    measured.table.write_text(text.replace('title = "AUC"', "title = '</table>AUC'"), "utf-8")
    measured.edit('authors = ["Somebody"]', f"authors = ['{HOSTILE}']", measured.root / "benchmarks" / "papers.toml")
    page = report()
    tree = Tree(page)
    assert [tag for tag, _ in tree.tags].count("script") == 1
    assert not [known for tag, known in tree.tags if tag == "img"]
    assert page.count("window.hacked") == page.count("&lt;script&gt;window.hacked") > 5
    assert any(HOSTILE in cell for table in tree.tables for row in table for cell in row)
    assert bench("leaderboard").code == 0
    written = (measured.root / "leaderboards" / "toy.md").read_text("utf-8")
    outside = re.sub(r"(`+).*?\1", "", written)  # in code nothing is markup
    assert "window.hacked" in outside
    assert not re.search(r"<(?!!--|a id=|/a>|br>|/?details>|/?summary>)[A-Za-z/!]", outside)
    assert "](javascript" not in outside


@pytest.mark.usefixtures("measured")
def test_both_renderers_say_the_same_of_every_cell(report) -> None:
    place = workspace.find()
    pages = leaderboard.documents(place, leaderboard.boards(place))
    grids = [grid for page in pages for grid in _grids(page.blocks)]
    tables = Tree(report()).tables
    assert len(tables) == len(grids) > 8
    for grid, table in zip(grids, tables, strict=True):
        assert table[1:] == [[_plain(line) for line in row] for row in grid.rows]
        assert [cell for cell in table[0] if cell not in ("Rank", "Remark")] == [one for one in grid.headings if one]
    text = "\n".join(markdown.render(page) for page in pages)
    rows = [line for line in text.splitlines() if line.startswith("| ") and not line.startswith(("| ---", "| :--"))]
    assert len(rows) == sum(len(grid.rows) + 1 for grid in grids)
    for row, cells in zip(rows, [cells for grid in grids for cells in (grid.headings, *grid.rows)], strict=True):
        found = re.split(r"(?<!\\) \| ", row[2:-2])
        assert [_bare(cell) for cell in found] == [_bare(_plain(line), shown=True) for line in cells]


def _grids(blocks):
    for block in blocks:
        if isinstance(block, Grid):
            yield block
        elif isinstance(block, Details | Region):
            yield from _grids(block.blocks)


def _plain(line) -> str:
    """What a reader of the HTML page reads."""
    words = []
    for span in (line,) if isinstance(line, str) else line:
        match span:
            case str():
                words.append(span)
            case Badge(word, sign):
                words.append(f"{sign} {word}".strip())
            case Value(text, interval):
                words.append(f"{text} {interval}".strip())
            case Source(file, number):
                words.append(f"{file}:{number}")
            case Code() | Strong() | Emphasis() | Link():
                words.append(span.text)
    return "".join(words)


def _bare(cell: str, *, shown: bool = False) -> str:
    """A cell without the marks of markdown."""
    if shown:
        cell = re.sub(r"results/\S+:(\d+)", r"line \1", cell)
    cell = unescape(cell.replace("\\|", "|").replace("<br>", "\n"))
    return re.sub(r"\[([^\]]*)\]\([^)]*\)|[`*]", r"\1", cell)


def test_real_and_stand_in_data_are_never_in_one_region(measured, report) -> None:
    records = [json.loads(line) for line in measured.results.read_text("utf-8").splitlines()]
    with measured.results.open("a", encoding="utf-8") as file:
        file.writelines(json.dumps({**record, "data": "real"}) + "\n" for record in records)
    text = report()
    regions = re.findall(r'<section class="(real|stand-in)".*?</section>', text, re.DOTALL)
    assert sorted(regions) == ["real", "real", "stand-in", "stand-in"]
    for region, content in re.findall(r'<section class="(real|stand-in)"(.*?)</section>', text, re.DOTALL):
        other = {"real": "on stand-in data", "stand-in": "on real data"}[region]
        assert other not in content.lower()
        assert "<section" not in content
        assert ("licences" in content) == (region == "real" and "Provenance" in content)
    assert '<span class="badge ' in text
    assert "badge close" in text or "badge off" in text or "badge match" in text


@pytest.mark.usefixtures("measured")
def test_rankings_and_claims_are_computed_once(report, monkeypatch) -> None:
    calls = {"rankings": 0, "judge": 0}

    def counted(name, function):
        def call(*arguments):
            calls[name] += 1
            return function(*arguments)

        return call

    monkeypatch.setattr(rank, "rankings", counted("rankings", rank.rankings))
    monkeypatch.setattr(leaderboard, "judge", counted("judge", verdicts.judge))
    report()
    assert calls == {"rankings": 1, "judge": 1}


def test_every_value_has_a_line_of_the_results_behind_it(measured, report) -> None:
    text = report()
    lines = measured.results.read_text("utf-8").splitlines()
    named = {int(number) for number in re.findall(r"results/toy/toy-table\.jsonl:(\d+)", text)}
    assert named == set(range(1, len(lines) + 1))
    for table in Tree(text).tables:
        if "Predictions" not in table[0]:
            continue
        for system, seed, found, commit, predictions, *_ in table[1:]:
            for number in re.findall(r":(\d+)", found):
                record = json.loads(lines[int(number) - 1])
                assert (record["row"], str(record["seed"])) == (system, seed)
                assert record["provenance"]["predictions"].startswith(predictions)
                assert record["provenance"]["commit"].startswith(commit.rstrip("+"))


@pytest.mark.usefixtures("checkout")
def test_a_folder_is_refused_and_an_empty_checkout_has_a_report(bench, report, tmp_path) -> None:
    ran = bench("report", tmp_path)
    assert ran.code == 2
    assert "is a folder" in ran.err
    assert "nothing has been measured yet" in report()


def test_a_drawing_keeps_to_itself() -> None:
    """Two drawings share no ids, colours follow the theme, and a style sheet would reach the whole page."""
    text = (
        '<?xml version="1.0"?><svg width="9pt" viewBox="0 0 360 200"><metadata>when</metadata><defs>'
        '<style type="text/css">*{fill:red}</style></defs><!-- --><path id="a" style="fill: #ffffff"/>'
        '<use xlink:href="#a"/><g clip-path="url(#a)"/></svg>'
    )
    page = Page("p", "P", [Picture("one/x.svg", 'a "b"'), Picture("two/x.svg", "c")])
    shown = html.article(page, lambda _: text.encode())
    Tree(shown)
    assert "style>" not in shown
    assert "metadata" not in shown
    assert 'id="one-x-svg-a"' in shown
    assert 'id="two-x-svg-a"' in shown
    assert 'href="#one-x-svg-a"' in shown
    assert "url(#two-x-svg-a)" in shown
    assert "fill: var(--paper)" in shown
    assert 'aria-label="a &quot;b&quot;"' in shown


def test_what_is_no_picture_is_refused() -> None:
    page = Page("p", "P", [Picture("samples-x.webp", "x")])
    with pytest.raises(InputError, match="WebP"):
        html.article(page, lambda _: b"<script>")


def test_anchors_and_code_survive_markdown() -> None:
    page = Page("p", "A <b>", [Heading(2, "T", "t"), Paragraph(("1 < 2 ", Code("a|`b`"), " ", Link("x", "p", "t")))])
    text = markdown.render(page)
    assert "# A &lt;b>" in text
    assert '<a id="t"></a>\n\n## T' in text
    assert "1 < 2 `` a|`b` `` [x](p.md#t)" in text
