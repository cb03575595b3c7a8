"""Faces of known subjects with labelled emotions, cameras and lights, after the structure of Multi-PIE."""
