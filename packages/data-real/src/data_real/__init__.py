"""Readers for the real landmark, pose and dense-correspondence datasets, each checking what it was given."""
