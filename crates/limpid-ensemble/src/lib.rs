//! Combining, averaging, distilling and calibrating models
