"""Command line: run benchmarks and print one JSON line each."""

import argparse
import importlib
import json
from pathlib import Path

from benchmarks.measure import machine

NAMES = ("dense", "preprocess", "loader", "train_step", "ranks", "merge", "query", "orchestration", "imagenet")


def main() -> None:
    """Run the benchmarks that are named, or all, and append their lines to a file if asked to."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=main.__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(NAMES)}; all if none is named")
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--pictures", type=Path, help="folder of JPEG photographs (default: cuts of two photographs)")
    parser.add_argument("--rounds", type=int, default=5, help="times each side is measured, in turn (default 5)")
    parser.add_argument("--out", type=Path, help="file to which the lines are appended")
    arguments = parser.parse_args()
    unknown = sorted(set(arguments.names) - set(NAMES))
    if unknown:
        parser.error(f"there is no benchmark {unknown[0]!r}; known: {', '.join(NAMES)}")
    for name in arguments.names or NAMES:
        result = importlib.import_module(f"benchmarks.{name}").run(arguments)
        line = json.dumps({"benchmark": name, **result, "machine": machine(arguments.device)})
        print(line, flush=True)
        if arguments.out:
            with arguments.out.open("a", encoding="utf-8") as file:
                file.write(line + "\n")


if __name__ == "__main__":
    main()
