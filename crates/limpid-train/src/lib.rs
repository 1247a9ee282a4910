//! The training loop: trainer, observers, metrics, checkpoints, progress
