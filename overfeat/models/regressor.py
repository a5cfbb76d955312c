"""The box regressor: a second head on the classifier's pooled features (paper, section 4.1 and figure 8)."""

from torch import Tensor, nn

from overfeat.models.network import fully_connected
from overfeat.models.tables import ModelTable, Stage


class Regressor(nn.Module):
    """Predicts, for every window, the edges of the object in it.

    Args:
        table: of the network whose features it looks at.
        class_names: labels by class index.
        per_class: a box for every class (PCR) in the place of one for all (SCR).
        dropout: drop rate on the hidden layers, in training mode.

    Attributes:
        head: the layers, as convolutions; the first is as large as the classifier's first fully connected one.
        trained_on: hash of the classifier whose features it was trained on; empty while unknown.
    """

    def __init__(
        self, table: ModelTable, class_names: list[str], per_class: bool = False, dropout: float = 0.0
    ) -> None:
        super().__init__()
        self.table = table
        self.class_names = class_names
        self.per_class = per_class
        self.trained_on = ""
        first, second = table.regressor
        stages = (Stage("full", first, table.classifier[0].kernel), Stage("full", second, 1), Stage("full", 0, 1))
        outputs = 4 * len(class_names) if per_class else 4
        self.head = fully_connected(table.features[-1].channels, stages, outputs, dropout)

    def forward(self, pooled: Tensor) -> Tensor:
        """Return edges, x1, y1, x2, y2 of each class in turn, in window sides from the window's middle.

        Args:
            pooled: the pooled last feature map, ``(N, C, h, w)``, as the classifier takes it.

        Returns:
            ``(N, 4, h', w')``, or ``(N, 4 * classes, h', w')`` where there is a box for every class.
        """
        edges: Tensor = self.head(pooled)
        return edges
