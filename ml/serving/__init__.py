"""Using models: batch scores, online inputs, predictions of records, SQL, the copy for BI."""
