//! The project's own copy of the reference cases, and what the runner says of broken ones.

#![expect(clippy::unwrap_used, reason = "what the tests stand on fails the test")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use limpid_conformance::run_all;

fn own_cases() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("cases")
}

/// What the runner prints for a file that holds `text`, and its exit status.
fn run(text: &str) -> (String, i32) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("broken.json");
    fs::write(&file, text).unwrap();
    runner(&[file.to_str().unwrap()])
}

fn runner(arguments: &[&str]) -> (String, i32) {
    let program = env!("CARGO_BIN_EXE_limpid-conformance");
    let Output { status, stdout, .. } = Command::new(program).args(arguments).output().unwrap();
    (String::from_utf8(stdout).unwrap(), status.code().unwrap())
}

fn case(op: &str, output: f64) -> String {
    let tensor = |value: f64| format!(r#"{{"kind":"float","shape":[1],"data":[{value}]}}"#);
    format!(
        r#"{{"name":"{op}/one_f64","op":"{op}","dtype":"f64","attrs":{{}},"inputs":{{"input":{}}},
        "outputs":{{"output":{}}},"rtol":0,"atol":0,"source":"by hand"}}"#,
        tensor(2.0),
        tensor(output)
    )
}

#[test]
fn no_known_operation_differs_from_the_reference() {
    let mut lines = Vec::new();
    let tally = run_all(&[own_cases()], &mut lines).unwrap();
    let lines = String::from_utf8(lines).unwrap();
    assert_eq!(tally.failed, 0, "{lines}");
    assert!(tally.passed > 0, "{lines}");
}

#[test]
fn what_passes_leaves_with_status_0() {
    let (lines, status) = run(&format!("[{}]", case("neg", -2.0)));
    assert_eq!(
        (lines.as_str(), status),
        ("1 passed, 0 failed, 0 skipped\n", 0)
    );
}

#[test]
fn what_the_operation_does_not_know_is_refused() {
    let with = |key: &str, value: &str| case("neg", -2.0).replace(key, value);
    let setting = with(r#""attrs":{}"#, r#""attrs":{"dim":0}"#);
    let (lines, status) = run(&format!("[{setting}]"));
    assert!(
        lines.contains("`attrs.dim`: is no setting of the operation"),
        "{lines}"
    );
    assert_eq!(status, 1);
    let tensor = r#"{"kind":"int","shape":[],"data":[1]}"#;
    let input = with(r#""inputs":{"#, &format!(r#""inputs":{{"mask":{tensor},"#));
    let (lines, status) = run(&format!("[{input}]"));
    assert!(
        lines.contains("`inputs.mask`: is no input of the operation"),
        "{lines}"
    );
    assert_eq!(status, 1);
}

#[test]
fn a_difference_is_told_with_its_element() {
    let (lines, status) = run(&format!("[{},{}]", case("neg", -2.0), case("square", 5.0)));
    let want = "square/one_f64: output: [0]: got 4.0, want 5.0 (1 beyond tolerance)\n\
                1 passed, 1 failed, 0 skipped\n";
    assert_eq!((lines.as_str(), status), (want, 1));
}

#[test]
fn an_unknown_operation_is_named_and_is_no_success() {
    let both = format!("[{},{}]", case("neg", -2.0), case("frobnicate", 5.0));
    let (lines, status) = run(&both);
    let want = "unknown operation frobnicate: 1 skipped\n1 passed, 0 failed, 1 skipped\n";
    assert_eq!((lines.as_str(), status), (want, 1));
}

#[test]
fn a_malformed_case_fails_under_its_file_and_key_and_the_others_run() {
    let broken = case("neg", -2.0).replace(r#""shape":[1]"#, r#""shape":[3]"#);
    let (lines, status) = run(&format!("[{broken},{}]", case("neg", -2.0)));
    assert!(
        lines.contains("broken.json: neg/one_f64: `inputs.input.data`: holds 1 data"),
        "{lines}"
    );
    assert!(
        lines.ends_with("\n1 passed, 1 failed, 0 skipped\n"),
        "{lines}"
    );
    assert_eq!(status, 1);
}

#[test]
fn a_setting_of_the_wrong_kind_or_a_missing_input_is_named() {
    let wrong = case("sum", 2.0).replace(r#""attrs":{}"#, r#""attrs":{"dim":"x"}"#);
    let (lines, _) = run(&format!("[{wrong},{}]", case("add", 2.0)));
    assert!(
        lines.contains("broken.json: sum/one_f64: malformed case: `attrs.dim`"),
        "{lines}"
    );
    assert!(
        lines.contains("broken.json: add/one_f64: malformed case: `inputs.a`"),
        "{lines}"
    );
}

#[test]
fn what_is_no_list_of_cases_fails() {
    for text in ["", "{", "{}", "[1]", "[{}]", "null", "[1e999]"] {
        let (lines, status) = run(text);
        assert!(lines.contains("broken.json"), "{text}: {lines}");
        assert!(
            lines.ends_with("0 passed, 1 failed, 0 skipped\n"),
            "{text}: {lines}"
        );
        assert_eq!(status, 1, "{text}");
    }
}

#[test]
fn nothing_to_run_is_no_success() {
    assert_eq!(run("[]").1, 1);
    assert_eq!(runner(&["no/such/path.json"]).1, 1);
    assert_eq!(runner(&[]).1, 2);
    assert_eq!(runner(&["--allow-skipped", "x"]).1, 2);
}

#[test]
fn the_known_operations_can_be_listed() {
    let (lines, status) = runner(&["--list"]);
    assert!(lines.lines().any(|it| it == "matmul"), "{lines}");
    assert_eq!(status, 0);
}
