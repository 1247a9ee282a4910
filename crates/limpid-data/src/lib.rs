//! Tables, images, typed splits and loaders, with small classics embedded.
#![doc = include_str!("../README.md")]

mod augment;
mod background;
mod class_weights;
pub mod classics;
mod csv;
mod dataset;
mod deal;
mod epoch;
mod error;
mod fingerprint;
mod fold;
mod gzip;
mod idx;
mod images;
mod loader;
mod mix;
pub mod mnist;
mod order;
mod part;
mod permutation;
mod row_map;
mod row_weights;
mod split;
pub mod synthetic;
mod table;
mod target;
mod target_kind;
mod through;

pub use augment::{
    Augment, Chain, Cutout, Erasure, Fill, Flip, GaussianNoise, RandomErasing, Shift, Sometimes,
};
pub use background::Background;
pub use csv::{Header, TableOptions, TargetColumn, Task, read_csv, read_csv_from};
pub use dataset::{Dataset, Features};
pub use deal::Deal;
pub use epoch::Epoch;
pub use error::DataError;
pub use fingerprint::{Fingerprint, FingerprintBuilder};
pub use fold::{Fold, KFold};
pub use idx::{read_idx, read_idx_from};
pub use images::Images;
pub use loader::{LastBatch, Loader};
pub use mix::{Blend, CutMix, Mix, Mixup};
pub use order::Order;
pub use part::{Opened, Opening, OpeningRecord, Part, Role, Test, Train, Validation, Visible};
pub use permutation::permutation;
pub use row_map::{MapFeatures, MapValues, RowMap};
pub use row_weights::RowWeights;
pub use split::{Fractions, Split};
pub use table::Table;
pub use target::Target;
pub use target_kind::{Classes, SoftClasses, SoftTargets, TargetKind, Values};
pub use through::Through;
