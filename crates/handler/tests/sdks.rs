//! The tests of the SDKs in other languages, on the same servers; and their packed files in projects that have nothing else.
#![expect(clippy::expect_used, clippy::panic, reason = "tests")]

use std::path::{Path, PathBuf};
use std::process::Command;

use synapsor_testkit::servers::{MYSQL_URL, POSTGRES_URL};
use synapsor_testkit::{NODE, PYTHON, SDK};

fn named(variable: &str) -> PathBuf {
    std::env::var_os(variable)
        .unwrap_or_else(|| panic!("run the tests with `cargo xtask test`: {variable} is not set"))
        .into()
}

fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(path)
}

fn succeeds(mut command: Command) {
    for (name, given) in [("SYNAPSOR_TEST_POSTGRES", POSTGRES_URL), ("SYNAPSOR_TEST_MYSQL", MYSQL_URL)] {
        // The servers' certificates are of no authority that the drivers know.
        let url = named(given).to_string_lossy().split('?').next().unwrap_or_default().to_owned();
        command.env(name, url);
    }
    let output = command.output().expect("it starts");
    let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{said}");
}

#[test]
fn the_typescript_sdk_passes_its_own_tests() {
    let home = named(SDK).join("typescript");
    let tests = ["vectors", "handler"].map(|name| home.join(format!("test/{name}.test.mjs")));
    let mut command = Command::new(named(NODE));
    command.args(["--test", "--test-concurrency=1"]).args(tests).current_dir(&home);
    command.env("SYNAPSOR_HANDLER_VECTORS", repository("fixtures/handler-vectors/vectors.json"));
    succeeds(command);
}

#[test]
fn the_python_sdk_passes_its_own_tests() {
    let mut command = Command::new(named(PYTHON));
    command.args(["-m", "unittest", "discover", "-s", "tests"]).current_dir(repository("sdk/python"));
    command.env("PYTHONPATH", repository("sdk/python/src")).env("PYTHONDONTWRITEBYTECODE", "1");
    succeeds(command);
}

#[test]
fn the_packed_files_have_commands_that_print_the_same_tables() {
    let project = tempfile::tempdir().expect("a folder");
    let home = named(SDK);
    let mut ddl = Command::new(named(PYTHON));
    ddl.args(["-m", "synapsor_handler", "ddl", "postgres"]).env("PYTHONPATH", home.join("python/site"));
    ddl.current_dir(project.path());
    let printed = ddl.output().expect("it starts").stdout;

    let package = home.join("typescript/node_modules/synapsor-handler");
    let mut ddl = Command::new(named(NODE));
    ddl.arg(package.join("dist/cli.js")).args(["ddl", "postgres"]).current_dir(project.path());
    let also = ddl.output().expect("it starts").stdout;
    assert_eq!(String::from_utf8_lossy(&printed), String::from_utf8_lossy(&also));
    assert_eq!(String::from_utf8_lossy(&printed), synapsor_handler::ddl(synapsor_handler::EngineName::Postgres, None));
    let held: Vec<_> = package.read_dir().expect("unpacked").flatten().map(|entry| entry.file_name()).collect();
    assert!(held.iter().any(|name| name == "README.md") && !held.iter().any(|name| name == "src"), "{held:?}");
}
