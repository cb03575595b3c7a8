"""Stand-in photographs of ears: 55 landmarks, and dense correspondence by thin plate splines."""
