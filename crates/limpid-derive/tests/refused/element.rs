use limpid_derive::Parameters;
use limpid_tensor::{Element, Parameter};

#[derive(Parameters)]
struct Cast<A: Element, B: Element> {
    from: Parameter<A>,
    to: Parameter<B>,
}

fn main() {}
