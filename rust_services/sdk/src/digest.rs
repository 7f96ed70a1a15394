//! Digests: of bytes, and the canonical one of decoded tensors.

use std::collections::BTreeMap;
use std::fmt::Write;

use sha2::{Digest, Sha256};

use crate::{Error, Tensor};

/// SHA-256 as 64 lower-case hexadecimal digits.
#[must_use]
pub fn sha256(bytes: &[u8]) -> String {
    hexadecimal(Sha256::digest(bytes).as_slice())
}

/// The canonical digest of decoded tensors, as the contract defines it: a map in byte order of the names, each tensor
/// with its name, element type, shape and little-endian row-major elements.
pub fn tensors_sha256(tensors: &BTreeMap<String, Tensor>) -> Result<String, Error> {
    let mut hash = Sha256::new();
    for (name, tensor) in tensors {
        let bytes = tensor.bytes();
        for text in [name.as_str(), tensor.dtype_name()] {
            hash.update(length(text.len())?.to_le_bytes());
            hash.update(text);
        }
        hash.update(length(tensor.shape().len())?.to_le_bytes());
        for &dimension in tensor.shape() {
            hash.update((dimension as u64).to_le_bytes());
        }
        hash.update((bytes.len() as u64).to_le_bytes());
        hash.update(bytes);
    }
    Ok(hexadecimal(hash.finalize().as_slice()))
}

fn length(found: usize) -> Result<u32, Error> {
    u32::try_from(found).map_err(|_| Error::params(format!("a name or rank of {found} does not fit 32 bits")))
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(64), |mut text, byte| {
        write!(text, "{byte:02x}").expect("a String takes every write");
        text
    })
}

#[cfg(test)]
mod tests {
    use ndarray::{Array0, array};

    use super::*;

    /// The expected value was computed with Python's struct and hashlib from the contract's words alone.
    #[test]
    fn golden_vector() {
        let tensors = BTreeMap::from([
            ("y".to_owned(), Tensor::from(array![1_i64, -2])),
            (
                "x".to_owned(),
                Tensor::from(array![[1.5, -0.0], [2.0, 3.0], [4.0, 5.0]]),
            ),
            ("é".to_owned(), Tensor::from(Array0::from_elem((), 7_u8))),
        ]);
        assert_eq!(
            tensors_sha256(&tensors).unwrap(),
            "5391b51ae9620fd299b3702fa950a943e7889a43088a471b18984f541c6f52a2"
        );
    }

    #[test]
    fn column_major_arrays_are_digested_row_by_row() {
        let rows = Tensor::from(array![[1.0, 2.0], [3.0, 4.0]]);
        let columns = Tensor::from(array![[1.0, 3.0], [2.0, 4.0]].reversed_axes());
        assert_eq!(rows.bytes(), columns.bytes());
    }
}
