"""Rendered people in motion: stand-ins for Human3.6M and for images with 2D joints only."""
