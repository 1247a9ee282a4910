//! Where in a sequence an item stands, told to what takes no notice of order.

mod learned;
mod sinusoidal;

pub use learned::LearnedPositionalEncoding;
pub use sinusoidal::SinusoidalPositionalEncoding;

use limpid_tensor::{Element, Error, Result, Tensor};

/// The input `[..., L, features]` plus the first L rows of `table`, `[max_len, features]`.
fn add_rows<E: Element>(
    name: &'static str,
    input: &Tensor<E>,
    table: &Tensor<E>,
) -> Result<Tensor<E>> {
    let refuse = |rule: String| Err(Error::shape(name, &[input.shape(), table.shape()], rule));
    let (&[.., length, features], &[longest, width]) = (input.shape(), table.shape()) else {
        return refuse("must be [..., L, features] and [max_len, features]".to_owned());
    };
    if length > longest || features != width {
        return refuse(format!(
            "must be at most {longest} long and have {width} features"
        ));
    }
    input.add(&table.narrow(0, 0, length)?)
}

/// That neither size is 0.
fn check_sizes(name: &'static str, features: usize, max_len: usize) -> Result<()> {
    for (setting, size) in [("features", features), ("max_len", max_len)] {
        if size == 0 {
            return Err(Error::argument(name, setting, "at least 1", size));
        }
    }
    Ok(())
}
