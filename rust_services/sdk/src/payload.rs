//! A payload on its way in: received or mapped, held against its digest, decoded.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::fs::File;
use std::ops::Deref;
use std::path::Path;

use memmap2::Mmap;
use safetensors::SafeTensors;

use crate::proto::Setup;
use crate::{Error, Inputs, Tensor, digest};

/// The bytes of a payload, wherever they are.
pub(crate) enum Payload {
    Mapped(Mmap),
    Streamed(Vec<u8>),
}

impl Deref for Payload {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Self::Mapped(map) => map,
            Self::Streamed(bytes) => bytes,
        }
    }
}

impl Payload {
    /// Room for a streamed payload of the declared size, which is reserved but not touched.
    pub(crate) fn reserve(setup: &Setup) -> Result<Vec<u8>, Error> {
        let mut bytes = Vec::new();
        usize::try_from(setup.payload_bytes)
            .ok()
            .and_then(|size| bytes.try_reserve_exact(size).ok())
            .ok_or_else(|| Error::memory(format!("no room for a payload of {} bytes", setup.payload_bytes)))?;
        Ok(bytes)
    }

    /// Takes a chunk, but nothing beyond the declared size.
    pub(crate) fn append(bytes: &mut Vec<u8>, chunk: &[u8], setup: &Setup) -> Result<(), Error> {
        let found = bytes.len() as u64 + chunk.len() as u64;
        if found > setup.payload_bytes {
            return Err(wrong_size(format_args!("at least {found}"), setup));
        }
        bytes.extend_from_slice(chunk);
        Ok(())
    }

    /// Maps `<folder>/<payload_sha256>.safetensors`.
    pub(crate) fn map(folder: &Path, setup: &Setup) -> Result<Self, Error> {
        let digest = &setup.payload_sha256;
        // The digest becomes a file name: nothing but a digest may pass.
        if digest.len() != 64 || !digest.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')) {
            return Err(Error::params(format!(
                "payload_sha256 is {digest:?}; awaited 64 lower-case hexadecimal digits"
            )));
        }
        let path = folder.join(format!("{digest}.safetensors"));
        let unreadable = |error| Error::digest(format!("payload {} is not readable: {error}", path.display()));
        let file = File::open(&path).map_err(unreadable)?;
        let found = file.metadata().map_err(unreadable)?.len();
        if found != setup.payload_bytes {
            return Err(wrong_size(found, setup));
        }
        #[expect(
            unsafe_code,
            reason = "a mapping is unsound if the file shrinks; payloads are content-addressed, mounted read-only and never rewritten"
        )]
        let map = unsafe { Mmap::map(&file) }.map_err(unreadable)?;
        Ok(Self::Mapped(map))
    }

    /// Holds size and SHA-256 against the setup; the digest found.
    pub(crate) fn verify(&self, setup: &Setup) -> Result<String, Error> {
        if self.len() as u64 != setup.payload_bytes {
            return Err(wrong_size(self.len(), setup));
        }
        let found = digest::sha256(self);
        if found != setup.payload_sha256 {
            return Err(Error::digest(format!(
                "payload has SHA-256 {found}; declared {}",
                setup.payload_sha256
            )));
        }
        Ok(found)
    }

    /// The tensors of the safetensors file, copied out of it.
    pub(crate) fn decode(&self) -> Result<Inputs, Error> {
        let file = SafeTensors::deserialize(self)
            .map_err(|error| Error::params(format!("payload is no safetensors file: {error}")))?;
        let tensors: BTreeMap<String, Tensor> = file
            .iter()
            .map(|(name, view)| Ok((name.to_owned(), Tensor::decode(name, &view)?)))
            .collect::<Result<_, Error>>()?;
        Ok(tensors.into())
    }
}

fn wrong_size(found: impl Display, setup: &Setup) -> Error {
    Error::digest(format!("payload has {found} bytes; declared {}", setup.payload_bytes))
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;
    use crate::Outputs;

    fn declared(bytes: &[u8]) -> Setup {
        Setup {
            payload_sha256: digest::sha256(bytes),
            payload_bytes: bytes.len() as u64,
            ..Setup::default()
        }
    }

    #[test]
    fn tensors_survive_the_way_through_a_file() {
        let file = Outputs::new()
            .tensor("mask", array![true, false])
            .tensor("x", array![[1.0, 2.0], [3.0, f64::NEG_INFINITY]])
            .tensor("n", 3_i64);
        let inputs = Payload::Streamed(file.serialize().unwrap()).decode().unwrap();
        assert_eq!(inputs.tensors(), file.tensors());
    }

    #[test]
    fn a_changed_missing_or_surplus_byte_is_data_loss() {
        let setup = declared(b"payload");
        let digest_error = |bytes: &[u8]| {
            let error = Payload::Streamed(bytes.to_vec()).verify(&setup).unwrap_err();
            assert!(error.to_string().starts_with("digest: "), "{error}");
        };
        digest_error(b"payloae");
        digest_error(b"payloa");
        let mut bytes = Payload::reserve(&setup).unwrap();
        Payload::append(&mut bytes, b"payloa", &setup).unwrap();
        assert!(Payload::append(&mut bytes, b"d!", &setup).is_err());
        assert_eq!(bytes, b"payloa");
    }

    #[test]
    fn what_is_no_safetensors_file_is_refused() {
        let error = Payload::Streamed(b"not a file".to_vec()).decode().unwrap_err();
        assert!(error.to_string().starts_with("params: "), "{error}");
    }

    #[test]
    fn a_mapped_payload_is_named_by_a_digest_and_nothing_else() {
        let escape = Setup {
            payload_sha256: "../../etc/passwd".to_owned(),
            ..Setup::default()
        };
        assert!(Payload::map(Path::new("/"), &escape).is_err());
        let absent = Setup {
            payload_sha256: "0".repeat(64),
            ..Setup::default()
        };
        let error = Payload::map(Path::new("/"), &absent).err().unwrap();
        assert!(error.to_string().starts_with("digest: "), "{error}");
    }
}
