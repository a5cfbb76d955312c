"""Lines for the person in front of the terminal: on stderr, with the stage's name."""

import sys

from tqdm import tqdm

from pipelines.engine.current import current


def say(text: str) -> None:
    """Write ``overfeat: STAGE: text`` to stderr, above a progress bar if there is one."""
    at = current()
    where = f"overfeat: {at.stage}: " if at else "overfeat: "
    tqdm.write(where + text, file=sys.stderr)
    sys.stderr.flush()
