"""Semantic segmentation by a body with a top-down path: the baseline of the cascade."""
