"""Structured 3D pose: volumetric quantised regression, and inference in a graphical model over its voxels."""
