"""What the stages before trained, for those that start from it."""

from overfeat.models.checkpoints import load_network, load_regressor
from overfeat.models.network import OverFeat
from overfeat.models.regressor import Regressor
from pipelines import paths


def classifier_and_localizer(member: str, which: str) -> tuple[OverFeat, Regressor | None]:
    """Return the classifier of a member (``member-0``) and its box regressor, if there is one.

    Raises:
        CheckpointError: if there is no such classifier, or the regressor belongs to another.
    """
    classifier = load_network(paths.CLASSIFIER / member / f"{which}.pt")
    boxes = paths.LOCALIZER / member / f"{which}.pt"
    return classifier, load_regressor(boxes, classifier) if boxes.exists() else None
