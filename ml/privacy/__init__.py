"""Erasing a person's data from a workspace."""
