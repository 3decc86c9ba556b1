"""How good predictions are: metrics, thresholds, bootstrap intervals and DeLong's paired test."""
