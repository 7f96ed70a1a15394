"""A run checked again from its files, by code that shares nothing with what wrote them.

Nothing of mlfleet is imported here but its errors (a contract in pyproject.toml): formats, rules and formulas are
written a second time, from results/README.md and the measurement rules, so that a mistake of the writer is not
repeated by its judge. Reading changes nothing.
"""
