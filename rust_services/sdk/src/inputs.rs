//! The tensors of a payload, handed to a task by name and type.

use std::collections::{BTreeMap, BTreeSet};

use ndarray::{Array, Array1, Array2, ArrayD, Dimension, Ix1, Ix2, IxDyn};

use crate::{Element, Error, Tensor};

/// The decoded tensors of a payload. A task takes each of its inputs once; one that is left over is an error.
#[derive(Debug, Default)]
pub struct Inputs {
    left: BTreeMap<String, Tensor>,
    /// Names that getters asked for: what the task awaits.
    asked: BTreeSet<String>,
}

impl Inputs {
    /// The same inputs with one more tensor, or with another one under a name that was there.
    #[must_use]
    pub fn with(mut self, name: &str, tensor: impl Into<Tensor>) -> Self {
        self.left.insert(name.to_owned(), tensor.into());
        self
    }

    /// Takes a tensor of any element type and shape.
    pub fn any(&mut self, name: &str) -> Result<Tensor, Error> {
        self.asked.insert(name.to_owned());
        self.left.remove(name).ok_or_else(|| {
            let left = listed(self.left.keys());
            Error::params(format!("tensor {name} is missing; not yet used: {left}"))
        })
    }

    /// Takes an F64 vector, shape (n,), of finite values.
    pub fn f64_1d(&mut self, name: &str) -> Result<Array1<f64>, Error> {
        finite(name, self.take::<f64, Ix1>(name)?)
    }

    /// Takes an F64 matrix, shape (n, d), of finite values.
    pub fn f64_2d(&mut self, name: &str) -> Result<Array2<f64>, Error> {
        finite(name, self.take::<f64, Ix2>(name)?)
    }

    /// Takes an I64 vector, shape (n,).
    pub fn i64_1d(&mut self, name: &str) -> Result<Array1<i64>, Error> {
        self.take::<i64, Ix1>(name)
    }

    /// Takes an I64 matrix, shape (n, d).
    pub fn i64_2d(&mut self, name: &str) -> Result<Array2<i64>, Error> {
        self.take::<i64, Ix2>(name)
    }

    /// Takes a U8 vector, shape (n,).
    pub fn u8_1d(&mut self, name: &str) -> Result<Array1<u8>, Error> {
        self.take::<u8, Ix1>(name)
    }

    /// Takes an F32 array of that many dimensions, of finite values.
    pub fn f32(&mut self, name: &str, rank: usize) -> Result<ArrayD<f32>, Error> {
        let array = self.take::<f32, IxDyn>(name)?;
        if array.ndim() != rank {
            let found = Tensor::from(array);
            return Err(Error::params(format!(
                "tensor {name} is {found}; awaited F32 of {rank} dimensions"
            )));
        }
        finite(name, array)
    }

    /// Takes every tensor named `<name>.*`, F32 of finite values, by the rest of its name: a model's weights.
    pub fn weights(&mut self, name: &str) -> Result<BTreeMap<String, ArrayD<f32>>, Error> {
        let prefix = format!("{name}.");
        let names: Vec<_> = self
            .left
            .keys()
            .filter(|found| found.starts_with(&prefix))
            .cloned()
            .collect();
        self.asked.insert(format!("{prefix}*"));
        if names.is_empty() {
            let left = listed(self.left.keys());
            return Err(Error::params(format!(
                "tensors {prefix}* are missing; not yet used: {left}"
            )));
        }
        let take = |found: String| {
            let array = finite(&found, self.take::<f32, IxDyn>(&found)?)?;
            self.asked.remove(&found);
            Ok((found[prefix.len()..].to_owned(), array))
        };
        names.into_iter().map(take).collect()
    }

    pub(crate) fn tensors(&self) -> &BTreeMap<String, Tensor> {
        &self.left
    }

    /// Refuses tensors that no getter took.
    pub(crate) fn finish(&self) -> Result<(), Error> {
        if self.left.is_empty() {
            return Ok(());
        }
        let (left, awaited) = (listed(self.left.keys()), listed(&self.asked));
        Err(Error::params(format!("unknown tensor {left}; awaited: {awaited}")))
    }

    fn take<T: Element, D: Dimension>(&mut self, name: &str) -> Result<Array<T, D>, Error> {
        let tensor = self.any(name)?;
        let found = tensor.to_string();
        T::unwrap(tensor)
            .ok()
            .and_then(|array| array.into_dimensionality::<D>().ok())
            .ok_or_else(|| {
                let rank = D::NDIM.map(|rank| format!(" of {rank} dimensions")).unwrap_or_default();
                Error::params(format!("tensor {name} is {found}; awaited {}{rank}", T::DTYPE))
            })
    }
}

impl From<BTreeMap<String, Tensor>> for Inputs {
    fn from(tensors: BTreeMap<String, Tensor>) -> Self {
        Self {
            left: tensors,
            asked: BTreeSet::new(),
        }
    }
}

fn finite<T: Copy + Into<f64>, D: Dimension>(name: &str, array: Array<T, D>) -> Result<Array<T, D>, Error> {
    match array.iter().position(|&value| !value.into().is_finite()) {
        None => Ok(array),
        Some(at) => Err(Error::params(format!("tensor {name}: element {at} is NaN or infinite"))),
    }
}

pub(crate) fn listed<'a>(names: impl IntoIterator<Item = &'a String>) -> String {
    let names: Vec<_> = names.into_iter().map(String::as_str).collect();
    if names.is_empty() {
        "none".to_owned()
    } else {
        names.join(", ")
    }
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;

    #[test]
    fn a_wrong_type_rank_or_name_says_what_was_found_and_awaited() {
        let mut inputs = Inputs::default().with("x", array![1_i64]).with("y", array![1.0]);
        let errors = [
            inputs.f64_1d("x").unwrap_err(),
            inputs.f64_2d("y").unwrap_err(),
            inputs.i64_1d("z").unwrap_err(),
        ];
        assert_eq!(
            errors.map(|error| error.to_string()),
            [
                "params: tensor x is I64[1]; awaited F64 of 1 dimensions",
                "params: tensor y is F64[1]; awaited F64 of 2 dimensions",
                "params: tensor z is missing; not yet used: none",
            ]
        );
    }

    #[test]
    fn weights_are_taken_by_their_prefix() {
        let mut inputs = Inputs::default()
            .with("w.a.bias", array![1.0_f32])
            .with("w.b", array![[2.0_f32]])
            .with("x", array![1.0]);
        let weights = inputs.weights("w").unwrap();
        assert_eq!(weights.keys().collect::<Vec<_>>(), ["a.bias", "b"]);
        assert_eq!(
            inputs.weights("v").unwrap_err().to_string(),
            "params: tensors v.* are missing; not yet used: x"
        );
        assert_eq!(
            inputs.finish().unwrap_err().to_string(),
            "params: unknown tensor x; awaited: v.*, w.*"
        );
        let mut wrong = Inputs::default().with("w.a", array![1.0]);
        assert!(wrong.weights("w").is_err());
    }

    #[test]
    fn nan_and_leftovers_are_refused() {
        let mut inputs = Inputs::default()
            .with("x", array![1.0, f64::NAN])
            .with("y", array![1.0]);
        assert!(inputs.f64_1d("x").is_err());
        assert_eq!(
            inputs.finish().unwrap_err().to_string(),
            "params: unknown tensor y; awaited: x"
        );
        assert!(inputs.f64_1d("y").is_ok());
        assert!(inputs.finish().is_ok());
    }
}
