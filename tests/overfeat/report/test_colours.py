"""Contrast, light and dark: WCAG 2.2 asks for 4.5 of text and 3 of what is drawn (AA)."""

import re
from importlib import resources

import pytest

STYLE = (resources.files("overfeat.report") / "templates/page.css").read_text(encoding="utf-8")
Theme = dict[str, str]


def themes() -> dict[str, Theme]:
    """Return the colours of each theme: those of the system's dark, and those chosen by the button."""
    blocks = {
        "light": STYLE.partition(":root {")[2],
        "dark": STYLE.partition(':root:not([data-theme="light"]) {')[2],
        "chosen dark": STYLE.partition('\n:root[data-theme="dark"] {')[2],
    }
    return {
        name: dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6});", block.partition("}")[0]))
        for name, block in blocks.items()
    }


def luminance(colour: str) -> float:
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(a: str, b: str) -> float:
    high, low = sorted((luminance(a), luminance(b)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def test_how_contrast_is_measured() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_text(theme: str) -> None:
    colours = themes()[theme]
    for text in ("ink", "soft", "link", "good", "bad"):
        for paper in ("paper", "raised", "sunk"):
            assert contrast(colours[text], colours[paper]) >= 4.5, (text, paper)
    for level in ("m6", "m7", "m8", "m9"):
        assert contrast(colours["on-m"], colours[level]) >= 4.5, level


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_what_is_drawn(theme: str) -> None:
    colours = themes()[theme]
    drawn = [name for name in colours if re.fullmatch(r"c\d|k-.*|focus|strong", name)]
    assert len(drawn) > 15
    for name in drawn:
        assert contrast(colours[name], colours["paper"]) >= 3, name


def test_dark_is_the_same_whoever_chooses_it() -> None:
    found = themes()
    assert found["dark"] == found["chosen dark"]
    assert found["dark"].keys() == found["light"].keys()
