"""How a trained model looks at pictures, as it is kept beside its checkpoints: scales, sizes, and names for people."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from overfeat.config import InferSettings, parse
from overfeat.errors import CheckpointError, SettingsError


@dataclass(frozen=True)
class Looking:
    """What a picture's result depends on beside the networks.

    Attributes:
        infer: scales, flips and sizes.
        sides: by task the largest smallest side of a picture that is looked at; larger ones are downsampled to it.
        names: by label what people call the class.
    """

    infer: InferSettings
    sides: Mapping[str, int]
    names: Mapping[str, str]

    def dumps(self) -> str:
        """Return it as JSON."""
        return json.dumps(asdict(self), indent=1) + "\n"


def read_looking(path: Path) -> Looking:
    """Return what stage ``calibrate`` wrote.

    Raises:
        CheckpointError: if the file is not there or holds something else.
    """
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        return Looking(parse(InferSettings, values["infer"], "infer"), dict(values["sides"]), dict(values["names"]))
    except FileNotFoundError:
        raise CheckpointError(f"there is no {path}: run the stage `calibrate`") from None
    except (ValueError, KeyError, TypeError, SettingsError) as error:
        raise CheckpointError(
            f"{path} does not say how to look at pictures ({error}): run the stage `calibrate` again"
        ) from error
