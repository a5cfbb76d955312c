"""HTML and SVG from Python values: everything is escaped, unless it is :class:`Markup` already."""

import html
import json
from collections.abc import Iterable
from typing import Any

_VOID = {"meta", "link", "input", "br", "hr", "img"}


class Markup(str):
    """Text that is HTML already."""

    __slots__ = ()


NONE = Markup("")
"""Nothing to show."""
Child = str | int | float | None | Iterable["Child"]


def tag(name: str, *children: Child, **attributes: Any) -> Markup:
    """Return an element.

    Args:
        name: of the element.
        children: texts, which are escaped, elements, numbers, or any nesting of lists of them; None is nothing.
        attributes: by name; of ``class_`` the line at the end goes, others become dashes (``stroke_width``). True
            stands for an attribute without a value; those that are None or False are left out.
    """
    head = f"<{name}{''.join(_attribute(key, value) for key, value in attributes.items())}>"
    return Markup(head if name in _VOID else f"{head}{join(children)}</{name}>")


def join(children: Child, between: str = "") -> Markup:
    """Return children one after the other; see :func:`tag`."""
    if children is None:
        return NONE
    if isinstance(children, Markup):
        return children
    if isinstance(children, str | int | float):
        return Markup(html.escape(str(children)))
    return Markup(between.join(join(child) for child in children))


def _attribute(key: str, value: Any) -> str:
    if value is None or value is False:
        return ""
    name = key.rstrip("_").replace("_", "-")
    return f" {name}" if value is True else f' {name}="{html.escape(str(value))}"'


def json_text(value: Any) -> str:
    """Return compact JSON that is safe in a script element and in a script: it holds no ``<``, ``>`` or ``&``.

    Raises:
        ValueError: if a number in it is not finite.
    """
    text = json.dumps(value, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    for character in "<>&":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text


def table(
    head: Iterable[Child], rows: Iterable[Iterable[Child]], caption: Child = None, class_: str | None = None
) -> Markup:
    """Return a table whose first column names the rows."""
    body = [
        tag("tr", [tag("th", cell, scope="row") if not i else tag("td", cell) for i, cell in enumerate(row)])
        for row in rows
    ]
    return tag(
        "table",
        tag("caption", caption) if caption else None,
        tag("thead", tag("tr", [tag("th", cell, scope="col") for cell in head])),
        tag("tbody", body),
        class_=class_,
    )


def scrolled(content: Child, label: str, class_: str = "scroll") -> Markup:
    """Return what may be larger than its room: a region with a name that the keyboard can scroll."""
    return tag("div", content, class_=class_, tabindex="0", role="region", aria_label=label)


def behind(summary: str, *content: Child) -> Markup:
    """Return what is shown on demand: the numbers behind a chart."""
    return tag("details", tag("summary", summary), tag("div", *content, class_="scroll"), class_="behind")


def say_none(sentence: str) -> Markup:
    """Return the sentence that stands where something is not there."""
    return tag("p", sentence, class_="none")
