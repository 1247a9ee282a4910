//! What the macro refuses, and how it says so.

#[test]
fn what_cannot_be_walked_does_not_compile() {
    trybuild::TestCases::new().compile_fail("tests/refused/*.rs");
}
