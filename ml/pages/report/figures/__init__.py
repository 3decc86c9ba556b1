"""The report's pictures; every function returns one inline SVG."""
