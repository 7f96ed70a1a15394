//! What a job hands over at the end: tensors and the receipt of the work that ran.

use std::collections::BTreeMap;

use crate::{Error, Tensor};

/// The outputs of a job's last iteration and its work receipt.
#[derive(Clone, Debug, Default)]
pub struct Outputs(BTreeMap<String, Tensor>);

impl Outputs {
    /// No outputs yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a tensor, or replaces the one of that name.
    #[must_use]
    pub fn tensor(mut self, name: &str, tensor: impl Into<Tensor>) -> Self {
        self.0.insert(name.to_owned(), tensor.into());
        self
    }

    /// Adds a line of the receipt: what ran, not what was asked for. A scalar tensor `receipt.<key>`.
    #[must_use]
    pub fn receipt(self, key: &str, value: impl Into<Receipt>) -> Self {
        self.tensor(&format!("receipt.{key}"), value.into().0)
    }

    /// The tensors by name; the receipt is among them, under `receipt.<key>`.
    #[must_use]
    pub fn tensors(&self) -> &BTreeMap<String, Tensor> {
        &self.0
    }

    /// One safetensors file.
    pub(crate) fn serialize(&self) -> Result<Vec<u8>, Error> {
        safetensors::serialize(&self.0, None).map_err(Error::bug)
    }
}

/// The value of a line of the receipt: I64, F64 or BOOL.
#[derive(Debug)]
pub struct Receipt(Tensor);

impl From<i64> for Receipt {
    fn from(value: i64) -> Self {
        Self(value.into())
    }
}

impl From<f64> for Receipt {
    fn from(value: f64) -> Self {
        Self(value.into())
    }
}

impl From<bool> for Receipt {
    fn from(value: bool) -> Self {
        Self(value.into())
    }
}

impl From<usize> for Receipt {
    /// # Panics
    /// If the count is beyond 2^63, which no memory holds.
    fn from(count: usize) -> Self {
        i64::try_from(count).expect("a count below 2^63").into()
    }
}
