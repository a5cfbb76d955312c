"""The paper's tables on the data at hand: classification (table 2), localization (figure 9) and detection.

Every row is a way to decide, beside the paper's ImageNet numbers, with an interval and a verdict: whether the ordering
that the paper shows holds here. ``python -m pipelines.reproduce_tables`` makes them from the trained networks.
"""
