//! The machine that the figures are from.

use std::fs;
use std::process::Command;

/// Describes it in one sentence.
pub(super) fn describe() -> String {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let memory = fs::read_to_string("/proc/meminfo").ok().and_then(|text| kib(&text, "MemTotal:")).unwrap_or_default();
    let kernel = said("uname", &["-sr"]);
    let compiler = said("rustc", &["--version"]);
    let processor = fs::read_to_string("/proc/cpuinfo").ok().and_then(|text| processor(&text)).unwrap_or_default();
    let date = jiff::Zoned::now().date();
    format!(
        "Taken on {date} with {compiler} on {kernel}: {cores} cores of {processor}, {:.0} GiB of memory.",
        memory / 1024.0 / 1024.0
    )
}

/// Reads one of the kernel's sizes, in KiB.
pub(super) fn kib(text: &str, name: &str) -> Option<f64> {
    text.lines().find_map(|line| line.strip_prefix(name))?.trim().trim_end_matches(" kB").parse().ok()
}

fn processor(text: &str) -> Option<String> {
    let (_, name) = text.lines().find(|line| line.starts_with("model name"))?.split_once(':')?;
    Some(name.trim().to_owned())
}

fn said(program: &str, args: &[&str]) -> String {
    let output = Command::new(program).args(args).output().map(|output| output.stdout).unwrap_or_default();
    String::from_utf8_lossy(&output).trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_words_are_read() {
        let memory = "MemTotal:       24689720 kB\nMemFree:         1234567 kB\n";
        assert_eq!(kib(memory, "MemTotal:"), Some(24_689_720.0));
        assert_eq!(kib("VmRSS:\t   19000 kB\n", "VmRSS:"), Some(19_000.0));
        assert_eq!(kib(memory, "VmRSS:"), None);
        let processors = "processor\t: 0\nmodel name\t: A Processor @ 2.50GHz\n\nprocessor\t: 1\n";
        assert_eq!(processor(processors).as_deref(), Some("A Processor @ 2.50GHz"));
    }
}
