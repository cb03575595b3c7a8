"""White figures on black: the generated data sets Shapes and Blocks of Honari et al. 2018 (Sec. 4.1 and 4.2)."""
