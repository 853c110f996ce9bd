//! What is about a whole process: its file descriptors, its memory, its threads. Each test runs in a process of its
//! own, where no other test takes part.

use super::*;

/// Runs an ignored test of this file alone, in a process with so many file descriptors.
fn run_apart(test: &str, descriptors: u32) {
    let path = module_path!().split_once("::").expect("a module of this crate").1;
    let mut child = std::process::Command::new("sh");
    child.args(["-c", &format!("ulimit -n {descriptors} && exec \"$0\" --ignored --exact \"$1\" --nocapture")]);
    let output = child.arg(std::env::current_exe().unwrap()).arg(format!("{path}::{test}")).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.contains("1 passed"), "{said}");
}

/// A number from `/proc/self/status`, such as `VmRSS` in KiB.
fn own_status(name: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with(name)).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

#[test]
fn accepting_survives_a_lack_of_file_descriptors() {
    run_apart("without_descriptors", 64);
}

#[test]
fn memory_and_threads_stay_bounded() {
    run_apart("a_full_house_of_half_requests", 4096);
    run_apart("unread_answers", 4096);
}

#[test]
#[ignore = "run by a test above, in a process with 64 file descriptors"]
fn without_descriptors() {
    let served = serve(HttpLimits::default());
    // One client is in, as the interim answer shows.
    let mut inside = served.connect();
    let fields = "Content-Type: application/json\r\nContent-Length: 2\r\nExpect: 100-continue\r\n";
    write!(inside, "POST /connect HTTP/1.1\r\nHost: {}\r\n{fields}\r\n", served.address).unwrap();
    inside.read_exact(&mut [0; 25]).unwrap();
    // Sockets take what is left. Then there is none for the gate to accept with.
    let mut clients = Vec::new();
    while let Ok(client) = TcpStream::connect(served.address) {
        clients.push(client);
    }
    assert!(clients.len() < 60, "the bound is not in force");
    // Who is in is served.
    inside.write_all(b"{}").unwrap();
    assert_eq!(read_reply(&mut inside).status, 200);
    // And when there are some again, everybody is let in.
    clients.clear();
    served.still_serves();
    served.still_serves();
    served.gate.shutdown();
}

#[test]
#[ignore = "run by a test above, in a process of its own"]
fn a_full_house_of_half_requests() {
    let served = serve(HttpLimits { request: Duration::from_secs(60), ..HttpLimits::default() });
    let (body, host) = ("x".repeat(60_000), served.address);
    let text = format!("POST /connect HTTP/1.1\r\nHost: {host}\r\nContent-Length: 65536\r\n\r\n{body}");
    let memory = own_status("VmRSS");
    let mut clients = Vec::new();
    for address in 1..=8 {
        for _ in 0..63 {
            let mut client = connect_from(Ipv4Addr::new(127, 0, 2, address), host);
            client.write_all(text.as_bytes()).unwrap();
            clients.push(client);
        }
    }
    served.still_serves();
    let grown = own_status("VmRSS").saturating_sub(memory);
    // 512 times 80 KiB, and as much again for what the allocator keeps of the buffers' growth.
    assert!(grown < 80 * 1024, "{} half requests took {grown} KiB", clients.len());
    // The process and the test, the gate's two, tiny_http's one that accepts, and its four or five that read. Alone it
    // made 120 for 200 connections.
    assert!(own_status("Threads") <= 10, "{} threads", own_status("Threads"));
}

#[test]
#[ignore = "run by a test above, in a process of its own"]
fn unread_answers() {
    let served = serve(HttpLimits { answer: PATIENCE, ..HttpLimits::default() });
    let memory = own_status("VmRSS");
    let mut clients: Vec<TcpStream> = (0..12).map(|_| served.connect()).collect();
    for client in &mut clients {
        write!(client, "GET /big.bin HTTP/1.1\r\nHost: {}\r\n\r\n", served.address).unwrap();
    }
    // Some give way, so that the last is reached before the time of the first is over.
    clients[11].read_exact(&mut [0; 1]).unwrap();
    let grown = own_status("VmRSS").saturating_sub(memory);
    // Four answers of 16 MiB, as much again while a buffer grows, and the 12 MiB of the file itself, first read now.
    assert!(grown < 150 * 1024, "unread answers took {grown} KiB");
    served.still_serves();
}
