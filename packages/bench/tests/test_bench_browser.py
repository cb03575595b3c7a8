"""The HTML report as a reader meets it: sorting, searching, phone, dark, paper, in headless Chromium.

``nox -s browser`` installs what it takes; elsewhere the tests are skipped.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed: run `nox -s browser`")

NAMES = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
CHROMIUM = next((found for name in NAMES if (found := shutil.which(name))), None)
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed: run `nox -s browser`")
HOSTILE = "<script>window.hacked=1</script>"
DESK, PHONE = {"width": 1280, "height": 900}, {"width": 390, "height": 844}
Open = Callable[..., Any]


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with playwright.sync_playwright() as driver:
        flags = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]
        running = driver.chromium.launch(executable_path=CHROMIUM, args=flags)
        yield running
        running.close()


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("report")


@pytest.fixture
def report(request, folder) -> Path:
    """Two seeds on stand-in data, the same as if on real data, hostile words, and a strip of samples; made once."""
    file = folder / "report.html"
    if file.exists():
        return file
    checkout, bench = (request.getfixturevalue(name) for name in ("checkout", "bench"))
    checkout.edit('{"hint": points,', '{"image": np.full((96, 96, 3), 90, np.uint8), "hint": points,', checkout.parts)
    assert bench("reproduce", "toy-table", "--seeds", "2").code == 0
    records = [json.loads(line) for line in checkout.results.read_text("utf-8").splitlines()]
    for record in records:
        record["provenance"]["device"] = f'"><img src=x onerror=window.hacked=1>{HOSTILE}'
    real = [{**record, "data": "real"} for record in records]
    checkout.results.write_text("".join(json.dumps(record) + "\n" for record in [*records, *real]), "utf-8")
    checkout.edit('label = "Cited"', f"label = '{HOSTILE}'")
    checkout.edit('worse = ["Cited"]', f"worse = ['{HOSTILE}']")
    checkout.edit('authors = ["Somebody"]', f"authors = ['{HOSTILE}']", checkout.root / "benchmarks" / "papers.toml")
    assert bench("leaderboard").code == 0
    ran = bench("report", file)
    assert ran.code == 0, ran.err
    return file


@pytest.fixture
def visit(browser, report) -> Iterator[Open]:
    """Open the report; afterwards nothing must have been asked for, complained about, or run from a string."""
    opened, asked, said = [], [], []

    def call(size: dict[str, int] = DESK, **options: Any) -> Any:
        context = browser.new_context(viewport=size, **options)
        page = context.new_page()
        page.on("request", lambda request: asked.append(request.url))
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.goto(report.as_uri())
        opened.append(page)
        return page

    yield call
    for page in opened:
        assert page.evaluate("window.hacked") is None
        page.context.close()
    assert said == []
    assert {url for url in asked if not url.startswith("data:image/webp")} == {report.as_uri()}


def table(page: Any, caption: str) -> Any:
    return page.locator("table", has=page.locator("caption", has_text=re.compile(f"^{re.escape(caption)}"))).first


def column(found: Any, index: int) -> list[str]:
    return [row.locator("th, td").nth(index).inner_text() for row in found.locator("tbody tr").all()]


def test_a_click_on_a_heading_sorts_and_the_third_restores(visit) -> None:
    page = visit()
    found = table(page, "Table 1, measured on stand-in data")
    written = column(found, 0)
    assert written == ["Good", "Good, half", "Bad", HOSTILE, "Later"]
    printed = found.locator("thead th", has_text="AUC ↑ printed")
    printed.get_by_role("button").click()
    assert column(found, 1) == ["0.6", "0.5123", "0.4", "", ""], "higher is better: the best first, what is empty last"
    assert printed.get_attribute("aria-sort") == "descending"
    printed.get_by_role("button").click()
    assert column(found, 1) == ["0.4", "0.5123", "0.6", "", ""]
    assert printed.get_attribute("aria-sort") == "ascending"
    printed.get_by_role("button").click()
    assert column(found, 0) == written
    assert printed.get_attribute("aria-sort") is None


def test_measured_values_sort_by_number_and_names_by_letter_with_the_keyboard_too(visit) -> None:
    page = visit()
    found = table(page, "Table 1, measured on stand-in data")
    rate = found.locator("thead th", has_text="Failure Rate (%) ↓ stand-in")
    rate.get_by_role("button").focus()
    page.keyboard.press("Enter")
    values = [float(text.split()[0]) for text in column(found, 4) if text]
    assert values == sorted(values)
    assert len(values) == 3
    found.locator("thead th").first.get_by_role("button").click()
    assert rate.get_attribute("aria-sort") is None, "one column at a time"
    assert column(found, 0) == sorted(column(found, 0), key=str.lower)
    others = table(page, "Table 1, measured on real data")
    assert column(others, 0) == ["Good", "Good, half", "Bad", HOSTILE, "Later"], "other tables stay"


def test_words_in_the_search_field_hide_rows_tables_and_pages(visit) -> None:
    page = visit()
    field = page.get_by_role("searchbox")
    every = page.locator("main tbody tr:visible").count()
    field.fill("GOOD half")
    shown = page.locator("main tbody tr:visible")
    assert 0 < shown.count() < every
    for text in shown.all_inner_texts():
        assert "good" in text.lower()
        assert "half" in text.lower()
    found = table(page, "Table 1, measured on stand-in data")
    assert column(found, 0)[:2] == ["Good", "Good, half"]
    assert [row.is_visible() for row in found.locator("tbody tr").all()] == [False, True, False, False, False]
    assert not table(page, "Splits of the protocol").is_visible()
    assert not page.locator("#README").is_visible()
    assert page.locator("main :is(p:not(.tag), ul, figure):visible").count() == 0, "nothing between the rows found"
    assert table(page, "Provenance of Table 1 on stand-in data").is_visible(), "what is folded away is found too"
    assert re.fullmatch(r"\d+ of \d+ rows", page.locator("#found").inner_text())
    field.fill("no such word anywhere")
    assert page.locator("main tbody tr:visible").count() == 0
    assert page.locator("#found").inner_text().startswith("0 of ")
    field.fill("")
    assert page.locator("main ul:visible").count() > 0
    assert page.locator("main tbody tr:visible").count() == every
    assert page.locator("#found").inner_text() == ""
    assert not table(page, "Provenance of Table 1 on stand-in data").is_visible()


@pytest.mark.parametrize("width", [320, 390, 768, 1280])
def test_no_width_makes_the_page_scroll_sideways(visit, width) -> None:
    page = visit({"width": width, "height": 844})
    page.evaluate("document.querySelectorAll('details').forEach(part => part.open = true)")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.evaluate("window.scrollTo(500, 0)")
    assert page.evaluate("window.scrollX") == 0


def test_a_phone_shows_names_while_a_wide_table_scrolls_in_itself(visit) -> None:
    page = visit(PHONE, is_mobile=True, has_touch=True)
    assert page.evaluate("window.innerWidth") == 390, "the viewport is that of the phone, not of a desk made small"
    assert not page.locator("nav li").first.is_visible(), "contents are folded"
    page.locator("nav summary").tap()
    assert page.locator("nav li").first.is_visible()
    found = table(page, "Table 1, measured on stand-in data")
    frame = found.locator("xpath=..")
    assert frame.evaluate("part => part.scrollWidth > part.clientWidth")
    frame.evaluate("part => { part.scrollLeft = 200 }")
    name = found.locator("tbody th").first
    assert abs(name.bounding_box()["x"] - frame.bounding_box()["x"]) < 3
    assert name.bounding_box()["width"] < 0.5 * 390
    assert name.evaluate("part => parseFloat(getComputedStyle(part).fontSize)") >= 13
    link = page.locator("nav a", has_text="Toy faces")
    assert link.bounding_box()["height"] >= 30, "large enough for a finger"


CONTRAST = """
() => {
  const light = (colour) => {
    const [r, g, b] = colour.map((part) => part / 255)
      .map((part) => part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const numbers = (text) => text.match(/[\\d.]+/g).map(Number);
  const behind = (part) => {
    for (; part; part = part.parentElement) {
      const colour = numbers(getComputedStyle(part).backgroundColor);
      if (colour.length < 4 || colour[3] > 0) return colour.slice(0, 3);
    }
    return [255, 255, 255];
  };
  const worst = {};
  const every = "p, li, th, td, a, code, summary, caption, figcaption, .badge, .interval, button";
  for (const part of document.querySelectorAll(every)) {
    if (!part.textContent.trim()) continue;
    const [one, two] = [light(numbers(getComputedStyle(part).color).slice(0, 3)), light(behind(part))];
    const ratio = (Math.max(one, two) + 0.05) / (Math.min(one, two) + 0.05);
    const name = part.tagName + "." + part.className;
    worst[name] = Math.min(worst[name] ?? 99, ratio);
  }
  return worst;
}
"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_is_legible_in_both_themes(visit, scheme) -> None:
    page = visit(color_scheme=scheme)
    ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (max(map(int, re.findall(r"\d+", ground))) < 60) == (scheme == "dark")
    worst = page.evaluate(CONTRAST)
    assert {"SPAN.badge holds", "SPAN.interval", "P.tag"} <= set(worst)
    assert {name: ratio for name, ratio in worst.items() if ratio < 4.5} == {}
    text = page.locator(".plot svg").first.evaluate("part => getComputedStyle(part).fill")
    assert text == page.evaluate("getComputedStyle(document.body).color"), "letters of a plot are as dark as the text"


def test_hostile_words_are_shown_as_words(visit) -> None:
    page = visit()
    assert HOSTILE in column(table(page, "Table 1, measured on stand-in data"), 0)
    assert page.get_by_text(f"{HOSTILE}, A paper").first.is_visible()
    assert page.locator("main script, main img:not([src^='data:'])").count() == 0


def test_every_link_leads_to_what_it_names_below_the_bar(visit) -> None:
    page = visit()
    for link in page.locator("nav a").all():
        link.click()
        target = page.locator(f"[id='{(link.get_attribute('href') or '')[1:]}']")
        assert link.inner_text() in target.inner_text()
        bar = page.locator(".top").bounding_box()
        box = target.bounding_box()
        at_end = page.evaluate("scrollY + innerHeight >= document.documentElement.scrollHeight - 2")
        assert box["y"] >= bar["height"] - 1
        assert at_end or box["y"] < 200


def test_names_for_who_cannot_see(visit) -> None:
    page = visit()
    page.evaluate("document.querySelectorAll('details').forEach(part => part.open = true)")
    assert page.get_by_role("searchbox", name="Search all tables").count() == 1
    assert page.get_by_role("navigation", name="Contents").count() == 1
    for found in page.get_by_role("region").all():
        assert found.get_attribute("aria-label")
    for picture in page.get_by_role("img").all():
        assert picture.get_attribute("alt") or picture.get_attribute("aria-label")
    for found in page.locator("table").all():
        assert found.locator("thead th:not([scope=col])").count() == 0
        assert found.locator("tbody tr").count() == found.locator("tbody th[scope=row]").count()
        assert all(head.get_by_role("button").count() == 1 for head in found.locator("thead th").all())
    assert page.locator("thead th button", has_text=re.compile(r"^\s*$")).count() == 0


def test_paper_shows_everything_and_no_controls(visit) -> None:
    page = visit()
    page.evaluate("window.dispatchEvent(new Event('beforeprint'))")
    page.emulate_media(media="print")
    assert not page.get_by_role("searchbox").is_visible()
    assert not page.locator("nav").is_visible()
    assert table(page, "Provenance of Table 1 on stand-in data").is_visible()
    page.evaluate("window.dispatchEvent(new Event('afterprint'))")
    page.emulate_media(media="screen")
    assert not table(page, "Provenance of Table 1 on stand-in data").is_visible()
    assert page.pdf(format="A4").startswith(b"%PDF")


def test_a_strip_of_samples_is_a_picture_in_the_file(visit) -> None:
    page = visit()
    page.locator("summary", has_text="Best, median and worst").first.click()
    picture = page.locator(".samples img").first
    picture.scroll_into_view_if_needed()
    page.wait_for_function("document.querySelector('.samples img').complete")
    assert picture.evaluate("part => part.naturalWidth") > 600
    assert picture.bounding_box()["width"] > 300
    assert "best test/" in picture.get_attribute("alt")


def test_without_scripts_everything_can_be_read(visit) -> None:
    page = visit(java_script_enabled=False)
    assert not page.locator("form").is_visible()
    assert table(page, "Table 1, measured on stand-in data").is_visible()
