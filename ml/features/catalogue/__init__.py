"""What is known of features and customers: catalogue, lineage, costs, one customer's way."""
