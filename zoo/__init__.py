"""The model zoo: builders, cards and weights, found by name."""
