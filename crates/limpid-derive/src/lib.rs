//! The derive macro that names a module's parameters and buffers by their path
