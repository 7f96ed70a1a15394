"""scikit-learn behind the contract: a file per family, one function per task, its signature the schema."""

# Imported for what they register.
import cluster
import linear
import linear_svm
import neighbours
import svm
import svm_folds
import svr
from library import service

__all__ = ["cluster", "linear", "linear_svm", "neighbours", "service", "svm", "svm_folds", "svr"]
