//! Modules, their context, layers and activations
