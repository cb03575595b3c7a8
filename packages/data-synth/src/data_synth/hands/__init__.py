"""Hands that show the gestures of a finger alphabet, after the structure of HGR1."""
