//! Faults of the work itself: a step that fails, outputs that do not depend on the data.

use mlfleet_sdk::{Error, Job, Outputs, Tensor};
use ndarray::ArrayD;

#[derive(Clone, Copy)]
pub(crate) enum Fault {
    /// The step fails.
    Internal,
    /// The step panics.
    Panic,
    /// The step runs out of memory.
    Memory,
    /// All outputs are zeros of the right shape.
    Constant,
    /// Trained on every other row; lying, the receipt claims all of them.
    Half { lying: bool },
    /// Prepare answers with another payload's digest.
    BadDigest,
}

pub(crate) struct Faulty {
    pub(crate) fault: Fault,
    pub(crate) honest: Box<dyn Job>,
}

impl Job for Faulty {
    fn step(&mut self) -> Result<(), Error> {
        match self.fault {
            Fault::Internal => Err(Error::bug("the fault `internal`: a step that fails")),
            Fault::Panic => panic!("the fault `panic`: a step that panics"),
            Fault::Memory => Err(Error::memory("the fault `memory`: a step without memory")),
            Fault::Constant | Fault::Half { .. } | Fault::BadDigest => self.honest.step(),
        }
    }

    fn outputs(&mut self) -> Result<Outputs, Error> {
        let honest = self.honest.outputs()?;
        Ok(match self.fault {
            Fault::Constant => zeros(honest),
            _ => honest,
        })
    }
}

fn zeros(honest: Outputs) -> Outputs {
    let answers: Vec<_> = honest
        .tensors()
        .iter()
        .filter(|(name, _)| !name.starts_with("receipt."))
        .map(|(name, tensor)| (name.clone(), tensor.clone()))
        .collect();
    answers
        .into_iter()
        .fold(honest, |outputs, (name, tensor)| match tensor {
            Tensor::F64(array) => outputs.tensor(&name, ArrayD::<f64>::zeros(array.raw_dim())),
            Tensor::I64(array) => outputs.tensor(&name, ArrayD::<i64>::zeros(array.raw_dim())),
            other => outputs.tensor(&name, other),
        })
}
