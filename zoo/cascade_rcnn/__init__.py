"""Cascade of four stages: anchors, boxes, mask estimates, categorised instances."""
