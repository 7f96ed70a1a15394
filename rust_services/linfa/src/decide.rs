//! What is made of neighbours: the vote of their labels, or the mean of their targets.

use mlfleet_sdk::{Element, Error, Inputs, require};

use crate::regression::count;

/// Training targets, and a prediction out of those of the neighbours.
pub(crate) trait Decide: Sized {
    type Pred: Element;

    /// The tensor `y_train`, a target for each of so many rows.
    fn take(inputs: &mut Inputs, rows: usize) -> Result<Self, Error>;

    /// Of the rows' targets.
    fn decide(&mut self, neighbours: &[usize]) -> Self::Pred;
}

/// The class most of the neighbours have; the smallest of several.
pub(crate) struct Vote {
    /// In ascending order, and of each training row the place of its class among them.
    classes: Vec<i64>,
    class_of: Vec<usize>,
    votes: Vec<u32>,
}

impl Vote {
    pub(crate) fn new(labels: &[i64]) -> Self {
        let mut classes = labels.to_vec();
        classes.sort_unstable();
        classes.dedup();
        Self {
            class_of: labels
                .iter()
                .map(|label| classes.partition_point(|class| class < label))
                .collect(),
            votes: vec![0; classes.len()],
            classes,
        }
    }
}

impl Decide for Vote {
    type Pred = i64;

    fn take(inputs: &mut Inputs, rows: usize) -> Result<Self, Error> {
        let labels = inputs.i64_1d("y_train")?;
        same_rows(labels.len(), rows)?;
        Ok(Self::new(&labels.to_vec()))
    }

    fn decide(&mut self, neighbours: &[usize]) -> i64 {
        self.votes.fill(0);
        for &row in neighbours {
            self.votes[self.class_of[row]] += 1;
        }
        let most = self.votes.iter().max().copied().unwrap_or_default();
        let winner = self.votes.iter().position(|&count| count == most).unwrap_or_default();
        self.classes[winner]
    }
}

/// The mean of the neighbours' targets.
pub(crate) struct Mean(Vec<f64>);

impl Decide for Mean {
    type Pred = f64;

    fn take(inputs: &mut Inputs, rows: usize) -> Result<Self, Error> {
        let targets = inputs.f64_1d("y_train")?;
        same_rows(targets.len(), rows)?;
        Ok(Self(targets.to_vec()))
    }

    fn decide(&mut self, neighbours: &[usize]) -> f64 {
        neighbours.iter().map(|&row| self.0[row]).sum::<f64>() / count(neighbours.len())
    }
}

fn same_rows(found: usize, rows: usize) -> Result<(), Error> {
    require(found == rows, || {
        format!("y_train has {found} rows; x_train has {rows}")
    })
}
