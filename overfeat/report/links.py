"""Links from the charts to the gallery: what it shows is in the address, so that a view can be sent to somebody."""

from typing import Any
from urllib.parse import urlencode

from overfeat.report.markup import Child, Markup, tag


def to_gallery(text: Child, **state: Any) -> Markup:
    """Return a link to the gallery as ``state`` has it; the names are those of ``templates/state.js``."""
    return tag("a", text, href=f"#gallery?{urlencode({k: v for k, v in state.items() if v is not None})}")
