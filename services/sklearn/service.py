"""scikit-learn behind the contract: a file per family, one function per task, its signature the schema."""

# Imported for what they register.
import cluster
import linear
import logistic
import neighbours
import reduction
import svm
import trees
from library import service

__all__ = ["cluster", "linear", "logistic", "neighbours", "reduction", "service", "svm", "trees"]
