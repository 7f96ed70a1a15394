//! Plain Rust's adapter: tasks in, jobs out.

mod descent;
mod env;
mod gd;
mod gd_predict;
mod gram;
mod knn;
mod nearest;
mod panels;
mod parts;
mod scaler;
mod sums;
mod written;

use knn::{Mean, Vote};
use mlfleet_sdk::{Origin, Service, compiler_version, locked_version, start_rayon};

/// Plain Rust and the tasks it can do.
#[must_use]
pub fn service() -> Service {
    Service::new("rust", compiler_version())
        .task("sum.loop", Origin::InRepo, "none", sums::buffers)
        .task("sum.range", Origin::InRepo, "none", sums::range)
        .task("sum.chunked", Origin::InRepo, "none", written::chunked)
        .task("sum.arange", Origin::InRepo, "none", written::arange)
        .task("sum.formula", Origin::InRepo, "none", sums::formula)
        .task(
            "gd_regression.fit",
            Origin::InRepo,
            "none; gram: matrixmultiply",
            gd::fit,
        )
        .task("gd_regression.predict", Origin::InRepo, "none", gd_predict::predict)
        .task("scaler.fit", Origin::InRepo, "none", scaler::fit)
        .task("scaler.transform", Origin::InRepo, "none", scaler::transform)
        .task(
            "knn_classify.predict",
            Origin::InRepo,
            "matrixmultiply",
            knn::predict::<Vote>,
        )
        .task(
            "knn_regress.predict",
            Origin::InRepo,
            "matrixmultiply",
            knn::predict::<Mean>,
        )
        .task("env.step", Origin::InRepo, "none", env::steps)
        .fact("ndarray", locked_version("ndarray"))
        .fact("matrixmultiply", locked_version("matrixmultiply"))
        .fact("vectors of gd_regression.fit", descent::vectors())
        .fact("rayon", "the main thread is one of the pool's")
        .pool("rayon", locked_version("rayon-core"), start_rayon)
}
