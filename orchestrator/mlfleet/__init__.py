"""mlfleet: machine-learning frameworks measured against each other, with a ratio only where it can be defended."""

__version__ = "0.1.0"
