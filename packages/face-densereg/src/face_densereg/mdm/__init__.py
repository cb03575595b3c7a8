"""The Mnemonic Descent Method (Trigeorgis et al. 2016)."""
