use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

use crate::server::gate::head::{BODY_BYTES_MAX, FIELDS_MAX, HEAD_BYTES_MAX, Head, Search, parse, search_end};
use crate::server::gate::trust::check;

/// The beginning of a TCP connection to the gate. A head that is taken has one meaning: a reader that knows nothing of
/// HTTP but lines and colons finds the same in it.
pub fn head(bytes: &[u8]) {
    let found = search_end(bytes, 0);
    assert_eq!(found, searched_byte_by_byte(bytes), "how the bytes arrive changes what they mean");
    match (parse(bytes), found) {
        (Ok(Some(head)), Ok(Search::End(head_bytes))) => {
            assert_eq!(head.head_bytes, head_bytes);
            assert_eq!(parse(&bytes[..head_bytes]), Ok(Some(head.clone())), "what follows the head changes it");
            is_plain(&head, &bytes[..head_bytes]);
            is_read_the_same_when_passed_on(&head);
            is_trusted_for_a_reason(&head);
        }
        (Ok(None), Ok(Search::Further(_))) => {}
        (Err(_), Ok(Search::End(_))) => {}
        (Err(parsed), Err(searched)) => assert_eq!(parsed, searched),
        (parsed, found) => panic!("{parsed:?}, though the search says {found:?}"),
    }
}

fn searched_byte_by_byte(bytes: &[u8]) -> Result<Search, crate::Refusal> {
    let mut from = 0;
    for end in 0..bytes.len() {
        match search_end(&bytes[..end], from)? {
            Search::Further(at) => {
                assert!((from..=end).contains(&at), "a search in {end} bytes goes from {from} to {at}");
                from = at;
            }
            Search::End(head_bytes) => {
                assert!(head_bytes <= end, "a head of {head_bytes} bytes in {end}");
                return Ok(Search::End(head_bytes));
            }
        }
    }
    search_end(bytes, from)
}

fn is_plain(head: &Head, bytes: &[u8]) {
    assert!(head.head_bytes <= HEAD_BYTES_MAX && head.body_bytes <= BODY_BYTES_MAX, "{head:?}");
    assert!(!head.method.is_empty() && head.method.bytes().all(|byte| byte.is_ascii_graphic()), "{head:?}");
    assert!(head.target.starts_with('/') && head.target.bytes().all(|byte| byte.is_ascii_graphic()), "{head:?}");
    for value in
        [&head.host, &head.origin, &head.accept, &head.content_type, &head.accept_encoding, &head.if_none_match]
    {
        let is_plain = |byte: u8| matches!(byte, b'\t' | b' '..=b'~');
        assert!(value.as_ref().is_none_or(|value| value.bytes().all(is_plain)), "{head:?}");
    }

    let text = String::from_utf8_lossy(bytes);
    let mut lines = text.split("\r\n");
    let first = lines.next().unwrap_or_default();
    assert!(first.starts_with(&format!("{} {} HTTP/1.", head.method, head.target)), "{head:?} from {first:?}");
    let fields: Vec<(&str, &str)> = lines.filter_map(|line| line.split_once(':')).collect();
    let values = |name: &str| -> Vec<&str> {
        fields.iter().filter(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim_ascii()).collect()
    };
    assert_eq!(values("Host"), Vec::from_iter(head.host.as_deref()), "not the one Host");
    assert!(head.host.is_some() || first.ends_with("1.0"), "no Host in {first:?}");
    assert_eq!(values("Origin"), Vec::from_iter(head.origin.as_deref()), "not the one Origin");
    assert_eq!(values("Content-Type"), Vec::from_iter(head.content_type.as_deref()), "not the one Content-Type");
    assert_eq!(values("Transfer-Encoding"), Vec::<&str>::new(), "a body whose length nobody knows");
    let lengths: Vec<Result<usize, _>> = values("Content-Length").into_iter().map(str::parse).collect();
    assert!(lengths.len() <= 1 && lengths.iter().all(|length| *length == Ok(head.body_bytes)), "{lengths:?}");
    assert!(!lengths.is_empty() || (head.body_bytes == 0 && head.method != "POST"), "a body from nowhere: {head:?}");
}

/// What the gate writes for tiny_http holds nothing but the values of the head: none of them can add a field.
fn is_read_the_same_when_passed_on(head: &Head) {
    let mut text = format!("{} {} HTTP/1.1\r\nContent-Length: {}\r\n", head.method, head.target, head.body_bytes);
    let fields = [
        ("Host", Some(head.host.clone().unwrap_or_default())),
        ("Origin", head.origin.clone()),
        ("Accept", head.accept.clone()),
        ("Content-Type", head.content_type.clone()),
        ("Accept-Encoding", head.accept_encoding.clone()),
        ("If-None-Match", head.if_none_match.clone()),
    ];
    for (name, value) in fields {
        text.extend(value.map(|value| format!("{name}: {value}\r\n")));
    }
    for (name, value) in &head.fields {
        assert!(!name.contains(':'), "{name}");
        text.push_str(&format!("{PASSED_ON}: {name}:{value}\r\n"));
    }
    text.push_str("\r\n");
    if text.len() > HEAD_BYTES_MAX || text.lines().count() > FIELDS_MAX {
        return;
    }
    let again = parse(text.as_bytes()).expect("what we write is a request").expect("and whole");
    let expected = Head {
        host: Some(head.host.clone().unwrap_or_default()),
        expects_continue: false,
        head_bytes: text.len(),
        fields: again.fields.clone(),
        ..head.clone()
    };
    assert_eq!(again, expected);
    let passed_on = again.fields.iter().filter(|(name, _)| name == PASSED_ON);
    let passed_on = passed_on.filter_map(|(_, field)| field.split_once(':'));
    assert!(passed_on.eq(head.fields.iter().map(|(name, value)| (&**name, &**value))), "{again:?} from {head:?}");
}

/// Before each field of the browser that is passed on.
const PASSED_ON: &str = "x-passed-on";

fn is_trusted_for_a_reason(head: &Head) {
    let names = ["laptop".to_owned()];
    for facing in [([192, 0, 2, 1], 8080).into(), ([192, 0, 2, 1], 80).into()] {
        let facing: SocketAddr = facing;
        if check(head, facing, &names).is_err() {
            continue;
        }
        let Some(host) = &head.host else {
            assert_eq!(head.origin, None, "a page of nowhere");
            continue;
        };
        let host = host.to_ascii_lowercase();
        let (name, port) = match host.rsplit_once(':') {
            Some((name, "")) => (name, "80"),
            Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => (name, port),
            _ => (host.as_str(), "80"),
        };
        assert!(
            is_our_name(name) && port.parse() == Ok(facing.port()),
            "{host:?} passes for one of our names at port {}",
            facing.port()
        );
        if let Some(origin) = &head.origin {
            assert_eq!(origin.to_ascii_lowercase(), format!("http://{host}"), "a page of another server");
        }
    }
}

fn is_our_name(name: &str) -> bool {
    let name = name.strip_suffix('.').unwrap_or(name);
    let is_name = |c: char| c.is_ascii_alphanumeric() || "-._[]:".contains(c);
    let bracketed = name.strip_prefix('[').and_then(|name| name.strip_suffix(']'));
    name == "laptop"
        || name == "localhost"
        || (name.ends_with(".localhost") || name.ends_with(".local")) && name.chars().all(is_name)
        || name.parse::<Ipv4Addr>().is_ok()
        || bracketed.is_some_and(|name| name.parse::<Ipv6Addr>().is_ok())
}
