"""Measures of the decisions against what is true."""
