"""Outputs brought into the order of a data set: which are chosen, what is refused, and nothing else changes."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from overfeat.errors import CheckpointError
from overfeat.models.network import OverFeat
from overfeat.models.outputs import choose_outputs
from overfeat.models.released import class_names
from overfeat.models.tables import ModelTable, Stage

TABLE = ModelTable("tiny", (Stage("conv", 4, 3, pool=2), Stage("full", 5, 2), Stage("full", 0, 1)), ((0, 0),))


def make_net(names: list[str] | None, outputs: int | None = None) -> OverFeat:
    """Return a net of small whole weights: its outputs are exact, whatever order they are summed in."""
    net = OverFeat(TABLE, outputs or len(names or []))
    generator = torch.Generator().manual_seed(3)
    with torch.no_grad():
        for weights in net.parameters():
            weights.copy_(torch.randint(-3, 4, weights.shape, generator=generator))
    net.class_names = names
    return net.eval()


def chosen_channels(names: list[str], labels: list[str], words: list[str]) -> list[int]:
    """Return the channel of each output, told by its bias."""
    net = make_net(names)
    with torch.no_grad():
        net.classifier[-1].bias.copy_(torch.arange(len(names)))
    return [int(bias) for bias in choose_outputs(net, labels, words).classifier[-1].bias]


@settings(deadline=None)
@given(st.lists(st.text(max_size=3), min_size=1, max_size=12, unique=True).flatmap(st.permutations), st.data())
def test_logits_are_the_chosen_channels_bit_by_bit(names: list[str], data: st.DataObject) -> None:
    channels = data.draw(st.lists(st.sampled_from(range(len(names))), min_size=1, unique=True))
    by_label = data.draw(st.booleans())
    words = [names[channel] for channel in channels]
    labels = words if by_label else [f"class {number}" for number in range(len(words))]
    net = make_net(names)
    pixels = torch.randint(0, 4, (2, 3, 9, 8), generator=torch.Generator().manual_seed(4)).float()
    with torch.inference_mode():
        chosen = choose_outputs(net, labels, ["unknown"] * len(words) if by_label else words)
        assert torch.equal(chosen(pixels), net(pixels)[:, channels])
    assert (chosen.class_names, chosen.num_classes, chosen.table) == (labels, len(labels), TABLE)


def test_only_the_last_layer_is_new() -> None:
    net = make_net(["a", "b", "c"]).train()
    before = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    chosen = choose_outputs(net, ["c", "a", "b"], ["", "", ""])
    theirs, ours = net.state_dict(), chosen.state_dict()
    new = {name for name in ours if ours[name].data_ptr() != theirs[name].data_ptr()}
    assert new == {"classifier.3.weight", "classifier.3.bias"}
    assert not any(tensor.is_meta for tensor in ours.values())
    assert all(isinstance(weights, torch.nn.Parameter) and weights.requires_grad for weights in chosen.parameters())
    with torch.no_grad():
        chosen.classifier[-1].weight.zero_()
    assert all(torch.equal(net.state_dict()[name], tensor) for name, tensor in before.items())
    assert net.class_names == ["a", "b", "c"]
    assert (net.training, chosen.training) == (True, False)


def test_a_label_goes_before_words() -> None:
    assert chosen_channels(["cat", "dog", "n1"], ["n1", "n2"], ["cat", "dog"]) == [2, 1]


def test_words_that_occur_several_times_are_given_out_in_order() -> None:
    names = ["crane", "tench", "crane", "heron"]
    assert chosen_channels(names, ["n1", "n2", "n3"], ["tench", "crane", "crane"]) == [1, 0, 2]
    assert chosen_channels(names, ["n1", "n2", "n3"], ["crane", "heron", "crane"]) == [0, 3, 2]
    assert chosen_channels(names, ["n1"], ["heron"]) == [3]


@pytest.mark.parametrize(
    ("names", "labels", "words", "message"),
    [
        (["crane", "b", "crane"], ["n1"], ["crane"], "'crane' is the name of 2 of the network's outputs and of 1 of"),
        (["crane", "b", "crane"], ["crane"], ["x"], "'crane' is the name of 2 of the network's outputs and of 1 of"),
        (["crane", "b"], ["n1", "n2"], ["crane", "crane"], "name of 1 of the network's outputs and of 2 of the data"),
        (["crane", "b"], ["crane", "n2"], ["b", "crane"], "name of 1 of the network's outputs and of 2 of the data"),
    ],
)
def test_names_that_tell_nothing_apart_are_refused(
    names: list[str], labels: list[str], words: list[str], message: str
) -> None:
    with pytest.raises(CheckpointError, match=message):
        choose_outputs(make_net(names), labels, words)


@pytest.mark.parametrize(
    ("classes", "shown"),
    [
        (1, r"1 of the data set's 2 classes \(n0 'word 0'\): neither"),
        (3, r"3 of the data set's 4 classes \(n0 'word 0', n1 'word 1', n2 'word 2'\): neither"),
        (1200, r"1,200 of the data set's 1,201 classes \(n0 'word 0', n1 'word 1', n2 'word 2', \.\.\.\): n"),
    ],
)
def test_classes_without_an_output_are_counted_and_three_of_them_named(classes: int, shown: str) -> None:
    labels, words = ([f"{kind}{n}" for n in range(classes)] for kind in ("n", "word "))
    with pytest.raises(CheckpointError, match=shown):
        choose_outputs(make_net(["cat", "dog"]), [*labels, "cat"], [*words, "cat"])


def test_a_net_that_knows_no_names_is_refused() -> None:
    with pytest.raises(CheckpointError, match=r"no output for 1 of the data set's 1 classes \(cat 'cat'\)"):
        choose_outputs(make_net(None, outputs=2), ["cat"], ["cat"])


def test_the_classes_of_the_release_in_any_order() -> None:
    names = class_names()
    order = torch.randperm(len(names), generator=torch.Generator().manual_seed(0)).tolist()
    bird, machine = (order.index(number) for number, name in enumerate(names) if name == "crane")
    if bird > machine:
        order[bird], order[machine] = order[machine], order[bird]
    labels = [f"n{number:08d}" for number in range(len(names))]
    assert chosen_channels(names, labels, [names[number] for number in order]) == order
