"""scikit-learn behind the contract: a file per family, one function per task, its signature the schema."""

# Imported for what they register.
import cluster
import density
import linear
import mixture
import neighbours
import svm
from library import service

__all__ = ["cluster", "density", "linear", "mixture", "neighbours", "service", "svm"]
