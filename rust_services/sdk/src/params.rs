//! The parameters of a workload, handed to a task by name and type.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;

use crate::Error;
use crate::inputs::listed;
use crate::proto::{Parameter, parameter};

/// The value of a parameter.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// A whole number; it also serves where a float is awaited.
    Int(i64),
    /// A number.
    Float(f64),
    /// A word.
    Text(String),
    /// Yes or no.
    Flag(bool),
}

impl From<i64> for Value {
    fn from(value: i64) -> Self {
        Self::Int(value)
    }
}

impl From<f64> for Value {
    fn from(value: f64) -> Self {
        Self::Float(value)
    }
}

impl From<&str> for Value {
    fn from(value: &str) -> Self {
        Self::Text(value.to_owned())
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Self::Flag(value)
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Int(value) => write!(f, "the int {value}"),
            Self::Float(value) => write!(f, "the float {value}"),
            Self::Text(value) => write!(f, "the text {value:?}"),
            Self::Flag(value) => write!(f, "the flag {value}"),
        }
    }
}

/// The parameters of a job. A task takes each of its parameters once; one that is left over is an error.
#[derive(Debug, Default)]
pub struct Params {
    left: BTreeMap<String, Value>,
    /// Names that getters asked for: what the task awaits.
    asked: BTreeSet<String>,
    seed: u64,
}

impl Params {
    /// The seed of the setup, for tasks that draw for themselves: the same for every framework of a block.
    #[must_use]
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// The same parameters with one more, or with another value under a name that was there.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.left.insert(name.to_owned(), value.into());
        self
    }

    /// Takes a whole number.
    pub fn int(&mut self, name: &str) -> Result<i64, Error> {
        match self.take(name)? {
            Value::Int(value) => Ok(value),
            found => Err(mistyped(name, &found, "an int")),
        }
    }

    /// Takes a whole number of things: at least 1.
    pub fn count(&mut self, name: &str) -> Result<usize, Error> {
        let found = self.int(name)?;
        usize::try_from(found)
            .ok()
            .filter(|&count| count >= 1)
            .ok_or_else(|| mistyped(name, &Value::Int(found), "an int of at least 1"))
    }

    /// Takes a finite number; an int serves too.
    pub fn float(&mut self, name: &str) -> Result<f64, Error> {
        match self.take(name)? {
            Value::Float(value) if value.is_finite() => Ok(value),
            #[expect(clippy::cast_precision_loss, reason = "refused where it would lose something")]
            Value::Int(value) if value.unsigned_abs() <= 1 << f64::MANTISSA_DIGITS => Ok(value as f64),
            found => Err(mistyped(name, &found, "a finite float")),
        }
    }

    /// Takes a word.
    pub fn text(&mut self, name: &str) -> Result<String, Error> {
        match self.take(name)? {
            Value::Text(value) => Ok(value),
            found => Err(mistyped(name, &found, "a text")),
        }
    }

    /// Takes a yes or no.
    pub fn flag(&mut self, name: &str) -> Result<bool, Error> {
        match self.take(name)? {
            Value::Flag(value) => Ok(value),
            found => Err(mistyped(name, &found, "a flag")),
        }
    }

    /// The parameters of a setup message; one without a value is refused.
    pub(crate) fn from_wire(params: HashMap<String, Parameter>, seed: u64) -> Result<Self, Error> {
        let read = |(name, parameter): (String, Parameter)| match parameter.value {
            Some(parameter::Value::Integer(value)) => Ok((name, Value::Int(value))),
            Some(parameter::Value::Real(value)) => Ok((name, Value::Float(value))),
            Some(parameter::Value::Text(value)) => Ok((name, Value::Text(value))),
            Some(parameter::Value::Flag(value)) => Ok((name, Value::Flag(value))),
            None => Err(Error::params(format!("parameter {name} has no value"))),
        };
        Ok(Self {
            left: params.into_iter().map(read).collect::<Result<_, _>>()?,
            asked: BTreeSet::new(),
            seed,
        })
    }

    /// Refuses parameters that no getter took.
    pub(crate) fn finish(&self) -> Result<(), Error> {
        if self.left.is_empty() {
            return Ok(());
        }
        let (left, awaited) = (listed(self.left.keys()), listed(&self.asked));
        Err(Error::params(format!("unknown parameter {left}; awaited: {awaited}")))
    }

    fn take(&mut self, name: &str) -> Result<Value, Error> {
        self.asked.insert(name.to_owned());
        self.left.remove(name).ok_or_else(|| {
            let left = listed(self.left.keys());
            Error::params(format!("parameter {name} is missing; not yet used: {left}"))
        })
    }
}

fn mistyped(name: &str, found: &Value, awaited: &str) -> Error {
    Error::params(format!("parameter {name} is {found}; awaited {awaited}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_int_serves_as_a_float_and_nothing_else_is_coerced() {
        let mut params = Params::default()
            .with("alpha", 2_i64)
            .with("k", 2.0)
            .with("tol", f64::NAN)
            .with("n", 0_i64);
        assert_eq!(params.float("alpha"), Ok(2.0));
        let errors = [
            params.int("k").unwrap_err(),
            params.float("tol").unwrap_err(),
            params.count("n").unwrap_err(),
            params.text("gone").unwrap_err(),
        ];
        assert_eq!(
            errors.map(|error| error.to_string()),
            [
                "params: parameter k is the float 2; awaited an int",
                "params: parameter tol is the float NaN; awaited a finite float",
                "params: parameter n is the int 0; awaited an int of at least 1",
                "params: parameter gone is missing; not yet used: none",
            ]
        );
    }

    #[test]
    fn leftovers_and_empty_values_are_refused() {
        assert!(Params::default().with("x", true).finish().is_err());
        let empty = HashMap::from([("x".to_owned(), Parameter { value: None })]);
        assert!(Params::from_wire(empty, 0).is_err());
    }
}
