"""scikit-learn behind the contract: a file per family, one function per task, its signature the schema."""

# Imported for what they register.
import cluster
import density
import lasso
import linear
import linear_svm
import logistic
import mixture
import neighbours
import reduction
import scaling
import svm
import svm_folds
import svr
import trees
from library import service

__all__ = [
    "cluster",
    "density",
    "lasso",
    "linear",
    "linear_svm",
    "logistic",
    "mixture",
    "neighbours",
    "reduction",
    "scaling",
    "service",
    "svm",
    "svm_folds",
    "svr",
    "trees",
]
