"""The report in a real browser, from disk: it loads without an error, and its gallery does what it says."""

import json
import os
import re
import runpy
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from overfeat.config import ReportSettings
from overfeat.report.contents import Contents, Gallery, Task
from overfeat.report.names import ClassNames
from overfeat.report.page import page

CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not (CHROMIUM and DRIVER), reason="needs the Debian packages chromium and chromium-driver"),
]
PROJECT = runpy.run_path(str(Path(__file__).parent / "report_project.py"))
MANY = 5000
_ARGUMENTS = (
    *("--headless=new", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync", "--disable-dev-shm-usage", "--window-size=1280,900"),
    *(["--no-sandbox"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []),
)


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the page of a small project."""
    root = tmp_path_factory.mktemp("browser") / "project"
    root.mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        PROJECT["make_project"]()
        PROJECT["work"](PROJECT["SETTINGS"])
    return root / "data/report/index.html"


@pytest.fixture
def browser(tmp_path: Path) -> Iterator[Any]:
    """Give a browser with an empty profile, which has logged no error at the end."""
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM or ""
    for argument in (*_ARGUMENTS, f"--user-data-dir={tmp_path / 'profile'}"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(DRIVER))
    try:
        yield driver
        assert driver.get_log("browser") == []
    finally:
        driver.quit()


@pytest.fixture
def shown(browser: Any, report: Path) -> Callable[[str], Any]:
    """Return a function that opens the report at a part of it and returns the browser."""

    def function(part: str = "") -> Any:
        browser.get("about:blank")
        browser.get(report.as_uri() + part)
        return browser

    return function


def find(browser: Any, selector: str) -> Any:
    return browser.find_element("css selector", selector)


def find_all(browser: Any, selector: str) -> list[Any]:
    found: list[Any] = browser.find_elements("css selector", selector)
    return found


def choose(browser: Any, field: str, value: str) -> None:
    from selenium.webdriver.support.ui import Select

    Select(find(browser, f"#f-{field}")).select_by_value(value)


def press(browser: Any, *keys: str) -> None:
    from selenium.webdriver.common.action_chains import ActionChains

    ActionChains(browser).send_keys(*keys).perform()


def wait(condition: Callable[[], Any]) -> Any:
    """Return what a condition becomes, within five seconds."""
    end = time.monotonic() + 5
    while not (value := condition()):
        assert time.monotonic() < end
        time.sleep(0.05)
    return value


def counted(browser: Any) -> int:
    """Return how many pictures the page says it shows, having looked whether there are as many cards."""
    said = int(find(browser, "#count").text.split()[0].replace(",", ""))
    assert len(find_all(browser, "#cards .card")) == min(said, 48)
    return said


def test_it_loads(shown: Callable[[str], Any]) -> None:
    browser = shown()
    assert browser.title == "OverFeat: tiny on voc"
    assert counted(browser) == 26
    browser.execute_script("document.getElementById('gallery').scrollIntoView()")
    loaded = "return [...document.images].filter(i => i.src && i.complete && i.naturalWidth > 0).length"
    assert wait(lambda: browser.execute_script(loaded) > 5)
    asked = browser.execute_script("return performance.getEntriesByType('resource').map(one => one.name)")
    assert {address.partition(":")[0] for address in asked} <= {"file"}


def test_filters(shown: Callable[[str], Any]) -> None:
    browser = shown("#gallery?task=recognition")
    every = counted(browser)
    choose(browser, "kind", "mistakes")
    wrong = counted(browser)
    choose(browser, "class", "ape")
    apes = counted(browser)
    choose(browser, "as", "truth")
    true_apes = counted(browser)
    assert every > wrong > apes >= true_apes > 0
    assert browser.current_url.endswith("#gallery?task=recognition&kind=mistakes&class=ape&as=truth")
    find(browser, "#filters button[type=reset]").click()
    assert counted(browser) == every
    find(browser, "#f-text").send_keys("p1")
    assert 0 < counted(browser) < every
    find(browser, "#f-text").send_keys("no such picture")
    assert find(browser, "#count").text.startswith("0 of")
    assert find(browser, "#cards .none").text == "No picture fits these filters."


def test_scores_sort_and_filter(shown: Callable[[str], Any]) -> None:
    browser = shown("#gallery?task=recognition&sort=sure")
    scores = "return [...document.querySelectorAll('#cards .badge + .line')]"
    found = [float(words.text.split()[-1]) for words in browser.execute_script(scores) if words.text[-1].isdigit()]
    assert found == sorted(found, reverse=True)
    middle = sorted(found)[len(found) // 2]
    browser = shown(f"#gallery?task=recognition&from={middle}")
    assert 0 < counted(browser) < len(found)


def test_the_worst_mistakes_come_first(shown: Callable[[str], Any]) -> None:
    browser = shown("#gallery?task=recognition")
    kinds = [badge.get_attribute("class") for badge in find_all(browser, "#cards .badge")]
    assert kinds == sorted(kinds, key=["badge bad", "badge good"].index)
    assert set(kinds) == {"badge bad", "badge good"}


def test_a_link_from_a_chart_shows_its_pictures(shown: Callable[[str], Any]) -> None:
    browser = shown()
    link = find(browser, ".matrix td a")
    count = int(link.text)
    link.click()
    assert wait(lambda: find(browser, "#count").text.startswith(f"{count} of"))


def test_the_gallery_counts_what_the_breakdown_counts(shown: Callable[[str], Any]) -> None:
    browser = shown()
    rows = find_all(browser, "#errors .kinds tbody tr")
    links = {row.find_element("css selector", "a"): row for row in rows if row.find_elements("css selector", "a")}
    asked = [(a.get_attribute("href"), row.text.split()) for a, row in links.items()]
    counted_kinds = set()
    for address, words in asked:
        if "task=detection" in address and "mistaken" not in address:
            kind = address.partition("kind=")[2].replace("-", " ")
            number = int(next(word for word in words if word.isdigit()))
            said = [line.text for line in find_all(shown(address[address.index("#") :]), "#cards .line")]
            shown_as = "right" if kind == "found" else kind
            found = [re.search(rf"(\d+) {shown_as}", line) for line in said]
            assert sum(int(one[1]) for one in found if one) == number, kind
            counted_kinds.add(kind)
    assert counted_kinds >= {"right", "wrong class", "background", "found", "missed"}


def test_a_view_can_be_linked(shown: Callable[[str], Any]) -> None:
    browser = shown("#gallery?task=detection&kind=mistakes&picture=p3")
    wait(lambda: find(browser, "#viewer").get_property("open"))
    assert find(browser, "#viewer-title").text == "p3"
    assert find(browser, "#f-kind").get_property("value") == "mistakes"


def test_rubbish_in_the_address_is_left_out(shown: Callable[[str], Any]) -> None:
    rubbish = "#gallery?task=%3Cb%3E&class=x&kind=y&sort=z&from=a&to=&other=%00&picture=%3Cscript%3E"
    assert counted(shown(rubbish)) == 26


def test_the_keyboard_opens_turns_and_closes_a_picture(shown: Callable[[str], Any]) -> None:
    from selenium.webdriver.common.keys import Keys

    browser = shown("#gallery?task=detection")
    browser.execute_script("document.querySelector('#cards .card').focus()")
    press(browser, Keys.ENTER)
    wait(lambda: find(browser, "#viewer").get_property("open"))
    first = find(browser, "#viewer-title").text
    press(browser, Keys.ARROW_RIGHT)
    second = find(browser, "#viewer-title").text
    press(browser, Keys.ARROW_LEFT, Keys.ARROW_LEFT)  # at the first picture the second one does nothing
    assert find(browser, "#viewer-title").text == first != second
    press(browser, Keys.ARROW_RIGHT)
    press(browser, Keys.ESCAPE)
    assert not find(browser, "#viewer").get_property("open")
    assert second in browser.execute_script("return document.activeElement.textContent")
    assert "picture=" not in browser.current_url


HEAT = """
const canvas = document.getElementById("heat");
const pixels = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
let painted = 0;
for (let i = 3; i < pixels.length; i += 4) painted += pixels[i] > 0;
return painted / (pixels.length / 4);
"""


def test_a_picture_opens_its_windows_as_heat_maps(shown: Callable[[str], Any]) -> None:
    browser = shown("#gallery?task=detection&kind=mistakes")
    find(browser, "#cards .card").click()
    maps = wait(lambda: find_all(browser, "#maps button"))
    assert len(maps) == 6  # three scales, and their mirror images
    assert browser.execute_script(HEAT) > 0.01
    picture = find(browser, "#stage-picture")
    assert wait(lambda: picture.get_property("naturalWidth")) > 20
    pressed = find_all(browser, "#answers button[aria-pressed=true], #truths button[aria-pressed=true]")
    assert len(pressed) == 1
    find(browser, "#strongest button").click()
    assert find_all(browser, "#stage-boxes .window")
    assert "It sees" in find(browser, "#pointed").text
    find(browser, "#with-heat").click()
    assert not find(browser, "#heat").is_displayed()


def test_evidence_that_is_not_there_is_said_to_be_missing(browser: Any, report: Path, tmp_path: Path) -> None:
    shutil.copytree(report.parent, tmp_path / "report")
    shutil.rmtree(tmp_path / "report/evidence")
    browser.get((tmp_path / "report/index.html").as_uri() + "#gallery?task=detection")
    find(browser, "#cards .card").click()
    assert wait(lambda: "not there" in find(browser, "#maps-about").text)
    errors = browser.get_log("browser")
    assert all("ERR_FILE_NOT_FOUND" in error["message"] for error in errors)


def test_dark(shown: Callable[[str], Any]) -> None:
    browser = shown()
    paper = "return getComputedStyle(document.body).backgroundColor"
    light = browser.execute_script(paper)
    wish = {"features": [{"name": "prefers-color-scheme", "value": "dark"}]}
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", wish)
    dark = browser.execute_script(paper)
    assert (light, dark) == ("rgb(251, 250, 248)", "rgb(20, 23, 27)")
    find(browser, "#theme").click()  # from the system's to light
    assert browser.execute_script(paper) == light
    find(browser, "#theme").click()
    assert browser.execute_script(paper) == dark
    assert find(browser, "#theme").text == "Theme: dark"


@pytest.mark.parametrize("width", [400, 1280])
def test_nothing_is_wider_than_the_window(shown: Callable[[str], Any], width: int) -> None:
    browser = shown()
    size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    beside = "const page = document.documentElement; return page.scrollWidth - page.clientWidth"
    assert browser.execute_script(beside) == 0
    find(browser, "#cards .card").click()
    wait(lambda: find(browser, "#viewer").get_property("open"))
    wide = "const one = document.getElementById('viewer'); return one.scrollWidth - one.clientWidth"
    assert browser.execute_script(wide) == 0


def many_pictures(report: Path, folder: Path) -> Path:
    """Write a page with thousands of pictures, which all look the same, and return it."""
    labels = [f"n{number:03d}" for number in range(200)]
    records = [
        [
            *("one", f"picture-{number:05d}", 0, 60, 60),
            [[(number + i) % 200, 0, 5 * i, 5, 5 * i + 20, 30] for i in range(4)],
            [[(number + i) % 200, (number + i) % 6, i % 4, 1 - i / 12, 5 * i, 5, 5 * i + 20, 30] for i in range(10)],
            0,
        ]
        for number in range(MANY)
    ]
    names = ClassNames(labels, labels)
    nothing = pd.DataFrame(columns=["label", "split"])
    contents = Contents(
        facts={},
        settings={"model": "mini", "source": {"recognition": "x", "detection": "x"}},
        metrics={},
        curves={},
        plots=dict.fromkeys(("confusion", "average_precision", "precision_recall"), nothing),
        guesses={},
        objects={},
        gallery=Gallery(
            {"recognition": Task(names, {}, []), "detection": Task(names, {"val": MANY}, records)},
            0.5,
            ReportSettings(),
            "fine",
        ),
    )
    text = page(contents).replace('"known":[]', '"known":["val"]')
    (folder / "pictures").mkdir()
    shutil.copy(next((report.parent / "pictures").glob("*.jpg")), folder / "pictures/one.jpg")
    (folder / "index.html").write_text(text, encoding="utf-8")
    return folder / "index.html"


def test_it_stays_quick_with_thousands_of_pictures(browser: Any, report: Path, tmp_path: Path) -> None:
    browser.get(many_pictures(report, tmp_path).as_uri())
    loaded = browser.execute_script("return performance.getEntriesByType('navigation')[0].loadEventEnd")
    assert counted(browser) == MANY
    took = """
        const field = document.getElementById("f-class");
        const times = [];
        for (const value of ["n007", "", "n100", ""]) {
          const before = performance.now();
          field.value = value;
          field.dispatchEvent(new Event("input", {bubbles: true}));
          void document.body.offsetHeight;
          times.push(performance.now() - before);
        }
        return times;
    """
    times = browser.execute_script(took)
    print(json.dumps({"loaded_ms": loaded, "filter_ms": times}))
    assert loaded < 5000
    assert max(times) < 1000
