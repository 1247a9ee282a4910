use limpid_derive::Parameters;
use limpid_tensor::Parameter;

#[derive(Parameters)]
struct Renamed {
    #[parameters(rename = "w")]
    weight: Parameter<f32>,
}

#[derive(Parameters)]
struct Both {
    #[parameters(skip, flatten)]
    weight: Parameter<f32>,
}

#[derive(Parameters)]
#[parameters(skip)]
struct OnType {
    weight: Parameter<f32>,
}

fn main() {}
