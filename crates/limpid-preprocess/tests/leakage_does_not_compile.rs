//! Leaks that the types forbid, each with the message that a user sees.

#[test]
fn leakage_does_not_compile() {
    trybuild::TestCases::new().compile_fail("tests/leaks/*.rs");
}
