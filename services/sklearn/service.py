"""scikit-learn behind the contract: a file per family, one function per task, its signature the schema."""

# Imported for what they register.
import cluster
import lasso
import density
import linear
import mixture
import linear_svm
import neighbours
import scaling
import svm
import svm_folds
import svr
from library import service

__all__ = ["cluster", "lasso", "linear", "neighbours", "scaling", "service", "svm"]
__all__ = ["cluster", "linear", "neighbours", "service", "svm", "svm_folds"]
__all__ = ["cluster", "density", "linear", "mixture", "neighbours", "service", "svm"]
__all__ = ["cluster", "linear", "linear_svm", "neighbours", "service", "svm", "svm_folds", "svr"]
