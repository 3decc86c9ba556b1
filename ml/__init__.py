"""Almanac's machine learning: point-in-time training sets, honest models, scores."""
