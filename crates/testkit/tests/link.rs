//! The link does to a connection what a test asks of it, and nothing else.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test file; its own functions may fail too")]

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use synapsor_testkit::database::{Database, Engine, Session};
use synapsor_testkit::link::{Fault, Link, When};

/// Starts a server that answers each chunk with `ok ` before it, and reports every chunk and how each connection ended.
fn server() -> (String, Receiver<Result<Vec<u8>, ErrorKind>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let (seen, heard) = channel();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let (mut stream, seen) = (stream.unwrap(), seen.clone());
            std::thread::spawn(move || {
                let mut buffer = [0; 1024];
                loop {
                    let read = stream.read(&mut buffer).map(|count| buffer[..count].to_vec()).map_err(|e| e.kind());
                    let ended = !read.as_ref().is_ok_and(|chunk| !chunk.is_empty());
                    let answer = read.clone().unwrap_or_default();
                    if seen.send(read).is_err() || ended {
                        break;
                    }
                    let _ = stream.write_all(&[b"ok ", answer.as_slice()].concat());
                }
            });
        }
    });
    (address, heard)
}

fn client(link: &Link) -> TcpStream {
    let stream = TcpStream::connect(("127.0.0.1", link.port())).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    stream
}

/// Says something and returns the answer: nothing for an orderly end.
fn ask(stream: &mut TcpStream, words: &str) -> Result<String, ErrorKind> {
    stream.write_all(words.as_bytes()).map_err(|e| e.kind())?;
    answer(stream)
}

fn answer(stream: &mut TcpStream) -> Result<String, ErrorKind> {
    let mut buffer = [0; 1024];
    let count = stream.read(&mut buffer).map_err(|e| e.kind())?;
    Ok(String::from_utf8_lossy(&buffer[..count]).into_owned())
}

fn next(heard: &Receiver<Result<Vec<u8>, ErrorKind>>) -> Result<String, ErrorKind> {
    heard.recv_timeout(Duration::from_secs(10)).unwrap().map(|chunk| String::from_utf8_lossy(&chunk).into_owned())
}

#[test]
fn cut_and_reset_reach_both_sides() {
    let (address, heard) = server();
    for (fault, expected) in [(Fault::Cut, Ok(String::new())), (Fault::Reset, Err(ErrorKind::ConnectionReset))] {
        let link = Link::to(&address);
        let mut stream = client(&link);
        assert_eq!(ask(&mut stream, "hello"), Ok("ok hello".to_owned()));
        assert_eq!(next(&heard), Ok("hello".to_owned()));
        link.fail(fault);
        assert_eq!(answer(&mut stream), expected, "{fault:?}");
        assert_eq!(next(&heard), expected, "{fault:?}");
        assert_eq!(ask(&mut client(&link), "again"), Ok("ok again".to_owned()), "new connections work");
        assert_eq!(next(&heard), Ok("again".to_owned()));
        assert!(next(&heard).is_ok());
    }
}

#[test]
fn a_stall_holds_everything_back_until_healed() {
    let (address, heard) = server();
    let link = Link::to(&address);
    let mut stream = client(&link);
    assert_eq!(ask(&mut stream, "one"), Ok("ok one".to_owned()));
    link.fail(Fault::Stall);
    stream.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
    assert_eq!(ask(&mut stream, "two"), Err(ErrorKind::WouldBlock));
    assert_eq!(next(&heard), Ok("one".to_owned()));
    heard.recv_timeout(Duration::from_millis(50)).unwrap_err();
    link.heal();
    stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    assert_eq!(answer(&mut stream), Ok("ok two".to_owned()));
    link.fail(Fault::Stall);
    link.fail(Fault::Cut);
    assert_eq!(answer(&mut stream), Ok(String::new()), "a stalled connection can be cut");
}

#[test]
fn an_armed_fault_comes_before_or_after_the_server_and_once() {
    let (address, heard) = server();
    for (when, fault, reaches, expected) in [
        (When::BeforeServer, Fault::Cut, false, Ok(String::new())),
        (When::BeforeServer, Fault::Reset, false, Err(ErrorKind::ConnectionReset)),
        (When::AfterServer, Fault::Cut, true, Ok(String::new())),
        (When::AfterServer, Fault::Reset, true, Err(ErrorKind::ConnectionReset)),
    ] {
        let link = Link::to(&address);
        link.arm("COMMIT", when, fault);
        let (mut stream, mut other) = (client(&link), client(&link));
        assert_eq!(ask(&mut stream, "COMM"), Ok("ok COMM".to_owned()), "half of it is not enough");
        assert_eq!(next(&heard), Ok("COMM".to_owned()));
        assert_eq!(ask(&mut stream, "IT;"), expected, "{when:?} {fault:?}");
        link.wait_fired();
        assert_eq!(next(&heard) == Ok("IT;".to_owned()), reaches, "{when:?} {fault:?}");
        if reaches {
            next(&heard).map_or_else(|e| assert_eq!(e, ErrorKind::ConnectionReset), |end| assert_eq!(end, ""));
        }
        assert_eq!(ask(&mut other, "COMMIT"), Ok("ok COMMIT".to_owned()), "only the connection that sent it, and once");
        assert_eq!(next(&heard), Ok("COMMIT".to_owned()));
        drop((stream, other));
        assert!(next(&heard).is_ok());
    }
}

#[test]
fn an_armed_fault_can_wait_for_what_comes_before() {
    let (address, _heard) = server();
    let link = Link::to(&address);
    link.arm_since("INSERT", "COMMIT", When::AfterServer, Fault::Cut);
    let mut stream = client(&link);
    for harmless in ["COMMIT", "INSERT"] {
        assert_eq!(ask(&mut stream, harmless), Ok(format!("ok {harmless}")));
    }
    assert_eq!(ask(&mut stream, "COMMIT"), Ok(String::new()));
    link.wait_fired();
}

#[test]
fn an_armed_stall_delivers_late() {
    let (address, heard) = server();
    for (when, reaches) in [(When::BeforeServer, false), (When::AfterServer, true)] {
        let link = Link::to(&address);
        link.arm("COMMIT", when, Fault::Stall);
        let mut stream = client(&link);
        stream.write_all(b"COMMIT").unwrap();
        link.wait_fired();
        let early = heard.recv_timeout(Duration::from_millis(50)).ok();
        assert_eq!(early.is_some(), reaches);
        link.heal();
        assert_eq!(answer(&mut stream), Ok("ok COMMIT".to_owned()));
        assert!(reaches || next(&heard) == Ok("COMMIT".to_owned()));
        drop(stream);
        assert!(next(&heard).is_ok());
    }
}

#[test]
fn a_link_that_is_down_refuses_and_comes_up_on_the_same_port() {
    let (address, _heard) = server();
    let link = Link::to(&address);
    let mut stream = client(&link);
    assert!(ask(&mut stream, "x").is_ok());
    link.down();
    assert_eq!(answer(&mut stream), Ok(String::new()));
    assert_eq!(TcpStream::connect(("127.0.0.1", link.port())).unwrap_err().kind(), ErrorKind::ConnectionRefused);
    link.up();
    assert_eq!(ask(&mut client(&link), "y"), Ok("ok y".to_owned()));
}

#[tokio::test]
async fn a_database_commits_though_its_answer_is_lost() {
    for engine in [Engine::Postgres, Engine::Mysql] {
        let db = Database::fresh(engine).await;
        db.execute("CREATE TABLE t (id integer)").await;
        let link = Link::to(db.address().unwrap());
        for (when, rows) in [(When::BeforeServer, "0"), (When::AfterServer, "1")] {
            let session = Session::open(&link.through(&db.admin_url())).await;
            session.execute("BEGIN").await.unwrap();
            session.execute("INSERT INTO t VALUES (1)").await.unwrap();
            link.arm("COMMIT", when, Fault::Cut);
            session.execute("COMMIT").await.unwrap_err();
            let found = db.query_text("SELECT count(*) FROM t").await;
            assert_eq!(found[0][0].as_deref(), Some(rows), "{engine:?} {when:?}");
        }
    }
}
