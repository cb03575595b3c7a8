"""Patch-based active appearance models, fitted by simultaneous inverse composition."""
