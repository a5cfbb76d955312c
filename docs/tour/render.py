"""Run the blocks of ``tour.md`` one after the other, and write what each prints behind it."""

import contextlib
import io
import re
from pathlib import Path

TOUR = Path(__file__).with_name("tour.md")
_BLOCK = re.compile(r"```python\n(.*?)```\n(?:\n```text\n.*?```\n)?", re.DOTALL)


def render(text: str) -> str:
    """Return the page with the output that its blocks have here and now."""
    names: dict[str, object] = {}

    def run(block: "re.Match[str]") -> str:
        said = io.StringIO()
        with contextlib.redirect_stdout(said):
            exec(compile(block[1], str(TOUR), "exec"), names)
        shown = said.getvalue().rstrip()
        return f"```python\n{block[1]}```\n" + (f"\n```text\n{shown}\n```\n" if shown else "")

    return _BLOCK.sub(run, text)


if __name__ == "__main__":
    TOUR.write_text(render(TOUR.read_text(encoding="utf-8")), encoding="utf-8")
