"""Measurements beside their peers, in the same run: ``python -m benchmarks NAME``."""
