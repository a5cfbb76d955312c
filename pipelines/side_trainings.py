"""Where commands keep what they train beside the stages, to take it from there another time."""

import hashlib
from pathlib import Path

from overfeat.models.checkpoints import weights_hash
from overfeat.models.network import OverFeat
from overfeat.models.regressor import Regressor
from pipelines.engine.locks import WORK


def folder_of(command: str, recipe: object, *begun_from: OverFeat | Regressor) -> Path:
    """Return the folder, below ``.work``, of a training by a recipe that begins from these nets."""
    words = [*map(weights_hash, begun_from), str(recipe)]
    return Path(WORK) / command / hashlib.sha256(" ".join(words).encode()).hexdigest()[:12]
