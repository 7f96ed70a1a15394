//! What every counted task asks of its payload and parameters.

use mlfleet_sdk::{Error, Inputs, Params};

/// The number that the payload delivers.
pub(crate) fn one(inputs: &mut Inputs) -> Result<i64, Error> {
    let start = inputs.i64_1d("start")?;
    match start.len() {
        1 => Ok(start[0]),
        found => Err(Error::params(format!("start has {found} elements, awaited 1"))),
    }
}

/// A whole number within the task's limits.
pub(crate) fn within(params: &mut Params, name: &str, low: i64, most: i64) -> Result<u64, Error> {
    let found = params.int(name)?;
    u64::try_from(found)
        .ok()
        .filter(|_| (low..=most).contains(&found))
        .ok_or_else(|| Error::params(format!("{name} is {found}, awaited {low} to {most}")))
}

/// A count, and the count with its share more, which must be whole: a share that is rounded is another share.
pub(crate) fn counted(params: &mut Params, name: &str, most: i64) -> Result<(u64, u64), Error> {
    let count = within(params, name, 1, most)?;
    let percent = within(params, "percent", 0, 100)?;
    if (count * percent).is_multiple_of(100) {
        Ok((count, count + count * percent / 100))
    } else {
        let text = format!("{percent} % of {name} {count} is not whole, awaited a whole number");
        Err(Error::params(text))
    }
}
