//! The rules of the house, as tests. Each failure names the file, the line and the rule.
//!
//! A rule is a function of a text, so that it is shown to bite on a bad text before it is run over
//! the tree.

#![expect(
    clippy::expect_used,
    clippy::panic,
    reason = "what the rules stand on fails the test"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

const LINES_AT_MOST: usize = 500;
const BANNED_NAMES: [&str; 6] = ["utils", "common", "base", "helpers", "types", "misc"];
const KERNEL: &str = "crates/limpid-tensor/src/kernel/";
/// A test that counts allocations has to be an allocator itself.
const ALLOCATOR: &str = "benches/tests/allocations.rs";

/// Which crates a crate may depend on; `None` is any. Everything else may use `limpid-tensor`.
const ARROWS: [(&str, Option<&[&str]>); 17] = [
    ("limpid-tensor", Some(&[])),
    ("limpid-derive", Some(&[])),
    ("limpid-init", Some(&["limpid-tensor"])),
    ("limpid-loss", Some(&["limpid-tensor", "limpid-derive"])),
    ("limpid-optim", Some(&["limpid-tensor"])),
    ("limpid-data", Some(&["limpid-tensor"])),
    ("limpid-hpsearch", Some(&["limpid-tensor"])),
    ("limpid-distributed", Some(&["limpid-tensor"])),
    (
        "limpid-nn-layers",
        Some(&["limpid-tensor", "limpid-init", "limpid-derive"]),
    ),
    ("limpid-preprocess", Some(&["limpid-tensor", "limpid-data"])),
    (
        "limpid-interop",
        Some(&["limpid-tensor", "limpid-nn-layers"]),
    ),
    (
        "limpid-ensemble",
        Some(&[
            "limpid-tensor",
            "limpid-nn-layers",
            "limpid-loss",
            "limpid-optim",
            "limpid-data",
        ]),
    ),
    (
        "limpid-train",
        Some(&[
            "limpid-tensor",
            "limpid-nn-layers",
            "limpid-loss",
            "limpid-optim",
            "limpid-data",
            "limpid-preprocess",
            "limpid-interop",
        ]),
    ),
    (
        "limpid-diagnostics",
        Some(&[
            "limpid-tensor",
            "limpid-nn-layers",
            "limpid-init",
            "limpid-loss",
            "limpid-optim",
            "limpid-data",
            "limpid-preprocess",
            "limpid-train",
        ]),
    ),
    ("limpid-recipe", None),
    ("limpid", None),
    ("limpid-conformance", None),
];

#[test]
fn arrows_between_crates_point_one_way() {
    let mut found = Vec::new();
    let mut edges: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for manifest in manifests() {
        let text = read(&manifest);
        let name = folder_name(&manifest);
        let dependencies = dependencies(&text);
        found.extend(forbidden_arrows(&shown(&manifest), &name, &dependencies));
        edges
            .entry(name)
            .or_default()
            .extend(dependencies.into_iter().map(|it| it.name));
    }
    found.extend(cycles(&edges));
    hold(&found);
}

#[test]
fn every_crate_opens_with_its_readme() {
    let mut found = Vec::new();
    for manifest in manifests() {
        let folder = manifest.parent().expect("a manifest lies in a folder");
        if !folder.join("README.md").is_file() {
            found.push(format!("{}:1: a crate has a README.md", shown(&manifest)));
        }
        let library = folder.join("src/lib.rs");
        if !read(&library).contains("include_str!(\"../README.md\")") {
            found.push(format!(
                "{}:1: the crate's documentation includes its README.md",
                shown(&library)
            ));
        }
    }
    hold(&found);
}

#[test]
fn files_keep_the_rules() {
    let found: Vec<String> = sources()
        .iter()
        .flat_map(|path| {
            let (file, text) = (shown(path), read(path));
            [
                too_long(&file, &text),
                badly_named(&file),
                left_undone(&file, &text),
                outside_the_kernel(&file, &text),
            ]
            .concat()
        })
        .collect();
    hold(&found);
}

#[test]
fn the_changelog_opens_with_the_version() {
    let version = read(&root().join("Cargo.toml"))
        .lines()
        .find_map(|line| {
            line.strip_prefix("version = ")
                .map(|it| it.trim_matches('"').to_owned())
        })
        .expect("the workspace has a version");
    let changelog = read(&root().join("CHANGELOG.md"));
    let head = changelog
        .lines()
        .find(|line| line.starts_with("## "))
        .unwrap_or_default();
    assert!(
        head.starts_with(&format!("## [{version}]")),
        "CHANGELOG.md: the first entry is `{head}`, the workspace's version is {version}"
    );
    assert!(
        changelog.contains("### Numerics"),
        "CHANGELOG.md: no `### Numerics` heading"
    );
}

struct Dependency {
    line: usize,
    name: String,
    for_tests_only: bool,
}

/// The dependencies of a manifest on crates of this workspace.
fn dependencies(manifest: &str) -> Vec<Dependency> {
    let mut found = Vec::new();
    let mut section = String::new();
    for (index, line) in manifest.lines().enumerate() {
        let (line, number) = (line.trim(), index + 1);
        let key = if let Some(header) = line.strip_prefix('[') {
            section = header.trim_end_matches(']').to_owned();
            section
                .rsplit_once("dependencies.")
                .map(|(_, key)| key.to_owned())
        } else if section.ends_with("dependencies") {
            Some(
                line.split(['.', '=', ' '])
                    .next()
                    .unwrap_or_default()
                    .to_owned(),
            )
        } else {
            None
        };
        if let Some(name) = key.filter(|it| it == "limpid" || it.starts_with("limpid-")) {
            let for_tests_only = section.contains("dev-dependencies");
            found.push(Dependency {
                line: number,
                name,
                for_tests_only,
            });
        }
    }
    found
}

fn forbidden_arrows(file: &str, name: &str, dependencies: &[Dependency]) -> Vec<String> {
    let Some((_, allowed)) = ARROWS.iter().find(|(it, _)| *it == name) else {
        return vec![format!(
            "{file}:1: `{name}` has no place in the table of arrows"
        )];
    };
    let Some(allowed) = allowed else {
        return Vec::new();
    };
    dependencies
        .iter()
        .filter(|it| !it.for_tests_only && !allowed.contains(&it.name.as_str()))
        .map(|it| {
            let Dependency {
                line, name: other, ..
            } = it;
            format!("{file}:{line}: `{name}` may not depend on `{other}`; it may on {allowed:?}")
        })
        .collect()
}

/// The crates that reach themselves, through dependencies for tests too.
fn cycles(edges: &BTreeMap<String, BTreeSet<String>>) -> Vec<String> {
    let reaches_itself = |start: &String| {
        let mut seen = BTreeSet::new();
        let mut open: Vec<&String> = edges[start].iter().collect();
        while let Some(name) = open.pop() {
            if name == start {
                return true;
            }
            if seen.insert(name) {
                open.extend(edges.get(name).into_iter().flatten());
            }
        }
        false
    };
    edges
        .keys()
        .filter(|start| reaches_itself(start))
        .map(|it| {
            format!("crates/{it}/Cargo.toml:1: `{it}` reaches itself through its dependencies")
        })
        .collect()
}

fn too_long(file: &str, text: &str) -> Vec<String> {
    let lines = text.lines().count();
    if lines <= LINES_AT_MOST {
        return Vec::new();
    }
    vec![format!(
        "{file}:{lines}: a file has {LINES_AT_MOST} lines at most; split by concept"
    )]
}

fn badly_named(file: &str) -> Vec<String> {
    file.split('/')
        .filter(|part| BANNED_NAMES.contains(&part.trim_end_matches(".rs")))
        .map(|part| format!("{file}:1: `{part}` names no concept"))
        .collect()
}

fn left_undone(file: &str, text: &str) -> Vec<String> {
    // In pieces, so that this file keeps its own rule.
    let marks = [
        concat!("TO", "DO"),
        concat!("FIX", "ME"),
        concat!("todo", "!("),
    ];
    lines_that(text, |line| marks.iter().any(|mark| line.contains(mark)))
        .map(|line| format!("{file}:{line}: work left undone belongs into an issue"))
        .collect()
}

fn outside_the_kernel(file: &str, text: &str) -> Vec<String> {
    if file.starts_with(KERNEL) || file == ALLOCATOR {
        return Vec::new();
    }
    let word = concat!("un", "safe");
    let uses = ["{", "fn ", "impl ", "trait ", "extern "].map(|next| format!("{word} {next}"));
    let attribute = format!("#[{word}(");
    lines_that(text, |line| {
        let code = line.split("//").next().unwrap_or_default();
        code.contains(&attribute) || uses.iter().any(|it| code.contains(it))
    })
    .map(|line| format!("{file}:{line}: `{word}` stands only under {KERNEL}"))
    .collect()
}

fn lines_that(text: &str, holds: impl Fn(&str) -> bool) -> impl Iterator<Item = usize> {
    text.lines()
        .enumerate()
        .filter(move |(_, line)| holds(line))
        .map(|(index, _)| index + 1)
}

fn hold(found: &[String]) {
    assert!(
        found.is_empty(),
        "{} broken:\n{}",
        found.len(),
        found.join("\n")
    );
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .canonicalize()
        .expect("the root exists")
}

fn shown(path: &Path) -> String {
    path.strip_prefix(root())
        .unwrap_or(path)
        .to_string_lossy()
        .replace('\\', "/")
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}:1: {error}", shown(path)))
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    let listing = fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", shown(folder)));
    let mut paths: Vec<PathBuf> = listing
        .map(|it| it.expect("an entry can be read").path())
        .collect();
    paths.sort();
    paths
}

fn manifests() -> Vec<PathBuf> {
    let crates = entries(&root().join("crates"));
    crates
        .iter()
        .map(|it| it.join("Cargo.toml"))
        .filter(|it| it.is_file())
        .collect()
}

fn folder_name(manifest: &Path) -> String {
    let folder = manifest
        .parent()
        .and_then(Path::file_name)
        .expect("a manifest lies in a folder");
    folder.to_string_lossy().into_owned()
}

fn sources() -> Vec<PathBuf> {
    let mut open: Vec<PathBuf> = ["crates", "examples", "benches"]
        .map(|it| root().join(it))
        .into();
    let mut found = Vec::new();
    while let Some(path) = open.pop() {
        let name = path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        if path.is_dir() && name != "target" && !name.starts_with('.') {
            open.extend(entries(&path));
        } else if name.ends_with(".rs") {
            found.push(path);
        }
    }
    found.sort();
    found
}

#[test]
fn a_forbidden_arrow_is_found_at_its_line() {
    let manifest =
        "[package]\nname = \"limpid-optim\"\n[dependencies]\nlimpid-loss.workspace = true\n";
    let found = forbidden_arrows("Cargo.toml", "limpid-optim", &dependencies(manifest));
    assert_eq!(found.len(), 1);
    assert!(found[0].starts_with("Cargo.toml:4: `limpid-optim` may not depend on `limpid-loss`"));
}

#[test]
fn tables_and_targets_of_dependencies_are_read() {
    let manifest = "[dependencies.limpid-loss]\nworkspace = true\n[target.'cfg(unix)'.dependencies]\n\
                    limpid-data = { workspace = true }\n[dev-dependencies]\nlimpid = \"0.1\"\nrand = \"1\"";
    let found: Vec<(String, bool)> = dependencies(manifest)
        .into_iter()
        .map(|it| (it.name, it.for_tests_only))
        .collect();
    let want = [
        ("limpid-loss", false),
        ("limpid-data", false),
        ("limpid", true),
    ];
    assert_eq!(found, want.map(|(name, tests)| (name.to_owned(), tests)));
}

#[test]
fn a_cycle_through_a_test_dependency_is_found() {
    let edge = |from: &str, to: &str| (from.to_owned(), BTreeSet::from([to.to_owned()]));
    let straight = BTreeMap::from([edge("a", "b"), edge("b", "c")]);
    assert!(cycles(&straight).is_empty());
    let round = BTreeMap::from([edge("a", "b"), edge("b", "a"), edge("c", "a")]);
    assert_eq!(cycles(&round).len(), 2);
}

#[test]
fn bad_files_are_found() {
    assert_eq!(too_long("a.rs", &"\n".repeat(LINES_AT_MOST + 1)).len(), 1);
    assert!(too_long("a.rs", &"\n".repeat(LINES_AT_MOST)).is_empty());
    assert_eq!(badly_named("crates/limpid-optim/src/utils.rs").len(), 1);
    assert_eq!(
        badly_named("crates/limpid-optim/src/common/rate.rs").len(),
        1
    );
    assert!(badly_named("crates/limpid-data/src/database.rs").is_empty());
    let undone = concat!("fn f() {}\n// TO", "DO: later");
    assert_eq!(
        left_undone("a.rs", undone),
        ["a.rs:2: work left undone belongs into an issue"]
    );
    let block = concat!("let x = un", "safe { *p };");
    assert_eq!(
        outside_the_kernel("crates/limpid/src/lib.rs", block).len(),
        1
    );
    assert!(outside_the_kernel("crates/limpid-tensor/src/kernel/gemm.rs", block).is_empty());
    assert!(outside_the_kernel("a.rs", concat!("// no un", "safe fn here")).is_empty());
}
