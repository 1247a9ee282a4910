use limpid_derive::Parameters;

#[derive(Parameters)]
union Bits {
    integer: u32,
    float: f32,
}

fn main() {}
