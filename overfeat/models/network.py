"""The network (paper, section 3.2), built from its table of stages."""

from typing import Literal

import torch
from torch import Tensor, nn

from overfeat.models.geometry import Geometry
from overfeat.models.tables import ModelTable, Stage, model_table

PIXEL_MEAN = 118.380948
PIXEL_STD = 61.896913


def normalize(images: Tensor, out: Tensor | None = None) -> Tensor:
    """Return pixels as the network takes them: ``(x - 118.380948) / 61.896913``, float32 (authors' release).

    Args:
        images: values 0..255, any shape, uint8 or floating.
        out: float32 of the same shape, written and returned if given: new memory for every batch costs more than
            the arithmetic.
    """
    pixels = torch.empty_like(images, dtype=torch.float32) if out is None else out
    return pixels.copy_(images).sub_(PIXEL_MEAN).div_(PIXEL_STD)


class OverFeat(nn.Module):
    """OverFeat as a fully convolutional classifier.

    Args:
        model: name of a table ("fast", "accurate", "mini"), or a table of one's own.
        num_classes: output channels.
        dropout: drop rate on the hidden fully connected layers, in training mode.

    Attributes:
        features: the convolutional stages, up to the last rectifier; the last pool is left out, for
            :func:`overfeat.inference.dense.dense` applies it at several offsets.
        pool: the last pool.
        classifier: the fully connected stages, as convolutions.
        class_names: labels by output channel, or None while unknown.
    """

    def __init__(self, model: str | ModelTable = "accurate", num_classes: int = 1000, dropout: float = 0.5) -> None:
        super().__init__()
        self.table = model if isinstance(model, ModelTable) else model_table(model)
        self.geometry = Geometry(self.table)
        self.num_classes = num_classes
        self.class_names: list[str] | None = None
        features, channels = _convolutions(3, self.table.features)
        self.features = features[:-1]
        self.pool = nn.MaxPool2d(self.geometry.pool)
        self.classifier = fully_connected(channels, self.table.classifier, num_classes, dropout)

    @property
    def window(self) -> int:
        """Side of the training crop, in pixels."""
        return self.geometry.window

    @property
    def stride(self) -> int:
        """Pixels between neighbouring coarse outputs."""
        return self.geometry.stride

    @property
    def fine_stride(self) -> int:
        """Pixels between neighbouring fine outputs."""
        return self.geometry.fine_stride

    def valid_size(self, pixels: float) -> int:
        """Return the input side nearest to ``pixels`` at which all pooling offsets give equally many windows."""
        return self.geometry.valid_size(pixels)

    def forward(self, images: Tensor) -> Tensor:
        """Return coarse logits.

        Args:
            images: normalised pixels, ``(N, 3, H, W)`` float, sides at least one window.

        Returns:
            Logits ``(N, num_classes, h, w)``: 1x1 for a window.
        """
        logits: Tensor = self.classifier(self.pool(self.features(images)))
        return logits


def _convolutions(channels: int, stages: tuple[Stage, ...]) -> tuple[nn.Sequential, int]:
    layers: list[nn.Module] = []
    for stage in stages:
        layers += [nn.Conv2d(channels, stage.channels, stage.kernel, stage.stride, stage.pad), nn.ReLU(inplace=True)]
        layers += [nn.MaxPool2d(stage.pool)] if stage.pool > 1 else []
        channels = stage.channels
    return nn.Sequential(*layers), channels


def fully_connected(channels: int, stages: tuple[Stage, ...], outputs: int, dropout: float) -> nn.Sequential:
    """Return stages of kind "full" as convolutions, the last of them with ``outputs`` channels and no rectifier."""
    layers: list[nn.Module] = []
    for stage in stages[:-1]:
        layers += [nn.Conv2d(channels, stage.channels, stage.kernel), nn.ReLU(inplace=True), nn.Dropout(dropout)]
        channels = stage.channels
    layers.append(nn.Conv2d(channels, outputs, stages[-1].kernel))
    return nn.Sequential(*layers)


def initialize(net: nn.Module, how: Literal["paper", "he"], seed: int) -> None:
    """Draw new weights in place, from ``seed`` alone; biases become zero.

    Args:
        net: any module of convolutions, the last of which gives the outputs.
        how: "paper" for N(0, 0.01) (section 3.1); "he" for N(0, 2 / fan-in) in all layers but the last, which keeps
            the signal's variance through rectified layers: small nets do not start to learn without it.
        seed: of the generator, which nothing else uses.
    """
    generator = torch.Generator().manual_seed(seed)
    convolutions = [layer for layer in net.modules() if isinstance(layer, nn.Conv2d)]
    with torch.no_grad():
        for layer in convolutions:
            fan_in = layer.weight[0].numel()
            std = 0.01 if how == "paper" or layer is convolutions[-1] else (2 / fan_in) ** 0.5
            layer.weight.copy_(torch.randn(layer.weight.shape, generator=generator) * std)
            if layer.bias is not None:
                layer.bias.zero_()
