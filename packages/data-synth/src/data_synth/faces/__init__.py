"""Stand-in faces: a linear head model, its landmarks, parts and UV, and the renderer."""
