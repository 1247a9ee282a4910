//! What is watched while a model trains: distributions per layer, dead and saturated units, the
//! first layer's weights.

mod filters;
mod histogram;
mod layers;
mod run;

pub use filters::first_layer_filters;
pub use histogram::histogram;
pub use layers::LayerMonitor;
pub use run::RunMonitor;
