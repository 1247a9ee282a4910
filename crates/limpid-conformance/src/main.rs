//! `limpid-conformance PATH...` runs reference cases; see the crate's README.

use std::env;
use std::io::{self, Write};
use std::panic;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use limpid_conformance::{rooms, run_all};

const USAGE: &str = "usage: limpid-conformance PATH...   runs the cases in these files and folders
       limpid-conformance --list    names the operations that it knows";

fn main() -> io::Result<ExitCode> {
    let mut out = io::stdout().lock();
    let arguments: Vec<PathBuf> = env::args_os().skip(1).map(PathBuf::from).collect();
    match arguments.as_slice() {
        [single] if single.as_os_str() == "--list" => {
            for operation in rooms::all() {
                writeln!(out, "{}", operation.name)?;
            }
            Ok(ExitCode::SUCCESS)
        }
        paths if !paths.is_empty() && paths.iter().all(|it| !is_flag(it)) => {
            // A panic is reported on its case's line.
            panic::set_hook(Box::new(|_| {}));
            let tally = run_all(paths, &mut out)?;
            Ok(if tally.is_clean() {
                ExitCode::SUCCESS
            } else {
                ExitCode::FAILURE
            })
        }
        _ => {
            writeln!(io::stderr(), "{USAGE}")?;
            Ok(ExitCode::from(2))
        }
    }
}

fn is_flag(argument: &Path) -> bool {
    argument.as_os_str().as_encoded_bytes().starts_with(b"-")
}
