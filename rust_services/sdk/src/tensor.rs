//! Tensors as ndarray arrays, row-major, of every element type that a payload may hold.

use std::borrow::Cow;
use std::fmt;

use bytemuck::CheckedBitPattern;
use half::{bf16, f16};
use ndarray::{Array, Array0, ArrayD, Dimension, IxDyn};
use safetensors::Dtype;
use safetensors::tensor::{TensorView, View};

use crate::Error;

/// A type that tensors are made of.
pub trait Element: Clone + Sized {
    /// Its name in a safetensors file: "F64", "I64", "BOOL".
    const DTYPE: &'static str;
    /// A tensor of these elements; `array` must be in row-major order.
    #[doc(hidden)]
    fn wrap(array: ArrayD<Self>) -> Tensor;
    /// The array, if the tensor is of this type; else the tensor as it was.
    #[doc(hidden)]
    fn unwrap(tensor: Tensor) -> Result<ArrayD<Self>, Tensor>;
}

macro_rules! tensor_of {
    ($(($variant:ident, $element:ty, $dtype:ident, $name:literal)),+) => {
        /// One tensor; the variants are the element types.
        #[derive(Clone, Debug, PartialEq)]
        #[allow(missing_docs)]
        pub enum Tensor {
            $($variant(ArrayD<$element>),)+
        }

        impl Tensor {
            /// The element type as safetensors writes it: "F64".
            #[must_use]
            pub fn dtype_name(&self) -> &'static str {
                match self { $(Self::$variant(_) => $name,)+ }
            }

            /// The length of each dimension; empty for a scalar.
            #[must_use]
            pub fn shape(&self) -> &[usize] {
                match self { $(Self::$variant(array) => array.shape(),)+ }
            }

            /// The elements, little-endian, in row-major order.
            ///
            /// # Panics
            /// If the array was put into a column-major order by hand; `From` and payloads always give row-major ones.
            #[must_use]
            pub fn bytes(&self) -> &[u8] {
                match self {
                    $(Self::$variant(array) => bytemuck::cast_slice(array.as_slice().expect("row-major")),)+
                }
            }

            fn dtype(&self) -> Dtype {
                match self { $(Self::$variant(_) => Dtype::$dtype,)+ }
            }

            /// Copies a tensor out of a safetensors file, whose bytes need not be aligned.
            pub(crate) fn decode(name: &str, view: &TensorView<'_>) -> Result<Self, Error> {
                match view.dtype() {
                    $(Dtype::$dtype => read::<$element>(name, view),)+
                    other => Err(Error::params(format!("tensor {name}: element type {other:?} is not supported"))),
                }
            }
        }

        $(impl Element for $element {
            const DTYPE: &'static str = $name;

            fn wrap(array: ArrayD<Self>) -> Tensor {
                Tensor::$variant(array)
            }

            fn unwrap(tensor: Tensor) -> Result<ArrayD<Self>, Tensor> {
                match tensor {
                    Tensor::$variant(array) => Ok(array),
                    other => Err(other),
                }
            }
        }

        impl From<$element> for Tensor {
            fn from(scalar: $element) -> Self {
                Self::$variant(Array0::from_elem((), scalar).into_dyn())
            }
        })+
    };
}

tensor_of!(
    (F64, f64, F64, "F64"),
    (F32, f32, F32, "F32"),
    (F16, f16, F16, "F16"),
    (Bf16, bf16, BF16, "BF16"),
    (I64, i64, I64, "I64"),
    (I32, i32, I32, "I32"),
    (I16, i16, I16, "I16"),
    (I8, i8, I8, "I8"),
    (U64, u64, U64, "U64"),
    (U32, u32, U32, "U32"),
    (U16, u16, U16, "U16"),
    (U8, u8, U8, "U8"),
    (Bool, bool, BOOL, "BOOL")
);

impl<T: Element, D: Dimension> From<Array<T, D>> for Tensor {
    fn from(array: Array<T, D>) -> Self {
        let array = if array.is_standard_layout() {
            array
        } else {
            array.as_standard_layout().into_owned()
        };
        T::wrap(array.into_dyn())
    }
}

impl fmt::Display for Tensor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{:?}", self.dtype_name(), self.shape())
    }
}

impl View for &Tensor {
    fn dtype(&self) -> Dtype {
        Tensor::dtype(self)
    }

    fn shape(&self) -> &[usize] {
        Tensor::shape(self)
    }

    fn data(&self) -> Cow<'_, [u8]> {
        Cow::Borrowed(self.bytes())
    }

    fn data_len(&self) -> usize {
        self.bytes().len()
    }
}

fn read<T: Element + CheckedBitPattern>(name: &str, view: &TensorView<'_>) -> Result<Tensor, Error> {
    let bytes = view.data();
    let mut elements = Vec::with_capacity(bytes.len() / size_of::<T>());
    for element in bytes.chunks_exact(size_of::<T>()) {
        elements.push(
            bytemuck::checked::try_pod_read_unaligned::<T>(element)
                .map_err(|_| Error::params(format!("tensor {name}: a byte pattern that is no {}", T::DTYPE)))?,
        );
    }
    let array = ArrayD::from_shape_vec(IxDyn(view.shape()), elements).map_err(Error::bug)?;
    Ok(T::wrap(array))
}
