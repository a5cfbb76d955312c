"""Elements and JSON: nothing that was not written by us is ever markup."""

import json
import re
from html.parser import HTMLParser
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from overfeat.report.markup import NONE, Markup, behind, join, json_text, table, tag


class Reader(HTMLParser):
    """The elements and the text that a browser would see."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


def test_an_element() -> None:
    made = tag("p", "a < b", [tag("b", 3), None, ["x", 1.5]], class_="note", data_key="k", hidden=True, id=None)
    assert made == '<p class="note" data-key="k" hidden>a &lt; b<b>3</b>x1.5</p>'
    assert isinstance(made, Markup)
    assert tag("br") == "<br>"
    assert tag("p") == "<p></p>"
    assert join(["a", Markup("<i>"), None], ", ") == "a, <i>, "
    assert join(None) == NONE


@given(st.text(alphabet=st.characters(blacklist_categories=("Cs", "Cc"))))
def test_texts_and_attributes_come_back_as_they_are(text: str) -> None:
    read = Reader(tag("p", text, title=text))
    assert read.tags == [("p", {"title": text})]
    assert read.text == text


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda children: st.lists(children, max_size=4) | st.dictionaries(st.text(), children, max_size=4),
    max_leaves=8,
)


@given(JSON)
def test_json_comes_back_and_ends_no_script(value: Any) -> None:
    text = json_text(value)
    assert json.loads(text) == value
    assert not re.search(r"[<>&\u2028\u2029]", text)


@pytest.mark.parametrize("rubbish", ["</script><script>alert(1)</script>", "<!--<script>", "]]>", "\u2028"])
def test_json_in_a_script_element_stays_there(rubbish: str) -> None:
    read = Reader(f"<script type='application/json'>{json_text([rubbish])}</script>after")
    assert [name for name, _ in read.tags] == ["script"]


def test_json_refuses_what_browsers_cannot_read() -> None:
    with pytest.raises(ValueError):
        json_text([float("nan")])


def test_a_table_names_its_rows_and_columns() -> None:
    read = Reader(table(["class", "AP"], [["<cat>", 0.5]], "caption"))
    assert [attributes for name, attributes in read.tags if name == "th"] == [
        {"scope": "col"},
        {"scope": "col"},
        {"scope": "row"},
    ]
    assert read.text == "captionclassAP<cat>0.5"


def test_what_is_shown_on_demand() -> None:
    assert [name for name, _ in Reader(behind("more", "text")).tags] == ["details", "summary", "div"]
