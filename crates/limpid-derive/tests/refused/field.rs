use limpid_derive::Parameters;
use limpid_tensor::{Element, Parameter};

struct Cache;

#[derive(Parameters)]
struct Layer<E: Element> {
    weight: Parameter<E>,
    cache: Cache,
}

fn main() {}
