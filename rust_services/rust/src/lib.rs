//! Plain Rust's adapter: tasks in, jobs out.

mod descent;
mod env;
mod gd;
mod knn;
mod parts;
mod rotation;
mod sums;

use mlfleet_sdk::{Error, Origin, Service, compiler_version, locked_version};
use rayon::ThreadPoolBuilder;

/// Plain Rust and the tasks it can do.
#[must_use]
pub fn service() -> Service {
    Service::new("rust", compiler_version())
        .task("sum.loop", Origin::InRepo, "none", sums::buffers)
        .task("sum.range", Origin::InRepo, "none", sums::range)
        .task("sum.formula", Origin::InRepo, "none", sums::formula)
        .task(
            "gd_regression.fit",
            Origin::InRepo,
            "none; gram: matrixmultiply",
            gd::fit,
        )
        .task("knn_regress.predict", Origin::InRepo, "none", knn::predict)
        .task("env.step", Origin::InRepo, "none", env::steps)
        .fact("ndarray", locked_version("ndarray"))
        .fact("matrixmultiply", locked_version("matrixmultiply"))
        .fact("vectors of gd_regression.fit", descent::vectors())
        .fact("rayon", "the main thread is one of the pool's")
        .pool("rayon", locked_version("rayon-core"), start_rayon)
}

/// The pool that loops are shared out to. Set here, so that the launcher's number holds whatever else is in its
/// environment. The main thread is one of its threads: beside a pool it would wait, and each iteration change threads.
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
