"""Stand-in videos of faces: smooth motion, changing light, things that pass in front."""
