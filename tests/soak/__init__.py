"""Long proofs: ``make kill ROUNDS=100`` and ``make soak``."""
