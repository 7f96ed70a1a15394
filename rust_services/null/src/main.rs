//! The Rust control: no framework, the harness alone.
//!
//! Each task does a counted amount of one thing (nothing, loops, memory read, sleep, CPU time, memory held), and its
//! outputs follow from what was done, so that the harness's own readings can be held against a truth.

mod alloc;
mod checks;
mod counted;
mod waiting;

use std::process::ExitCode;

use mlfleet_sdk::{Error, Inputs, Job, Origin, Outputs, Params, Service, Tensor};

struct Noop {
    x: Tensor,
}

/// `control.noop`: x of any type and shape, returned as it came.
fn noop(inputs: &mut Inputs, _: &mut Params) -> Result<Noop, Error> {
    Ok(Noop { x: inputs.any("x")? })
}

impl Job for Noop {
    fn step(&mut self) -> Result<(), Error> {
        Ok(())
    }

    fn outputs(&mut self) -> Result<Outputs, Error> {
        let rows = self.x.shape().first().copied().unwrap_or(1);
        Ok(Outputs::new().tensor("x", self.x.clone()).receipt("rows", rows))
    }
}

fn main() -> ExitCode {
    // It computes nothing, so it does that on whatever a run is on.
    Service::new("null-rust", env!("CARGO_PKG_VERSION"))
        .device(mlfleet_sdk::device())
        .task("control.noop", Origin::Stock, "none", noop)
        .task("control.delay", Origin::InRepo, "none", counted::delay)
        .task("control.sweep", Origin::InRepo, "none", counted::sweep)
        .task("control.sleep", Origin::InRepo, "none", waiting::sleep)
        .task("control.spin", Origin::InRepo, "none", waiting::spin)
        .task("control.alloc", Origin::InRepo, "none", alloc::alloc)
        .serve()
}
