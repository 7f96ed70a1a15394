//! Arrays of the payload to tensors, and back.

use mlfleet_sdk::{Element, Error};
use ndarray::{Array, ArrayD, Dimension, IxDyn};
use tch::{Device, Tensor, kind};

/// A copy of the array on the device.
pub(crate) fn tensor<T: kind::Element, D: Dimension>(array: &Array<T, D>, device: Device) -> Result<Tensor, Error> {
    let elements = array
        .as_slice()
        .ok_or_else(|| Error::bug("an input is not in row-major order"))?;
    Ok(Tensor::from_slice(elements).view(&*shape(array)).to_device(device))
}

/// The lengths of the axes, as libtorch takes them.
pub(crate) fn shape<T, D: Dimension>(array: &Array<T, D>) -> Vec<i64> {
    let length = |&length: &usize| i64::try_from(length).expect("a length below 2^63");
    array.shape().iter().map(length).collect()
}

/// A copy of the tensor in row-major order.
pub(crate) fn array<T: kind::Element + Element + Default>(tensor: &Tensor) -> Result<ArrayD<T>, Error> {
    let mut elements = vec![T::default(); tensor.numel()];
    let numel = elements.len();
    tensor.contiguous().copy_data(&mut elements, numel);
    let shape: Vec<_> = tensor.size().into_iter().map(length).collect::<Result<_, _>>()?;
    ArrayD::from_shape_vec(IxDyn(&shape), elements).map_err(Error::bug)
}

/// A length of libtorch's as one of Rust's.
pub(crate) fn length(found: i64) -> Result<usize, Error> {
    usize::try_from(found).map_err(Error::bug)
}
