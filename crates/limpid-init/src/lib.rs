//! Schemes that fill a parameter from its fan and its gain
