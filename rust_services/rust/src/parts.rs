//! Work on rows, shared out to the pool's threads.

use std::ops::Range;

use rayon::prelude::*;

/// What `work` gives for each of as many equal parts of `0..rows` as there are threads, in their order. So a result
/// depends on the number of threads, and on nothing else.
pub(crate) fn in_parts<T: Send>(rows: usize, work: impl Fn(Range<usize>) -> T + Sync) -> Vec<T> {
    let size = rows.div_ceil(rayon::current_num_threads()).max(1);
    let parts: Vec<_> = (0..rows)
        .step_by(size)
        .map(|start| start..rows.min(start + size))
        .collect();
    if parts.len() == 1 {
        parts.into_iter().map(&work).collect()
    } else {
        parts.into_par_iter().map(&work).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_cover_all_rows_in_order() {
        for rows in [0, 1, 7] {
            let found: Vec<_> = in_parts(rows, |part| part).into_iter().flatten().collect();
            assert_eq!(found, (0..rows).collect::<Vec<_>>());
        }
    }
}
