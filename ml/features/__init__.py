"""Features in the warehouse: catalogue, computation on request, refits, the leakage audit."""
