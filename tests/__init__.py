"""Tests: a mirror of the modules, oracles, golden data."""
