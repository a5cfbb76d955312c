"""The page as a whole: complete without anything, safe with hostile names, the same bytes from the same contents."""

import base64
import hashlib
import json
import re
from dataclasses import asdict, replace
from html.parser import HTMLParser
from typing import Any

import pandas as pd
import pytest

from overfeat.config import SECTIONS, ReportSettings
from overfeat.report.contents import Contents, Gallery, Task
from overfeat.report.judge import judge_detection, judge_recognition
from overfeat.report.names import ClassNames
from overfeat.report.page import filled, page
from overfeat.results.schemas import BOX

HOSTILE = '</script><img src=x onerror="alert(1)">{{script}}<!--'
NOTHING = pd.DataFrame(columns=["label", "split"])


def settings() -> dict[str, Any]:
    return {"model": "mini", **{name: asdict(cls()) for name, cls in SECTIONS.items()}}


def contents(name: str = "cat", tasks: bool = True) -> Contents:
    """Return a page's contents with one picture of each task, everything in which is called ``name``; or nothing."""
    names = ClassNames([name], [name])
    labels = {"image_id": [name], "split": [name], "label": [name]}
    objects = pd.DataFrame([(name, name, 0, 0, 9, 9)], columns=["image_id", "label", *BOX])
    ranked = pd.DataFrame({**labels, "rank": [1], "score": [0.5]})
    guesses = judge_recognition(ranked, objects.assign(confidence=0.5), pd.DataFrame(labels), objects)
    found = objects.assign(score=2.0, confidence=0.75)
    judged = judge_detection(found, objects.assign(difficult=False, crowd=False), [name])
    records = [
        ["0" * 16, name, 0, 9, 9, 0, 0, [[0, 0.5, 0.5, 0, 0, 9, 9]], [[0, 0, 9, 9]], 1],
        ["1" * 16, name, 0, 9, 9, [[0, 0, 0, 0, 9, 9]], [[0, 0, 0, 0.75, 0, 0, 9, 9]], 1],
    ]
    gallery = {
        task: Task(names, {name: 1}, [record])
        for task, record in zip(("recognition", "detection"), records, strict=True)
    }
    empty = {task: Task(ClassNames([], []), {}, []) for task in gallery}
    confusion = pd.DataFrame({"split": [name], "actual": [name], "predicted": [name]})
    averages = pd.DataFrame({"label": [name], "objects": 1, "detections": 1, "average_precision": 1.0, "split": [name]})
    curves = pd.DataFrame({"label": [name], "score": 1.0, "recall": 1.0, "precision": 1.0, "split": [name]})
    plots = {"confusion": confusion, "average_precision": averages, "precision_recall": curves}
    metrics = {"classification": {name: {"pictures": 1, "top1_error_percent": 0.0}}}
    values = settings()
    values["source"]["recognition"] = name
    return Contents(
        facts={"network": name, "git commit": name},
        settings=values,
        metrics=metrics if tasks else {},
        curves={},
        plots=plots if tasks else dict.fromkeys(plots, NOTHING),
        guesses={name: guesses} if tasks else {},
        objects={name: judged} if tasks else {},
        gallery=Gallery(gallery if tasks else empty, 0.5, ReportSettings(), "fine"),
    )


class Reader(HTMLParser):
    """What a browser would make of a page: elements, data of scripts and styles, and texts."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: dict[str, list[str]] = {}
        self.last = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.elements.append((tag, dict(attrs)))
        self.texts.setdefault(tag, []).append("")
        self.last = tag

    def handle_endtag(self, tag: str) -> None:
        self.last = ""

    def handle_data(self, data: str) -> None:
        if self.last:
            self.texts[self.last][-1] += data

    def of(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]

    def text_of(self, tag: str) -> list[str]:
        """Return the text of each element of a name."""
        return self.texts.get(tag, [])


def test_the_same_contents_give_the_same_bytes() -> None:
    assert page(contents()) == page(contents())


def test_nothing_in_it_is_taken_for_markup() -> None:
    plain, hostile = (Reader(page(contents(name))) for name in ("cat", HOSTILE))
    assert [name for name, _ in hostile.elements] == [name for name, _ in plain.elements]
    assert not any("onerror" in attributes for _, attributes in hostile.elements)
    data = json.loads(hostile.text_of("script")[0])
    assert data["tasks"]["recognition"]["labels"] == [HOSTILE]
    assert data["tasks"]["detection"]["records"][0][1] == HOSTILE


def test_it_asks_for_nothing_from_outside() -> None:
    text = page(contents())
    read = Reader(text)
    assert not read.of("link")
    assert all("src" not in attributes for attributes in [*read.of("script"), *read.of("img")])
    assert all((attributes.get("href") or "").startswith("#") for attributes in read.of("a"))
    addresses = set(re.findall(r"https?://[^\s\"'`]+", text))
    assert addresses == {"http://www.w3.org/2000/svg"}  # a name, which is never asked for
    assert "@import" not in text
    assert "url(" not in text


def test_the_policy_lets_its_own_script_and_style_run_and_nothing_else() -> None:
    read = Reader(page(contents()))
    policy = next(
        attributes["content"] or ""
        for attributes in read.of("meta")
        if attributes.get("http-equiv") == "Content-Security-Policy"
    )
    for tag, place in (("script", 1), ("style", 0)):
        text = read.text_of(tag)[place]
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert f"'sha256-{digest}'" in policy
    assert policy.startswith("default-src 'none'")
    assert "unsafe" not in policy
    assert not [attributes for _, attributes in read.elements if "style" in attributes]
    assert not [name for _, attributes in read.elements for name in attributes if name.startswith("on")]


def test_a_page_of_nothing_says_so_in_every_section() -> None:
    text = page(contents(tasks=False))
    for sentence in (
        "No picture was looked at.",
        "Classification was not measured",
        "The classifier was not trained here",
        "There are no curves",
        "There is nothing to compare",
        "Recognition has no decisions.",
        "Detection has no decisions",
        "There is no sweep of the detector",
    ):
        assert sentence in text
    assert "{{" not in text


def test_landmarks_headings_and_labels() -> None:
    read = Reader(page(contents()))
    assert [name for name, _ in read.elements if name in ("header", "nav", "main", "footer")][:4] == [
        "header",
        "nav",
        "main",
        "footer",
    ]
    assert len(read.of("h1")) == 1
    assert next(attributes for name, attributes in read.elements if name == "html") == {"lang": "en"}
    ids = [attributes["id"] for _, attributes in read.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    named = [word for _, a in read.elements for word in (a.get("aria-labelledby") or "").split()]
    assert set(named) <= set(ids)
    linked = {(attributes["href"] or "")[1:] for attributes in read.of("a")}
    assert {link for link in linked if not link.startswith("gallery?")} <= set(ids)
    assert all(attributes.get("type") for attributes in read.of("button"))


def test_what_the_scripts_are_told() -> None:
    data = json.loads(Reader(page(contents())).text_of("script")[0])
    recognition, detection = data["tasks"]["recognition"], data["tasks"]["detection"]
    assert (recognition["by"], recognition["from"], recognition["high"]) == ("score", 0.0, 1.0)
    assert (detection["by"], detection["from"], detection["known"]) == ("confidence", 0.5, ["cat"])
    assert recognition["pictures"] == [1]


def test_scores_that_are_no_probabilities() -> None:
    made = contents()
    guesses = {"cat": made.guesses["cat"].assign(score=-2.5)}
    scored = {"cat": replace(made.objects["cat"], by="score")}
    data = json.loads(Reader(page(replace(made, guesses=guesses, objects=scored))).text_of("script")[0])
    assert (data["tasks"]["recognition"]["low"], data["tasks"]["recognition"]["from"]) == (-2.5, -2.5)
    assert (data["tasks"]["detection"]["by"], data["tasks"]["detection"]["from"]) == ("score", 0.0)


def test_a_placeholder_in_a_value_stays_as_it_is() -> None:
    assert filled("{{a}}-{{b}}", {"a": "{{b}}<", "b": "x"}) == "{{b}}&lt;-x"
    with pytest.raises(KeyError):
        filled("{{c}}", {})
