//! tch's adapter: tasks in, jobs out.

mod arrays;
mod descent;
mod device;
mod dqn;
mod dqn_train;
mod dqn_update;
mod infer;
mod libtorch;
mod networks;
mod policy;
mod reinforce;
mod training;

use mlfleet_sdk::{Origin, Service, locked_version};

use crate::libtorch::Libtorch;
use crate::networks::{Lenet, Mlp};

/// tch and the tasks it can do.
///
/// # Panics
/// If this process has loaded no libtorch that says which one it is.
#[must_use]
pub fn service() -> Service {
    libtorch::limit_interop_threads();
    let libtorch = Libtorch::loaded().expect("a libtorch with its version.py beside it");
    device::open(&libtorch);
    let kernels = format!("libtorch {}", libtorch.release()).leak();
    let service = Service::new("tch", locked_version("tch"))
        .task("mlp.train", Origin::InRepo, kernels, training::train::<Mlp>)
        .task("lenet.train", Origin::InRepo, kernels, training::train::<Lenet>)
        .task("lenet.infer", Origin::InRepo, kernels, infer::infer)
        .task("gd_regression.fit", Origin::InRepo, kernels, descent::fit)
        .task("dqn.update", Origin::InRepo, kernels, dqn_update::update)
        .task("dqn.train", Origin::InRepo, kernels, dqn_train::train)
        .task("reinforce.train", Origin::InRepo, kernels, reinforce::train)
        .pool("libtorch-intraop", libtorch.release(), libtorch::limit_intraop_threads)
        .pool("libtorch-interop", libtorch.release(), libtorch::interop_threads);
    let service = libtorch
        .facts()
        .into_iter()
        .fold(service, |service, (name, value)| service.fact(name, value));
    device::names().into_iter().fold(service, Service::device)
}
