//! Optimizers, schedules, clipping, penalties and averages
