//! A matrix by panels of rows, each column by column: so vectors run along rows, and no product ends in a sum across the
//! lanes of a register, which row by row takes as long as the product itself.

use ndarray::{ArrayView1, ArrayView2, Axis};

/// Rows of a panel. Of 40 columns it is 10 KiB: the gradient finds it in the nearest cache.
const PANEL: usize = 32;

/// Numbers added beside each other, so that no addition waits for the one before.
const LANES: usize = 8;

/// A number for each row of a panel.
pub(crate) type PerRow = [f64; PANEL];

/// X and y; the last panel is filled with zeros.
pub(crate) struct Panels {
    x: Vec<f64>,
    y: Vec<PerRow>,
    rows: usize,
    columns: usize,
}

/// Sums over rows of what a step needs; `gradient` by column, in lanes.
pub(crate) struct Sums {
    pub(crate) gradient: Vec<[f64; LANES]>,
    pub(crate) offset: f64,
    pub(crate) squares: f64,
    pub(crate) rows_read: usize,
}

impl Sums {
    pub(crate) fn zero(columns: usize) -> Self {
        Self {
            gradient: vec![[0.0; LANES]; columns],
            offset: 0.0,
            squares: 0.0,
            rows_read: 0,
        }
    }

    pub(crate) fn plus(mut self, other: &Self) -> Self {
        for (mine, theirs) in self
            .gradient
            .as_flattened_mut()
            .iter_mut()
            .zip(other.gradient.as_flattened())
        {
            *mine += theirs;
        }
        self.offset += other.offset;
        self.squares += other.squares;
        self.rows_read += other.rows_read;
        self
    }
}

impl Panels {
    /// A copy of `x` (n, d), and of `y`, which has n elements.
    pub(crate) fn new(x: ArrayView2<f64>, y: ArrayView1<f64>) -> Self {
        let (rows, columns) = x.dim();
        let mut copy = vec![0.0; rows.div_ceil(PANEL) * PANEL * columns];
        for (panel, rows) in copy.chunks_mut(PANEL * columns).zip(x.axis_chunks_iter(Axis(0), PANEL)) {
            for (number, row) in rows.outer_iter().enumerate() {
                for (column, &value) in panel.as_chunks_mut::<PANEL>().0.iter_mut().zip(row) {
                    column[number] = value;
                }
            }
        }
        let mut targets = vec![[0.0; PANEL]; rows.div_ceil(PANEL)];
        for (target, &value) in targets.as_flattened_mut().iter_mut().zip(&y) {
            *target = value;
        }
        Self {
            x: copy,
            y: targets,
            rows,
            columns,
        }
    }

    pub(crate) fn rows(&self) -> usize {
        self.rows
    }

    pub(crate) fn columns(&self) -> usize {
        self.columns
    }

    /// How many panels there are.
    pub(crate) fn count(&self) -> usize {
        self.y.len()
    }

    /// The panel's columns.
    fn of(&self, number: usize) -> &[PerRow] {
        let size = PANEL * self.columns;
        self.x[number * size..][..size].as_chunks::<PANEL>().0
    }

    /// Rows of the panel that are rows of X.
    pub(crate) fn filled(&self, number: usize) -> usize {
        PANEL.min(self.rows - number * PANEL)
    }

    /// Errors of a panel's rows, whose sum and squares are added.
    #[expect(
        clippy::inline_always,
        reason = "it takes the vectors of the function that it is inlined into"
    )]
    #[inline(always)]
    pub(crate) fn errors<const FMA: bool>(
        &self,
        number: usize,
        coef: &[f64],
        intercept: f64,
        sums: &mut Sums,
    ) -> PerRow {
        let mut errors = self.y[number].map(|target| intercept - target);
        for (column, &weight) in self.of(number).iter().zip(coef) {
            for (error, &value) in errors.iter_mut().zip(column) {
                *error = plus_product::<FMA>(*error, value, weight);
            }
        }
        errors[self.filled(number)..].fill(0.0);
        let (mut offsets, mut squares) = ([0.0; LANES], [0.0; LANES]);
        for errors in errors.as_chunks::<LANES>().0 {
            for ((offset, square), &error) in offsets.iter_mut().zip(&mut squares).zip(errors) {
                *offset += error;
                *square = plus_product::<FMA>(*square, error, error);
            }
        }
        sums.offset += offsets.iter().sum::<f64>();
        sums.squares += squares.iter().sum::<f64>();
        errors
    }

    /// Adds what the errors of a panel's rows are to the gradient.
    #[expect(clippy::inline_always, reason = "as above")]
    #[inline(always)]
    pub(crate) fn add_gradient<const FMA: bool>(&self, number: usize, errors: &PerRow, sums: &mut Sums) {
        for (column, lanes) in self.of(number).iter().zip(&mut sums.gradient) {
            let mut held = *lanes;
            for (values, errors) in column.as_chunks::<LANES>().0.iter().zip(errors.as_chunks::<LANES>().0) {
                for ((sum, &value), &error) in held.iter_mut().zip(values).zip(errors) {
                    *sum = plus_product::<FMA>(*sum, value, error);
                }
            }
            *lanes = held;
        }
    }
}

/// With one rounding where the CPU can do it in one instruction; in software that would take a hundred.
#[expect(clippy::inline_always, reason = "as above")]
#[inline(always)]
fn plus_product<const FMA: bool>(sum: f64, a: f64, b: f64) -> f64 {
    if FMA { a.mul_add(b, sum) } else { sum + a * b }
}
