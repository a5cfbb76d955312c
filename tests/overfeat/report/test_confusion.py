"""Confusion: every picture is in one cell, and what is confused most comes first."""

import re
from html import unescape

import numpy as np
import pandas as pd

from overfeat.report.confusion import MOST_IN_MATRIX, confusion, counts
from overfeat.report.names import ClassNames

NAMES = ClassNames(["n1", "n2", "n3"], ["cat", "dog", "<eel>"])
GUESSES = pd.DataFrame(
    {
        "split": "val",
        "actual": ["n1", "n1", "n1", "n1", "n2", "n3", "n3"],
        "predicted": ["n1", "n2", "n2", "n1", "n1", "n3", None],
    }
)


def test_counts() -> None:
    assert counts(GUESSES, NAMES).tolist() == [[2, 2, 0], [1, 0, 0], [0, 0, 1]]
    assert counts(GUESSES.assign(actual="unheard of"), NAMES).sum() == 0


def test_a_matrix_whose_numbers_lead_to_the_pictures() -> None:
    made = confusion(GUESSES, NAMES)
    cells = re.findall(r'<td class="(l\d)(?: right)?">(?:<a href="([^"]*)">)?(\d+)', made)
    assert [int(number) for _, _, number in cells] == [2, 2, 0, 1, 0, 0, 0, 0, 1]
    assert [level for level, _, _ in cells] == ["l4", "l4", "l0", "l9", "l0", "l0", "l0", "l0", "l9"]
    assert unescape(cells[1][1]) == "#gallery?task=recognition&split=val&class=n1&as=truth&other=n2"
    assert "&lt;eel&gt;" in made
    assert "<eel>" not in made


def test_pairs_that_are_confused_most() -> None:
    made = confusion(GUESSES, NAMES)
    pairs = re.findall(r'<th scope="row"><a [^>]*>(.*?)</a></th><td>(.*?)</td><td>(\d+)</td><td>([\d.]+)', made)
    assert pairs == [("cat", "dog", "2", "50.0"), ("dog", "cat", "1", "100.0")]


def test_a_thousand_classes_have_no_matrix() -> None:
    labels = [f"n{number}" for number in range(1000)]
    generator = np.random.default_rng(0)
    guesses = pd.DataFrame(
        {"split": "val", "actual": generator.choice(labels, 5000), "predicted": generator.choice(labels, 5000)}
    )
    made = confusion(guesses, ClassNames(labels, labels))
    assert MOST_IN_MATRIX < 1000
    assert 'class="matrix"' not in made
    assert "the 30 most frequent of" in made
    assert made.count("<tr>") == 31
    assert len(made) < 20_000


def test_nothing_to_compare() -> None:
    for nothing in (GUESSES[-1:], GUESSES[:0], pd.DataFrame(columns=["label", "split"])):
        assert "no picture with a decision has a label" in confusion(nothing, NAMES)
    assert "No picture was taken for another class" in confusion(GUESSES[:1], NAMES)
