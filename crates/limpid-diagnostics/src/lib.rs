//! Gradient check, preflight, monitors, data audit and the report
