use super::*;

fn parse_text(text: &str) -> Result<Option<Head>, Refusal> {
    parse(text.as_bytes())
}

fn get(fields: &str) -> Result<Head, Refusal> {
    parse_text(&format!("GET / HTTP/1.1\r\nHost: a\r\n{fields}\r\n")).map(|head| head.expect("a whole head"))
}

fn post(fields: &str) -> Result<usize, Refusal> {
    let head = parse_text(&format!("POST /connect HTTP/1.1\r\nHost: a\r\n{fields}\r\n"))?;
    Ok(head.expect("a whole head").body_bytes)
}

#[test]
fn a_browsers_request_is_read() {
    let text = "POST /connect?room=3 HTTP/1.1\r\nHost: 192.168.0.9:8080\r\nConnection: keep-alive\r\n\
                Content-Length: 7\r\nUser-Agent: Mozilla/5.0\r\nContent-Type: application/json\r\nAccept: */*\r\n\
                Origin: http://192.168.0.9:8080\r\nCookie: caf\u{e9}=1\r\nX-Patchcord-From: 1.2.3.4:5\r\n\r\n";
    let head = parse_text(&format!("{text}{{\"a\":1}}")).unwrap().unwrap();
    assert_eq!(head.method, "POST");
    assert_eq!(head.target, "/connect?room=3");
    assert_eq!(head.host.as_deref(), Some("192.168.0.9:8080"));
    assert_eq!(head.origin.as_deref(), Some("http://192.168.0.9:8080"));
    assert_eq!(head.accept.as_deref(), Some("*/*"));
    assert_eq!(head.content_type.as_deref(), Some("application/json"));
    assert_eq!((head.head_bytes, head.body_bytes), (text.len(), 7));
    assert!(!head.expects_continue);
}

#[test]
fn an_unfinished_head_is_no_head_yet() {
    let text = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
    for end in 0..text.len() {
        assert_eq!(parse_text(&text[..end]), Ok(None), "{:?}", &text[..end]);
    }
    assert!(parse_text(text).unwrap().is_some());
}

#[test]
fn a_search_continues_where_it_stopped() {
    let text = b"GET / HTTP/1.1\r\nHost: a\r\n\r\nbody";
    let mut from = 0;
    for end in 0..text.len() {
        match search_end(&text[..end], from) {
            Ok(Search::Further(at)) => from = at,
            found => return assert_eq!(found, Ok(Search::End(text.len() - 4))),
        }
    }
    panic!("the end was not found");
}

#[test]
fn lines_end_with_both_bytes() {
    for text in [
        "GET / HTTP/1.1\nHost: a\n\n",
        "GET / HTTP/1.1\r\nHost: a\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\rX: b\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\r\n\r\n",
        "\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
        "\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\0\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: \x7f\r\n\r\n",
        "\x16\x03\x01\x02\0\x01\0\x01\u{fc}",
    ] {
        assert_eq!(parse_text(text), Err(Refusal::BadRequest), "{text:?}");
    }
}

#[test]
fn the_request_line_is_strict() {
    for line in [
        "GET /",
        "GET / HTTP/0.9",
        "GET / HTTP/2.0",
        "GET / HTTP/1.2",
        "GET / http/1.1",
        "GET  / HTTP/1.1",
        "GET /  HTTP/1.1",
        " GET / HTTP/1.1",
        "GET\t/\tHTTP/1.1",
        "G(T / HTTP/1.1",
        "GET http://a/ HTTP/1.1",
        "CONNECT a:443 HTTP/1.1",
        "OPTIONS * HTTP/1.1",
        "GET a HTTP/1.1",
        "GET /#part HTTP/1.1",
        "GET /caf\u{e9} HTTP/1.1",
        "PRI * HTTP/2.0",
    ] {
        assert_eq!(parse_text(&format!("{line}\r\nHost: a\r\n\r\n")), Err(Refusal::BadRequest), "{line}");
    }
    let odd = parse_text("BREW /pot?milk=%20 HTTP/1.1\r\nHost: a\r\n\r\n").unwrap().unwrap();
    assert_eq!((&*odd.method, &*odd.target), ("BREW", "/pot?milk=%20"));
}

#[test]
fn fields_are_strict() {
    for field in ["X : a\r\n", "X\r\n", ": a\r\n", "X: a\r\n b\r\n", " X: a\r\n", "X\u{e9}: a\r\n", "Host: b\r\n"] {
        assert_eq!(get(field), Err(Refusal::BadRequest), "{field:?}");
    }
    assert_eq!(get("Origin: a\r\nOrigin: a\r\n"), Err(Refusal::BadRequest));
    assert_eq!(get("Origin: \u{e9}\r\n"), Err(Refusal::BadRequest));
    assert_eq!(get("Accept: \u{e9}\r\n").unwrap().accept, None);
}

#[test]
fn host_stands_once() {
    assert_eq!(parse_text("GET / HTTP/1.1\r\n\r\n"), Err(Refusal::BadRequest));
    assert_eq!(parse_text("GET / HTTP/1.0\r\n\r\n").unwrap().unwrap().host, None);
    assert_eq!(parse_text("GET / HTTP/1.0\r\nHost: a\r\nHost: a\r\n\r\n"), Err(Refusal::BadRequest));
}

#[test]
fn a_body_has_one_plain_length() {
    assert_eq!(post("Content-Length: 0\r\n"), Ok(0));
    assert_eq!(post("content-length: 65536\r\n"), Ok(BODY_BYTES_MAX));
    assert_eq!(post("Content-Length: 0065\r\n"), Ok(65));
    assert_eq!(post(""), Err(Refusal::LengthRequired));
    assert_eq!(post("Transfer-Encoding: chunked\r\n"), Err(Refusal::LengthRequired));
    for large in ["65537", "9000000000000000000", "99999999999999999999999999999"] {
        assert_eq!(post(&format!("Content-Length: {large}\r\n")), Err(Refusal::BodyTooLarge), "{large}");
    }
    for bad in ["", "+5", "-5", "5, 5", "5 5", "0x5", "5.0", "five", "\u{0665}"] {
        assert_eq!(post(&format!("Content-Length: {bad}\r\n")), Err(Refusal::BadRequest), "{bad}");
    }
    assert_eq!(post("Content-Length: 5\r\nContent-Length: 5\r\n"), Err(Refusal::BadRequest));
    assert_eq!(post("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n"), Err(Refusal::BadRequest));
    assert_eq!(post("Transfer-Encoding: identity\r\nContent-Length: 5\r\n"), Err(Refusal::BadRequest));
}

#[test]
fn a_get_has_no_body() {
    assert_eq!(get("Content-Length: 0\r\n").unwrap().body_bytes, 0);
    assert_eq!(get("Content-Length: 5\r\n"), Err(Refusal::BadRequest));
    assert_eq!(get("Transfer-Encoding: chunked\r\n"), Err(Refusal::LengthRequired));
}

#[test]
fn only_continue_may_be_expected() {
    assert!(get("Expect: 100-Continue\r\n").unwrap().expects_continue);
    assert_eq!(get("Expect: tea\r\n"), Err(Refusal::BadRequest));
    let old = parse_text("GET / HTTP/1.0\r\nExpect: 100-continue\r\n\r\n").unwrap().unwrap();
    assert!(!old.expects_continue);
}

#[test]
fn a_head_is_bounded() {
    let padded = |bytes: usize| {
        let (before, after) = ("GET / HTTP/1.1\r\nHost: a\r\nX: ", "\r\n\r\n");
        format!("{before}{}{after}", "x".repeat(bytes - before.len() - after.len()))
    };
    assert_eq!(parse_text(&padded(HEAD_BYTES_MAX)).unwrap().unwrap().head_bytes, HEAD_BYTES_MAX);
    for bytes in HEAD_BYTES_MAX + 1..HEAD_BYTES_MAX + 8 {
        assert_eq!(parse_text(&padded(bytes)), Err(Refusal::HeadTooLarge));
    }
    assert_eq!(parse_text(&"x".repeat(HEAD_BYTES_MAX)), Ok(None));
    assert_eq!(parse_text(&"x".repeat(HEAD_BYTES_MAX + 1)), Err(Refusal::HeadTooLarge));
    assert_eq!(get(&"X: y\r\n".repeat(FIELDS_MAX)), Err(Refusal::HeadTooLarge));
    assert!(get(&"X: y\r\n".repeat(FIELDS_MAX - 1)).is_ok());
}

/// Every head with one byte replaced by every other: never a panic, and what passes is unambiguous.
#[test]
fn no_single_byte_confuses_it() {
    let text = b"POST /connect HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n";
    for at in 0..text.len() {
        for byte in 0..=255 {
            let mut changed = text.to_vec();
            changed[at] = byte;
            if let Ok(Some(head)) = parse(&changed) {
                assert!(head.target.starts_with('/') && head.target.is_ascii());
                assert!(head.body_bytes <= BODY_BYTES_MAX && head.head_bytes <= changed.len());
                assert!(
                    head.method != "POST" || changed.windows(14).any(|w| w.eq_ignore_ascii_case(b"content-length"))
                );
            }
        }
    }
}
