"""A toy stage of one unit, with a metrics file and plots."""

import json
from dataclasses import dataclass
from pathlib import Path

from toystages import TotalSettings

from pipelines.engine.stage import Stage, Unit, gather


@dataclass(frozen=True)
class Total(Stage):
    scale: int
    total: TotalSettings

    @property
    def workers(self):
        return 1

    def plan(self):
        return [Unit("all")]

    def work(self, unit, folder):
        with Path("work.log").open("a") as log:
            log.write("total\n")
        numbers = sorted((float(path.read_text()) for path in Path("data/square").iterdir()), reverse=True)
        (folder / "top.csv").write_text("\n".join(map(str, numbers[: self.total.top])) + "\n")
        if Path("control/curves").exists():
            rows = [f"{epoch},{1 / epoch}" for epoch in range(1, 51)]
            (folder / "curves.csv").write_text("\n".join(["epoch,loss", *rows]) + "\n")
        (folder / "metrics.json").write_text(json.dumps({"all": {"sum": self.scale * sum(numbers)}}))

    def finish(self, parts, out):
        gather(parts, out / "data/plots")
        (out / "data/plots/metrics.json").rename(out / "metrics.json")


STAGE = Total
