//! Communicators that add gradients up over workers, in a fixed order
