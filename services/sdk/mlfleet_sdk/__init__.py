"""The Python side of the mlfleet contract."""
