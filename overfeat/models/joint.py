"""All three tasks on one set of features, which are trained together (paper, abstract)."""

from torch import nn

from overfeat.models.detector import Detector
from overfeat.models.network import OverFeat
from overfeat.models.regressor import Regressor


class JointNet(nn.Module):
    """Classifier, localizer and detector that share the features of the classifier.

    Args:
        classifier: gives the features.
        localizer: the classifier's box regressor, if there is one.
        detector: of the same table, if there is one; its own features are left.
    """

    def __init__(self, classifier: OverFeat, localizer: Regressor | None, detector: Detector | None) -> None:
        super().__init__()
        self.classifier = classifier
        self.localizer = localizer
        self.detector = detector
        if detector is not None:
            detector.net.features = classifier.features
