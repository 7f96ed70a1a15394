//! linfa's adapter: tasks in, jobs out.

mod decide;
mod kmeans;
mod knn;
mod knn_folds;
mod logistic;
mod pca;
mod ridge;
mod search;
mod svc;

use decide::{Mean, Vote};
use mlfleet_sdk::{Origin, Service, locked_version, start_rayon};

/// linfa and the tasks it can do.
#[must_use]
pub fn service() -> Service {
    Service::new("linfa", locked_version("linfa"))
        .task("kmeans.fit", Origin::Stock, "ndarray", kmeans::fit)
        .task("ridge.fit", Origin::InRepo, "ndarray, linfa-linalg", ridge::fit)
        .task("ridge.predict", Origin::InRepo, "ndarray", ridge::predict)
        .task("knn_classify.predict", Origin::InRepo, "linfa-nn", knn::predict::<Vote>)
        .task("knn_regress.predict", Origin::InRepo, "linfa-nn", knn::predict::<Mean>)
        .task("knn_classify.fit", Origin::Stock, "linfa-nn", knn::fit::<Vote>)
        .task("knn_regress.fit", Origin::Stock, "linfa-nn", knn::fit::<Mean>)
        .task(
            "knn_classify.cross_validate",
            Origin::InRepo,
            "linfa-nn",
            knn_folds::validate,
        )
        .task("logistic.fit", Origin::Stock, "linfa-logistic", logistic::fit)
        .task("pca.fit", Origin::Stock, "linfa-reduction, linfa-linalg", pca::fit)
        .task("svc_ovo.fit", Origin::InRepo, "linfa-svm", svc::fit)
        .fact("ndarray", locked_version("ndarray"))
        .fact("linfa-linalg", locked_version("linfa-linalg"))
        .fact("matrixmultiply", locked_version("matrixmultiply"))
        .fact("rayon", "the main thread is one of the pool's")
        .fact("blas", "none: matrixmultiply and linfa-linalg, both Rust")
        .pool("rayon", locked_version("rayon-core"), start_rayon)
}
