//! What distinguishes the recurrent cells from each other: what happens within one row of a batch,
//! between the matrix products.

use crate::Element;

/// Gates whose part from the state is one product.
pub(super) struct Span {
    /// The first of them among the gates of the weight.
    pub(super) gate: usize,
    /// How many there are.
    pub(super) gates: usize,
    /// The first of them among the cell's columns.
    pub(super) column: usize,
    /// Whether the parts from input and state are added.
    pub(super) adds: bool,
}

/// A recurrent cell. All its rows are divided into columns as long as the state.
pub(super) trait Cell: Send + Sync + 'static {
    /// The operation's public name.
    const NAME: &'static str;
    /// The gates that the weights hold, which the input's products fill the first columns with.
    const GATES: usize;
    /// The columns that products fill.
    const COLUMNS: usize;
    /// The columns that are kept for the backward half: those, then the cell's own.
    const SAVED: usize;
    /// Whether there is a memory beside the state.
    const HAS_MEMORY: bool;
    /// Whether the state reaches the next one not only through the products.
    const KEEPS_STATE: bool;
    /// Where the state's products go.
    const STATE: &'static [Span];

    /// From products to the next state. To be inlined.
    fn forward<E: Element>(row: ForwardRow<'_, E>);

    /// From the gradient of the next state to that of the products. To be inlined.
    fn backward<E: Element>(row: BackwardRow<'_, E>);
}

/// One row of a batch at one step.
pub(super) struct ForwardRow<'a, E> {
    /// Products on the way in, what the backward half needs on the way out.
    pub(super) saved: &'a mut [E],
    /// What is added to the products.
    pub(super) bias: &'a [E],
    pub(super) h_before: &'a [E],
    pub(super) c_before: &'a [E],
    pub(super) h: &'a mut [E],
    pub(super) c: &'a mut [E],
}

/// One row of a batch at one step.
pub(super) struct BackwardRow<'a, E> {
    /// What the forward half kept.
    pub(super) saved: &'a [E],
    pub(super) h_before: &'a [E],
    pub(super) c_before: &'a [E],
    /// The gradient of the state on the way in; on the way out that of the state before, where it
    /// does not come through the products.
    pub(super) dh: &'a mut [E],
    /// The gradient of the memory, on the way out of the memory before.
    pub(super) dc: &'a mut [E],
    /// The gradient of the products, to be filled.
    pub(super) columns: &'a mut [E],
}

/// `N` columns of a row.
#[inline(always)]
pub(super) fn columns<const N: usize, E>(row: &[E]) -> [&[E]; N] {
    let length = row.len() / N;
    std::array::from_fn(|column| &row[column * length..][..length])
}

/// Every gate plus its bias, activated.
#[inline(always)]
pub(super) fn activate<E: Element>(gates: &mut [E], bias: &[E], activation: impl Fn(E) -> E) {
    for (gate, &bias) in gates.iter_mut().zip(bias) {
        *gate = activation(*gate + bias);
    }
}

/// `out` becomes `value` of itself and of what lies beside it.
#[inline(always)]
pub(super) fn combine<const N: usize, E: Element>(
    out: &mut [E],
    beside: [&[E]; N],
    value: impl Fn(E, [E; N]) -> E,
) {
    let length = out.len();
    let beside = beside.map(|row| &row[..length]);
    for place in 0..length {
        out[place] = value(out[place], std::array::from_fn(|row| beside[row][place]));
    }
}
