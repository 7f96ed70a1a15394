//! linfa's adapter: tasks in, jobs out.

mod agglomerative;
mod dbscan;
mod kmeans;
mod kmeans_moves;
mod kmeans_own;
mod knn;
mod mixture;
mod mixture_own;
mod mixture_start;
mod ridge;
mod svc;

use mlfleet_sdk::{Origin, Service, locked_version, start_rayon};

/// linfa and the tasks it can do.
#[must_use]
pub fn service() -> Service {
    Service::new("linfa", locked_version("linfa"))
        .task("kmeans.fit", Origin::Stock, "ndarray", kmeans::fit)
        .task("kmeans.predict", Origin::Stock, "ndarray", kmeans::predict)
        .task("kmeans_pp.fit", Origin::Stock, "ndarray", kmeans_own::fit)
        .task("kmeans_defaults.fit", Origin::Stock, "ndarray", kmeans_own::defaults)
        .task("dbscan.fit", Origin::Stock, "linfa-nn", dbscan::fit)
        .task("agglomerative.fit", Origin::InRepo, "kodama", agglomerative::fit)
        .task(
            "gaussian_mixture.em",
            Origin::InRepo,
            "ndarray, linfa-linalg",
            mixture::fit,
        )
        .task("gaussian_mixture.predict", Origin::InRepo, "ndarray", mixture::predict)
        .task(
            "gaussian_mixture.fit",
            Origin::Stock,
            "ndarray, linfa-linalg",
            mixture_own::fit,
        )
        .task("ridge.fit", Origin::InRepo, "ndarray, linfa-linalg", ridge::fit)
        .task("ridge.predict", Origin::InRepo, "ndarray", ridge::predict)
        .task("knn_classify.predict", Origin::InRepo, "linfa-nn", knn::predict)
        .task("svc_ovo.fit", Origin::InRepo, "linfa-svm", svc::fit)
        .fact("ndarray", locked_version("ndarray"))
        .fact("linfa-linalg", locked_version("linfa-linalg"))
        .fact("kodama", locked_version("kodama"))
        .fact("matrixmultiply", locked_version("matrixmultiply"))
        .fact("rayon", "the main thread is one of the pool's")
        .fact("blas", "none: matrixmultiply and linfa-linalg, both Rust")
        .pool("rayon", locked_version("rayon-core"), start_rayon)
}
