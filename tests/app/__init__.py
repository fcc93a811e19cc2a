"""Tests of the editor; `fakes` stands in for the model."""
