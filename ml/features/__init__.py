"""Features that exist: their catalogue, requests with raw records, new fits, the leakage audit."""
