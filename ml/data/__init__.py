"""Label rows with their features, how they are split, and how rare classes are resampled."""
