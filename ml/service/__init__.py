"""The scoring service: the champions' answers over HTTP, for customers by id and for records.

`ml serve` starts it; `docs/serving.md` says how it is called, sized and deployed.
"""
