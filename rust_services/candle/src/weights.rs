//! A model's delivered weights, as candle's models ask for them.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use candle_core::{DType, Device, Error as CandleError, Result as CandleResult, Shape, Tensor, Var, WithDType};
use candle_nn::var_builder::SimpleBackend;
use candle_nn::{Init, VarBuilder};
use mlfleet_sdk::{Error, require};
use ndarray::{ArrayD, IxDyn};

use crate::device::failed;

/// Whether the model's tensors are variables. Those of a model that only answers are not: candle keeps every
/// intermediate result of a variable.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Use {
    Train,
    Infer,
}

/// A model and its parameters, in the order in which it asked for them.
pub(crate) struct Loaded<M> {
    pub(crate) model: M,
    pub(crate) parameters: Vec<(String, Tensor)>,
}

impl<M> Loaded<M> {
    /// The number of elements of all parameters.
    pub(crate) fn n_params(&self) -> usize {
        self.parameters.iter().map(|(_, tensor)| tensor.elem_count()).sum()
    }
}

/// Builds a model out of weights that must fit it: all that it asks for must be there, in its shape, and none left over.
pub(crate) fn load<M>(
    weights: BTreeMap<String, ArrayD<f32>>,
    used: Use,
    device: &Device,
    model: impl FnOnce(VarBuilder<'_>) -> CandleResult<M>,
) -> Result<Loaded<M>, Error> {
    let store = Store(Arc::new(Mutex::new(Shelf {
        left: weights,
        taken: Vec::new(),
        used,
    })));
    let builder = VarBuilder::from_backend(Box::new(store.clone()), DType::F32, device.clone());
    let model = model(builder).map_err(|error| match error {
        CandleError::Msg(refusal) => Error::params(refusal),
        other => failed(other),
    })?;
    let mut shelf = store.0.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(name) = shelf.left.keys().next() {
        return Err(Error::params(format!(
            "tensor w.{name} is not one of the model's; {} others fit",
            shelf.taken.len()
        )));
    }
    Ok(Loaded {
        model,
        parameters: std::mem::take(&mut shelf.taken),
    })
}

/// The lengths of a weight's dimensions, from which a model's sizes are read.
pub(crate) fn shape<const N: usize>(weights: &BTreeMap<String, ArrayD<f32>>, name: &str) -> Result<[usize; N], Error> {
    let found = weights
        .get(name)
        .ok_or_else(|| Error::params(format!("tensor w.{name} is missing")))?
        .shape();
    found
        .try_into()
        .map_err(|_| Error::params(format!("tensor w.{name} has shape {found:?}; awaited {N} dimensions")))
}

/// Refuses positions of another width than the tokens', and a width that the heads cannot share.
pub(crate) fn check_width(width: usize, columns: usize, positions: &str, heads: usize) -> Result<(), Error> {
    require(columns == width, || {
        format!("tensor w.{positions} has {columns} columns; awaited {width}, as the tokens have")
    })?;
    require(width.is_multiple_of(heads), || {
        format!("heads is {heads}; awaited a divisor of {width}, the width of the weights")
    })
}

/// The number of layers: of the different numbers after the prefix.
pub(crate) fn layers(weights: &BTreeMap<String, ArrayD<f32>>, prefix: &str) -> Result<usize, Error> {
    let numbers = weights
        .keys()
        .filter_map(|name| name.strip_prefix(prefix)?.split('.').next());
    let count = numbers.collect::<std::collections::BTreeSet<_>>().len();
    if count == 0 {
        return Err(Error::params(format!(
            "tensors w.{prefix}0.* are missing: the model has no layer"
        )));
    }
    Ok(count)
}

/// A tensor on the device.
pub(crate) fn tensor<T: WithDType>(array: &ArrayD<T>, device: &Device) -> CandleResult<Tensor> {
    Tensor::from_iter(array.iter().copied(), device)?.reshape(array.shape())
}

/// A tensor's elements, off the device.
pub(crate) fn array<T: WithDType>(tensor: &Tensor) -> Result<ArrayD<T>, Error> {
    let elements = tensor.flatten_all().and_then(|flat| flat.to_vec1()).map_err(failed)?;
    ArrayD::from_shape_vec(IxDyn(tensor.dims()), elements).map_err(Error::bug)
}

struct Shelf {
    left: BTreeMap<String, ArrayD<f32>>,
    taken: Vec<(String, Tensor)>,
    used: Use,
}

#[derive(Clone)]
struct Store(Arc<Mutex<Shelf>>);

impl SimpleBackend for Store {
    fn get(&self, shape: Shape, name: &str, _: Init, _: DType, device: &Device) -> CandleResult<Tensor> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let array = kept.left.remove(name);
        let array =
            array.ok_or_else(|| CandleError::Msg(format!("tensor w.{name} is missing; awaited {:?}", shape.dims())))?;
        if array.shape() != shape.dims() {
            return Err(CandleError::Msg(format!(
                "tensor w.{name} has shape {:?}; awaited {:?}",
                array.shape(),
                shape.dims()
            )));
        }
        let tensor = tensor(&array, device)?;
        let tensor = if kept.used == Use::Train {
            Var::from_tensor(&tensor)?.into_inner()
        } else {
            tensor
        };
        kept.taken.push((name.to_owned(), tensor.clone()));
        Ok(tensor)
    }

    fn get_unchecked(&self, name: &str, _: DType, _: &Device) -> CandleResult<Tensor> {
        Err(CandleError::Msg(format!(
            "tensor w.{name} was asked for without a shape"
        )))
    }

    fn contains_tensor(&self, name: &str) -> bool {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .left
            .contains_key(name)
    }
}

#[cfg(test)]
mod tests {
    use ndarray::arr1;

    use super::*;

    fn refusal(weights: &[(&str, usize)]) -> String {
        let zeros = |&(name, n): &(&str, usize)| (name.to_owned(), arr1(&vec![0.0; n]).into_dyn());
        let model = |vb: VarBuilder<'_>| vb.get(2, "a");
        load(weights.iter().map(zeros).collect(), Use::Infer, &Device::Cpu, model)
            .err()
            .unwrap()
            .to_string()
    }

    #[test]
    fn weights_that_do_not_fit_the_model_are_refused_by_name() {
        assert_eq!(refusal(&[("b", 2)]), "params: tensor w.a is missing; awaited [2]");
        assert_eq!(refusal(&[("a", 3)]), "params: tensor w.a has shape [3]; awaited [2]");
        assert_eq!(
            refusal(&[("a", 2), ("b", 2)]),
            "params: tensor w.b is not one of the model's; 1 others fit"
        );
    }
}
