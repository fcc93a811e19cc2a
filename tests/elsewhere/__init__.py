"""A device that stands in for a GPU, and what must hold on it."""
