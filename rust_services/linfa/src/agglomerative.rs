//! `agglomerative.fit`: Euclidean distances written here, the tree by kodama.
//!
//! linfa-hierarchical merges by the negative logarithm of a kernel, clipped: another problem.

use kodama::{Dendrogram, Method, linkage};
use linfa_nn::distance::{Distance, L2Dist};
use mlfleet_sdk::{Error, Inputs, Job, Outputs, Params, require};
use ndarray::{Array1, Array2, ArrayView1};

const METHODS: [(&str, Method); 3] = [
    ("ward", Method::Ward),
    ("complete", Method::Complete),
    ("average", Method::Average),
];

/// The whole tree, and of each row the cluster it is in where `k` are left.
struct Tree {
    merges: Dendrogram<f64>,
    labels: Array1<i64>,
}

pub(crate) struct AgglomerativeFit {
    x_train: Array2<f64>,
    method: Method,
    k: usize,
    tree: Option<Tree>,
}

/// `x_train` f64 (n, d), `linkage` "ward", "complete" or "average", `k`.
pub(crate) fn fit(inputs: &mut Inputs, params: &mut Params) -> Result<AgglomerativeFit, Error> {
    let x_train = inputs.f64_2d("x_train")?;
    let (name, k) = (params.text("linkage")?, params.count("k")?);
    let (n, d) = x_train.dim();
    let known = METHODS.map(|(known, _)| known).join(", ");
    let method = METHODS
        .iter()
        .find(|(known, _)| *known == name)
        .ok_or_else(|| Error::params(format!("linkage is {name:?}; awaited one of {known}")))?
        .1;
    require(d >= 1, || "x_train has no columns".to_owned())?;
    require((2..=n).contains(&k), || {
        format!("k is {k}; awaited 2 to {n}, the rows of x_train")
    })?;
    Ok(AgglomerativeFit {
        x_train,
        method,
        k,
        tree: None,
    })
}

/// Distances of all pairs, row by row, each pair once.
fn condensed(x: &Array2<f64>) -> Vec<f64> {
    let rows: Vec<ArrayView1<'_, f64>> = x.rows().into_iter().collect();
    let mut found = Vec::with_capacity(rows.len() * (rows.len() - 1) / 2);
    for (place, a) in rows.iter().enumerate() {
        found.extend(rows[place + 1..].iter().map(|b| L2Dist.distance(*a, *b)));
    }
    found
}

/// Of each row its cluster, 0 to k - 1 by first rows, before the last k - 1 merges.
fn cut(merges: &Dendrogram<f64>, k: usize) -> Array1<i64> {
    let n = merges.observations();
    let mut cluster_of: Vec<Option<i64>> = vec![None; n + merges.len()];
    let mut above: Vec<usize> = (0..n + merges.len()).collect();
    for (step, merge) in merges.steps()[..n - k].iter().enumerate() {
        above[merge.cluster1] = n + step;
        above[merge.cluster2] = n + step;
    }
    // From the top down, so that the node above already stands for its cluster.
    for node in (0..above.len()).rev() {
        above[node] = above[above[node]];
    }
    let mut next = 0;
    (0..n)
        .map(|row| {
            *cluster_of[above[row]].get_or_insert_with(|| {
                next += 1;
                next - 1
            })
        })
        .collect()
}

/// The lower and the higher node of each merge, (n - 1, 2): kodama gives them in this order.
fn nodes(merges: &Dendrogram<f64>) -> Result<Array2<i64>, Error> {
    let mut found = Array2::zeros((merges.len(), 2));
    for (mut row, merge) in found.rows_mut().into_iter().zip(merges.steps()) {
        row[0] = i64::try_from(merge.cluster1).map_err(Error::bug)?;
        row[1] = i64::try_from(merge.cluster2).map_err(Error::bug)?;
    }
    Ok(found)
}

impl Job for AgglomerativeFit {
    fn step(&mut self) -> Result<(), Error> {
        let merges = linkage(&mut condensed(&self.x_train), self.x_train.nrows(), self.method);
        let labels = cut(&merges, self.k);
        self.tree = Some(Tree { merges, labels });
        Ok(())
    }

    fn outputs(&mut self) -> Result<Outputs, Error> {
        let tree = self.tree.as_ref().ok_or_else(|| Error::bug("no tree was grown"))?;
        let heights: Array1<f64> = tree.merges.steps().iter().map(|merge| merge.dissimilarity).collect();
        Ok(Outputs::new()
            .tensor("labels", tree.labels.clone())
            .tensor("merges", nodes(&tree.merges)?)
            .tensor("heights", heights)
            .receipt("rows", self.x_train.nrows())
            .receipt("merges", tree.merges.len()))
    }
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;

    fn job(linkage: &str, k: i64) -> Result<AgglomerativeFit, Error> {
        let mut inputs = Inputs::default().with("x_train", array![[7.0], [0.0], [8.0], [1.5], [20.0]]);
        fit(
            &mut inputs,
            &mut Params::default().with("linkage", linkage).with("k", k),
        )
    }

    #[test]
    fn rows_are_numbered_by_the_first_of_their_cluster() {
        let mut job = job("complete", 3).unwrap();
        job.step().unwrap();
        let tree = job.tree.as_ref().unwrap();
        assert_eq!(tree.labels, array![0, 1, 0, 1, 2]);
        assert_eq!(nodes(&tree.merges).unwrap(), array![[0, 2], [1, 3], [5, 6], [4, 7]]);
        assert!((tree.merges[2].dissimilarity - 8.0).abs() < 1e-12);
    }

    #[test]
    fn every_row_may_be_a_cluster_and_no_more() {
        let mut all = job("ward", 5).unwrap();
        all.step().unwrap();
        assert_eq!(all.tree.unwrap().labels, array![0, 1, 2, 3, 4]);
        assert!(job("ward", 6).is_err());
        assert!(job("ward", 1).is_err());
        assert!(job("single", 2).is_err());
    }
}
