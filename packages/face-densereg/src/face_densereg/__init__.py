"""DenseReg for faces: dense template coordinates by quantised regression, and landmarks read from them."""
