"""Two runs of the same workloads held against each other: what became of each cell, and of what else changed."""
