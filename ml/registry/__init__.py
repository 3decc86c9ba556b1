"""Models on disk: artifacts, their history, and which of them scores."""
