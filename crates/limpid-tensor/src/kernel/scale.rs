//! Bounds that Miri, which interprets a program to find what it must not do, meets early.

/// `size`; under Miri, a thousand times slower, `interpreted`, so that its tests go past the bound
/// with small numbers and see both sides of it.
pub(crate) const fn scaled(size: usize, interpreted: usize) -> usize {
    if cfg!(miri) { interpreted } else { size }
}
