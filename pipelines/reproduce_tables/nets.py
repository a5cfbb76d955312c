"""The networks that the tables need: those that the stages trained, and what they did not train, trained here.

What is trained here follows the recipe in ``params.yaml`` and stays in ``.work``, from where it is taken another time.
"""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from overfeat.config import TrainClassifierSettings, TrainLocalizerSettings
from overfeat.errors import SettingsError
from overfeat.models.checkpoints import load_network
from overfeat.training.classifier import train_classifier
from overfeat.training.localizer import train_localizer
from pipelines import paths
from pipelines.engine.console import say
from pipelines.side_trainings import folder_of

_COMMAND = "reproduce_tables"


def classifiers(count: int, recipe: TrainClassifierSettings, which: str) -> tuple[Path, ...]:
    """Return the files of the first ``count`` members of an ensemble.

    Args:
        count: at least 1.
        recipe: for those that the stage did not train.
        which: "last" or "best".

    Raises:
        CheckpointError: if the stage trained none.
        SettingsError: if the stage took a net, of which a training by the recipe is no other member.
    """
    if count > 1 and recipe.weights is not None:
        raise SettingsError(
            "train_classifier.weights took a finished net, and nets trained here would be no ensemble with it: "
            "give --members 1"
        )
    first = paths.CLASSIFIER / "member-0" / f"{which}.pt"
    net = load_network(first)
    assert net.class_names is not None
    own = [paths.CLASSIFIER / f"member-{number}" / f"{which}.pt" for number in range(count)]
    files = [first]
    for number in range(1, count):
        if own[number].is_file():
            files.append(own[number])
            continue
        folder = folder_of(_COMMAND, recipe, net) / f"member-{number}"
        report = _reporter(f"member {number}")
        train_classifier(paths.IMAGES, net.class_names, net.table.name, recipe, number, folder, report)
        files.append(folder / f"{which}.pt")
    return tuple(files)


def regressor(per_class: bool, recipe: TrainLocalizerSettings, which: str) -> Path:
    """Return the file of the first member's box regressor.

    Args:
        per_class: a box for every class, or one for all.
        recipe: of the stage; what is of the other kind than it makes is trained here.
        which: "last" or "best".
    """
    if recipe.per_class == per_class:
        return paths.LOCALIZER / "member-0" / f"{which}.pt"
    net = load_network(paths.CLASSIFIER / "member-0" / f"{which}.pt")
    other = replace(recipe, per_class=per_class)
    folder = folder_of(_COMMAND, other, net)
    report = _reporter("a regressor per class" if per_class else "a regressor for all classes")
    train_localizer(paths.IMAGES, net, other, 0, folder, report)
    return folder / f"{which}.pt"


def _reporter(what: str) -> Callable[[str], None]:
    return lambda line: say(f"{what}: {line}")
