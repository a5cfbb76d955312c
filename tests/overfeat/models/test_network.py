"""Initialisation and normalisation."""

import torch

from overfeat.models.network import OverFeat, initialize, normalize


def test_normalize_is_the_authors() -> None:
    pixels = torch.tensor([0, 118, 255], dtype=torch.uint8)
    expected = (torch.tensor([0.0, 118.0, 255.0]) - 118.380948) / 61.896913
    torch.testing.assert_close(normalize(pixels), expected)
    torch.testing.assert_close(normalize(pixels.float()), expected)


def test_normalize_leaves_its_argument_alone() -> None:
    pixels = torch.full((2, 2), 7.0)
    normalize(pixels)
    assert (pixels == 7).all()


def test_paper_weights_are_normal_with_a_deviation_of_a_hundredth() -> None:
    net = OverFeat("mini", 10)
    initialize(net, "paper", seed=0)
    weights = torch.cat([p.detach().flatten() for p in net.parameters() if p.dim() > 1])
    assert abs(weights.mean()) < 1e-4
    assert abs(weights.std() - 0.01) < 1e-4
    assert all((p == 0).all() for p in net.parameters() if p.dim() == 1)


def test_he_keeps_the_signal_and_paper_loses_it_in_the_mini_net() -> None:
    images = torch.randn(16, 3, 52, 52)
    spread = {}
    for how in ("he", "paper"):
        net = OverFeat("mini", 10).eval()
        initialize(net, how, seed=0)
        spread[how] = float(net(images).detach().std())
    assert spread["he"] > 0.05
    assert spread["paper"] < 1e-3


def test_initialisation_depends_on_the_seed_alone() -> None:
    nets = [OverFeat("mini", 10) for _ in range(3)]
    for net, seed in zip(nets, (1, 1, 2), strict=True):
        torch.rand(5)
        initialize(net, "he", seed)
    first, same, other = (net.features[0].weight for net in nets)
    assert torch.equal(first, same)
    assert not torch.equal(first, other)
