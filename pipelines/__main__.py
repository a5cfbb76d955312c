"""``python -m pipelines``: a stage, which is what ``dvc.yaml`` calls, or one of the other commands.

The imports are inside: in a Python without the project's packages the first of them fails, and that shall be a
sentence, too.
"""

import os
import sys


def main(arguments: list[str]) -> int:
    """Return the exit code of one command."""
    try:
        from pipelines.engine.command import main as command

        return command(arguments)
    except ModuleNotFoundError as error:
        name = (error.name or "").partition(".")[0]
        own = {"pipelines", "overfeat", os.environ.get("OVERFEAT_STAGES", "pipelines")}
        if name in own or "--debug" in arguments or os.environ.get("OVERFEAT_DEBUG") == "1":
            raise
        sys.stderr.write(
            f"overfeat: package {name!r} is not installed for {sys.executable}: activate the project's environment "
            "(for instance `. .venv/bin/activate`), or install the project into it, and try again\n"
        )
        return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
