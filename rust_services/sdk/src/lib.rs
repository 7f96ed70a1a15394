//! The Rust side of the mlfleet contract.
//!
//! A service names its framework and registers tasks; the SDK speaks gRPC, checks payloads, runs schedules and stamps
//! them. The framework lives on the main thread and gRPC on a second one, so a [`Job`] need not be `Send` and never
//! shares its thread with the network.
//!
//! ```no_run
//! use mlfleet_sdk::{Error, Inputs, Job, Origin, Outputs, Params, Service};
//!
//! struct Sum {
//!     x: ndarray::Array1<f64>,
//!     sum: f64,
//! }
//!
//! fn sum(inputs: &mut Inputs, _: &mut Params) -> Result<Sum, Error> {
//!     Ok(Sum { x: inputs.f64_1d("x")?, sum: 0.0 })
//! }
//!
//! impl Job for Sum {
//!     fn step(&mut self) -> Result<(), Error> {
//!         self.sum = self.x.sum();
//!         Ok(())
//!     }
//!     fn outputs(&mut self) -> Result<Outputs, Error> {
//!         Ok(Outputs::new().tensor("sum", self.sum).receipt("rows", self.x.len()))
//!     }
//! }
//!
//! fn main() -> std::process::ExitCode {
//!     Service::new("plain", "1.0").task("sum.run", Origin::InRepo, "ndarray", sum).serve()
//! }
//! ```

#[cfg(target_endian = "big")]
compile_error!("digests and payloads are little-endian; a big-endian target needs conversions that do not exist here");

mod clock;
pub mod descent;
mod describe;
mod digest;
mod environment;
mod error;
mod inputs;
mod job;
mod outputs;
mod params;
mod payload;
#[cfg(feature = "rayon")]
mod pool;
mod rotation;
mod rpc;
mod serve;
mod service;
mod tensor;
mod worker;

/// The generated contract, for those who wrap a service.
#[allow(missing_docs, unreachable_pub, clippy::all, clippy::pedantic)]
pub mod proto {
    tonic::include_proto!("mlfleet.v1");

    pub(crate) const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/benchmark.descriptors"));
}

pub use describe::{compiler_version, locked_version};
pub use digest::{sha256, tensors_sha256};
pub use environment::device;
pub use error::{Error, require};
pub use inputs::Inputs;
pub use job::Job;
pub use outputs::Outputs;
pub use params::{Params, Value};
#[cfg(feature = "rayon")]
pub use pool::start_rayon;
pub use proto::Origin;
pub use rotation::{Batches, Rotation};
pub use rpc::Rpc;
pub use serve::serve_with;
pub use service::{Build, Service, Task};
pub use tensor::{Element, Tensor};
