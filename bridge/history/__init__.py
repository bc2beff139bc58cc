"""The calls that are over, in memory: lists, conversations, plots, totals, what they cost."""
