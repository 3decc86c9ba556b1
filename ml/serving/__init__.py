"""Using models: scores, online features, answers for records, exports, the copy for BI tools."""
