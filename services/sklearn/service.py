"""scikit-learn behind the contract: a file per family, one function per task, its signature the schema."""

# Imported for what they register.
import cluster
import density
import lasso
import linear
import linear_svm
import mixture
import neighbours
import scaling
import svm
import svm_folds
import svr
from library import service

__all__ = [
    "cluster",
    "density",
    "lasso",
    "linear",
    "linear_svm",
    "mixture",
    "neighbours",
    "scaling",
    "service",
    "svm",
    "svm_folds",
    "svr",
]
import logistic
import neighbours
import reduction
import svm
import trees
from library import service

__all__ = ["cluster", "linear", "logistic", "neighbours", "reduction", "service", "svm", "trees"]
