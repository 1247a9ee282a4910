#![doc = include_str!("../README.md")]

mod class_rows;
mod cross_entropy;
mod huber;
mod l1;
mod l2;
mod log_sum_exp;
mod loss;
mod mse;
mod reduction;
mod smooth_l1;
mod uninformed;
mod values;
mod weston_watkins_hinge;

pub use cross_entropy::CrossEntropy;
pub use huber::Huber;
pub use l1::L1;
pub use l2::L2;
pub use loss::Loss;
pub use mse::Mse;
pub use reduction::Reduction;
pub use smooth_l1::SmoothL1;
pub use weston_watkins_hinge::WestonWatkinsHinge;
