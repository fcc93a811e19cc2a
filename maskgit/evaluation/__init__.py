"""Judging a model: how good its pictures are, measured the same way each time."""
