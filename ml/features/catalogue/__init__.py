"""Looks up features and customers: catalogue, lineage, costs, the trace of one customer."""
