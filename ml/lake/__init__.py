"""Data of many customers in buckets: each bucket is built, read and scored on its own."""
