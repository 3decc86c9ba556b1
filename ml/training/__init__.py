"""Training a target's model, and evaluating how training does on rows it did not see."""
