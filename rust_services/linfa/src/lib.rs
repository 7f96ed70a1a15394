//! linfa's adapter: tasks in, jobs out.

mod batches;
mod kmeans;
mod knn;
mod ridge;
mod svc;

use mlfleet_sdk::{Error, Origin, Service, locked_version};
use rayon::ThreadPoolBuilder;

/// linfa and the tasks it can do.
#[must_use]
pub fn service() -> Service {
    Service::new("linfa", locked_version("linfa"))
        .task("kmeans.fit", Origin::Stock, "ndarray", kmeans::fit)
        .task("ridge.fit", Origin::InRepo, "ndarray, linfa-linalg", ridge::fit)
        .task("ridge.predict", Origin::InRepo, "ndarray", ridge::predict)
        .task("knn_classify.predict", Origin::InRepo, "linfa-nn", knn::predict)
        .task("svc_ovo.fit", Origin::InRepo, "linfa-svm", svc::fit)
        .fact("ndarray", locked_version("ndarray"))
        .fact("linfa-linalg", locked_version("linfa-linalg"))
        .fact("matrixmultiply", locked_version("matrixmultiply"))
        .fact("rayon", "the main thread is one of the pool's")
        .fact("blas", "none: matrixmultiply and linfa-linalg, both Rust")
        .pool("rayon", locked_version("rayon-core"), start_rayon)
}

/// The pool that linfa's k-means runs on. Set here, so that the launcher's number holds whatever else is in its
/// environment. The main thread is one of its threads: a pool beside it would put a change of threads into every
/// iteration of k-means, which on one CPU costs more than the iteration itself on small data.
fn start_rayon(threads: usize) -> usize {
    if let Err(error) = ThreadPoolBuilder::new()
        .num_threads(threads)
        .use_current_thread()
        .build_global()
    {
        eprintln!("rayon keeps its own number of threads: {error}");
    }
    rayon::current_num_threads()
}

/// Refuses a task whose tensors do not fit together.
fn require(fits: bool, message: impl FnOnce() -> String) -> Result<(), Error> {
    if fits { Ok(()) } else { Err(Error::params(message())) }
}
