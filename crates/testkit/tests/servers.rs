//! Servers do not outlive their owner, even one that is killed.

use std::io::{BufRead as _, BufReader};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

use synapsor_testkit::servers::{CA_FILE, MYSQL_URL, POSTGRES_URL, Servers};

const OWNER: &str = "SYNAPSOR_TESTKIT_OWNER";

#[test]
fn nothing_is_left_when_the_owner_is_killed() {
    if std::env::var_os(OWNER).is_some() {
        own_servers_until_killed();
    }
    let mut owner = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "nothing_is_left_when_the_owner_is_killed", "--nocapture"])
        .env(OWNER, "1")
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut ports = Vec::new();
    let mut files = None;
    for line in BufReader::new(owner.stdout.take().unwrap()).lines().map_while(Result::ok) {
        if let Some((_, path)) = line.split_once(&format!("{CA_FILE}=")) {
            files = Path::new(path).parent().map(Path::to_owned);
            break;
        }
        if line.contains(POSTGRES_URL) || line.contains(MYSQL_URL) {
            let (_, place) = line.rsplit_once("127.0.0.1:").unwrap();
            ports.push(place.split_once('/').unwrap().0.parse::<u16>().unwrap());
        }
    }
    let files = files.expect("the owner says where its servers are");
    assert_eq!(ports.len(), 2);
    for port in &ports {
        TcpStream::connect(("127.0.0.1", *port)).expect("the server is up");
    }

    owner.kill().unwrap();
    owner.wait().unwrap();
    for _ in 0..200 {
        if !files.exists() && ports.iter().all(|port| TcpStream::connect(("127.0.0.1", *port)).is_err()) {
            return;
        }
        sleep(Duration::from_millis(100));
    }
    panic!("servers or files are left after the owner's death: {ports:?}, {}", files.display());
}

#[expect(clippy::unwrap_used, clippy::print_stdout, reason = "the other half of the test")]
fn own_servers_until_killed() -> ! {
    let servers = Servers::start().unwrap();
    for (name, value) in servers.env() {
        println!("{name}={value}");
    }
    loop {
        sleep(Duration::from_secs(1));
    }
}
