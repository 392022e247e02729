"""The page in a real browser: no error, no request, sound that moves the cursor, events that take a click, keys, zoom, dark, print, axe.

Needs playwright (`pip install playwright axe-playwright-python`) and Debian's `chromium`, or another that playwright finds.
"""

import shutil

import numpy as np
import pytest
from kept import ASKED, SESSION, WORDS, planted_session
from planted import Planted, said, silent

import talkpath as tp
from talkpath.report import Listed, read_call, read_session, render, render_fleet, report_of

sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
pytest.importorskip("jinja2", reason="the extra `report` is not installed")
pytest.importorskip("soundfile", reason="the extra `report` is not installed")
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def page_file(tmp_path_factory):
    folder = tmp_path_factory.mktemp("browser")
    key = tp.dtmf.generate("5", sample_rate=8000, tone_ms=90, gap_ms=60)
    # a question; an interruption; a nod; a key that comes twice; silence
    caller = [
        silent(2.6),
        said(1.6),
        silent(2.0),
        said(1.5, seed=4),
        silent(2.2),
        said(0.3, seed=5),
        silent(3.0),
        key,
        key,
        silent(4.0),
    ]
    x = Planted(folder / "call.log", line="clean,echo_db=-16,echo_delay_ms=180,noise_dbov=-62", answer_s=3.0)
    x.greet()
    gone = np.random.default_rng(2).random(3000) < 0.03
    log = x.run(np.concatenate(caller), lost=lambda i: bool(gone[i]), late=lambda i: 2 if i % 60 == 0 else 0)
    material = read_call(log)
    (folder / "call.html").write_text(render(report_of(material), material), encoding="utf-8")
    return folder / "call.html"


@pytest.fixture(scope="module")
def browser():
    with sync_api.sync_playwright() as playwright:
        try:
            found = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        except sync_api.Error as problem:
            pytest.skip(f"no Chromium: {str(problem).splitlines()[0]}")
        yield found
        found.close()


@pytest.fixture(params=[(1280, "light"), (400, "light"), (1280, "dark")], ids=lambda p: f"{p[0]}-{p[1]}")
def page(browser, page_file, request):
    width, scheme = request.param
    context = browser.new_context(viewport={"width": width, "height": 800}, color_scheme=scheme)
    opened = context.new_page()
    opened.said, opened.asked = [], []
    opened.on("console", lambda message: opened.said.append(message.text))
    opened.on("pageerror", lambda error: opened.said.append(str(error)))
    opened.on("request", lambda asked: opened.asked.append(asked.url))
    opened.goto(page_file.as_uri())
    until(opened, "Boolean(window.callReport && window.callReport.ready)")
    yield opened
    assert opened.said == []
    assert [url for url in opened.asked if not url.startswith(("file:", "data:", "blob:"))] == []
    assert sum(url.startswith("file:") for url in opened.asked) == 1
    context.close()


def until(page, holds: str) -> None:
    """Playwright's own waiting is forbidden by the page: it evaluates text."""
    for _ in range(400):
        if page.evaluate(holds):
            return
        page.wait_for_timeout(50)
    raise AssertionError(f"never: {holds}; {page.said}")


def state(page) -> dict:
    return page.evaluate("window.callReport.state()")


def test_fits_and_is_drawn(page):
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    colours = page.evaluate("""() => { const c = document.getElementById('lanes'); const d = c.getContext('2d').getImageData(0, 0, c.width, c.height).data;
        const found = new Set(); for (let i = 0; i < d.length; i += 4) found.add((d[i] << 16) | (d[i + 1] << 8) | d[i + 2]); return found.size }""")
    assert colours > 50
    assert page.locator(".findings li").count() >= 3


def test_play_moves_the_cursor_and_sounds(page):
    page.locator("#play").click()
    until(page, "window.callReport.state().position > 0.6")
    until(page, "window.callReport.state().level_dbov > -40")
    assert page.locator("#play").get_attribute("aria-pressed") == "true"
    page.locator("#chart").focus()
    page.keyboard.press(" ")
    there = state(page)
    assert not there["playing"]
    assert page.locator("#chart").get_attribute("aria-valuenow") == f"{there['position']:.2f}"


def test_an_event_takes_a_click(page):
    link = page.locator("#t-interruptions ~ tbody a.jump").first
    link.click()
    assert state(page)["position"] == pytest.approx(float(link.get_attribute("href").split("=")[1]))
    assert page.url.endswith(link.get_attribute("href"))
    assert "Interruptions" in page.locator("#told").text_content()
    # and in the picture: the same event again, from somewhere else
    page.locator("#chart").focus()
    page.keyboard.press("Home")
    page.keyboard.press("n")
    assert state(page)["position"] > 0
    box = page.locator("#chart").bounding_box()
    page.mouse.click(box["x"] + box["width"] * 0.8, box["y"] + 60)
    assert state(page)["position"] > 10


def test_zoom_and_keys(page):
    whole = state(page)
    page.locator("#chart").focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Shift+ArrowRight")
    assert state(page)["position"] == pytest.approx(1.1)
    page.keyboard.press("+")
    half = state(page)
    assert half["to"] - half["from"] == pytest.approx((whole["to"] - whole["from"]) / 2)
    box = page.locator("#chart").bounding_box()
    page.mouse.move(box["x"] + box["width"] * 0.6, box["y"] + 50)
    page.mouse.wheel(0, -300)
    until(page, f"(s => s.to - s.from)(window.callReport.state()) < {half['to'] - half['from'] - 0.1}")
    assert page.locator("#scroll").is_visible()
    page.keyboard.press("0")
    assert state(page)["to"] == whole["to"]
    page.keyboard.press("End")
    assert state(page)["position"] == pytest.approx(whole["to"])
    page.locator("#in").click()
    page.locator("#out").click()
    assert state(page)["to"] == whole["to"]


def test_deep_link(page):
    page.evaluate("location.hash = '#t=4.5'")
    until(page, "window.callReport.state().position === 4.5")


def test_prints(page):
    page.emulate_media(media="print")
    assert not page.locator(".tools").is_visible()
    assert page.locator("#t-health").is_visible()
    assert len(page.pdf()) > 20_000
    page.emulate_media(media="screen")


def test_axe_finds_nothing_serious(page):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe-playwright-python is not installed")
    found = axe.Axe().run(page).response["violations"]
    assert [(v["id"], v["impact"], [n["html"][:90] for n in v["nodes"]]) for v in found] == []


def test_without_sound(browser, page_file):
    material = read_call(page_file.with_name("call.log"))
    file = page_file.with_name("silent.html")
    file.write_text(render(report_of(material), material, audio=False), encoding="utf-8")
    opened = browser.new_page()
    said = []
    opened.on("console", lambda message: said.append(message.text))
    opened.on("pageerror", lambda error: said.append(str(error)))
    opened.goto(file.as_uri())
    opened.said = said
    until(opened, "Boolean(window.callReport && window.callReport.ready)")
    opened.locator("#chart").focus()
    opened.keyboard.press(" ")
    opened.keyboard.press("ArrowRight")
    assert state(opened)["position"] == 1
    assert not state(opened)["playing"]
    assert said == []
    opened.close()


@pytest.mark.parametrize("calls", [2, 6])
def test_the_fleet_page(browser, page_file, tmp_path, calls):
    report = report_of(read_call(page_file.with_name("call.log")))
    file = tmp_path / "index.html"
    file.write_text(
        render_fleet([Listed(report, page_file.as_uri())] * calls, unread=[("x.wav", "no sound")]), encoding="utf-8"
    )
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe-playwright-python is not installed")
    for width in (1280, 400):
        opened = browser.new_page(viewport={"width": width, "height": 800})
        said = []
        opened.on("console", lambda message, said=said: said.append(message.text))
        opened.goto(file.as_uri())
        assert opened.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
        assert [v["id"] for v in axe.Axe().run(opened).response["violations"]] == []
        opened.locator("#calls ~ tbody a").first.click()
        assert opened.locator("#chart").is_visible()
        assert said == []
        opened.close()


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (400, "dark")])
def test_a_session(browser, tmp_path, width, scheme):
    """The words are in the picture and in the table; what stands there can be gone to."""
    material = read_session(planted_session(tmp_path / "data").path, SESSION)
    file = tmp_path / "session.html"
    file.write_text(render(report_of(material), material), encoding="utf-8")
    opened = browser.new_page(viewport={"width": width, "height": 800}, color_scheme=scheme)
    opened.said = []
    opened.on("console", lambda message: opened.said.append(message.text))
    opened.on("pageerror", lambda error: opened.said.append(str(error)))
    opened.goto(file.as_uri())
    until(opened, "Boolean(window.callReport && window.callReport.ready)")
    assert opened.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    row = opened.locator("#t-said ~ tbody tr").nth(1)
    assert ASKED[0] in row.text_content()
    row.locator("a.jump").first.click()
    assert "Caller's words" in opened.locator("#told").text_content()
    assert ASKED[0] in opened.locator("#told").text_content()
    assert WORDS["answer-3"] in opened.locator("#t-utterances ~ tbody").text_content()
    bars = opened.locator("#t-times ~ tbody .parts").last.locator("i")
    widths = [bars.nth(i).bounding_box()["width"] for i in range(3)]
    assert widths[1] > widths[0] > widths[2]  # the model took most, the voice least
    opened.locator("#t-session ~ tbody a.jump").first.click()
    assert "tool lookup: failed" in opened.locator("#told").text_content()
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe-playwright-python is not installed")
    found = axe.Axe().run(opened).response["violations"]
    assert [(v["id"], v["impact"], [n["html"][:90] for n in v["nodes"]]) for v in found] == []
    assert opened.said == []
    opened.close()
