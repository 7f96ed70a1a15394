//! For tests only: linfa's adapter that fails or lies as `MLFLEET_FAULT` says, to prove that the orchestrator notices.

mod bad_digest;
mod faulty;
mod half;

use std::env;
use std::process::ExitCode;

use mlfleet_sdk::{Build, Task, serve_with};

use crate::bad_digest::BadDigest;
use crate::faulty::{Fault, Faulty};

/// Every value of `MLFLEET_FAULT`; unset, the adapter is honest.
const FAULTS: [(&str, Fault); 7] = [
    ("internal", Fault::Internal),
    ("panic", Fault::Panic),
    ("memory", Fault::Memory),
    ("constant", Fault::Constant),
    ("half_honest", Fault::Half { lying: false }),
    ("half_lying", Fault::Half { lying: true }),
    ("bad_digest", Fault::BadDigest),
];

fn main() -> ExitCode {
    let Some(name) = env::var_os("MLFLEET_FAULT") else {
        return mlfleet_linfa::service().serve();
    };
    let Some(&(_, fault)) = FAULTS.iter().find(|(known, _)| name == *known) else {
        let known = FAULTS.map(|(known, _)| known).join(", ");
        eprintln!("MLFLEET_FAULT is {}; awaited one of: {known}", name.display());
        return ExitCode::from(2);
    };
    let mut service = mlfleet_linfa::service();
    if let Fault::BadDigest = fault {
        return serve_with(service, BadDigest);
    }
    service.tasks = service.tasks.into_iter().map(|task| spoilt(task, fault)).collect();
    service.serve()
}

fn spoilt(task: Task, fault: Fault) -> Task {
    let Task {
        name,
        origin,
        kernels,
        build: honest,
    } = task;
    let build: Build = Box::new(move |inputs, params| match fault {
        Fault::Half { lying } if half::applies(name) => half::build(&honest, inputs, params, lying),
        _ => Ok(Box::new(Faulty {
            fault,
            honest: honest(inputs, params)?,
        })),
    });
    Task {
        name,
        origin,
        kernels,
        build,
    }
}
