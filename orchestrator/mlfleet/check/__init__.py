"""One service alone: the contract's basics, then each of its tasks once, as a run would do it."""
