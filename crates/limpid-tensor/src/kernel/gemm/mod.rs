//! Matrix products.
//!
//! The scheme is that of Goto and van de Geijn, "Anatomy of high-performance matrix multiplication"
//! (ACM TOMS 34(3), 2008), and of BLIS (Van Zee and van de Geijn, ACM TOMS 41(3), 2015): the right
//! operand is packed into panels a few vectors wide, the left one is packed or read where it lies,
//! and a tile of the result stays in registers while it is summed. Where that is cheaper, the
//! transposed product is computed and written back transposed. Operands and results that no cache
//! holds are asked for while the tiles before are multiplied.

mod drive;
mod micro;
mod operands;
mod pack;
mod packed;
mod plan;
#[cfg(test)]
mod tests;
mod tiles;
mod transpose;

pub(crate) use drive::{Blend, Then, multiply, product};
pub(crate) use micro::Micro;
#[expect(unreachable_pub, reason = "a public trait is bounded by it")]
pub use micro::Multiply;
pub(crate) use pack::Strided;
pub(crate) use packed::Packed;
