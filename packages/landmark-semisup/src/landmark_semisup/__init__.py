"""Landmarks from few annotations (Honari et al. 2018): class labels and equivariance guide what is not annotated."""
