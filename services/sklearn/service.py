"""scikit-learn behind the contract: a file per family, one function per task, its signature the schema."""

# Imported for what they register.
import cluster
import lasso
import linear
import neighbours
import scaling
import svm
from library import service

__all__ = ["cluster", "lasso", "linear", "neighbours", "scaling", "service", "svm"]
