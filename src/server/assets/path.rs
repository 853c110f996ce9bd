//! From a request's path to the relative path of a file, such that no path can leave the folder.

use crate::signal::Refusal;

/// The file that a request's path names: `/` is `index.html`, `/room/canvas%2Ejs` is `room/canvas.js`.
///
/// What comes back is segments joined by `/`. No segment is empty, begins with a dot (`..`, and `.git` or `.env` of a
/// developer's folder), or holds a separator, a colon (a Windows drive or stream) or a control character.
pub(super) fn file_of(path: &str) -> Result<String, Refusal> {
    let path = path.strip_prefix('/').ok_or(Refusal::BadRequest)?;
    let mut file = String::with_capacity(path.len());
    let mut segments = path.split('/').peekable();
    while let Some(segment) = segments.next() {
        let is_last = segments.peek().is_none();
        if is_last && segment.is_empty() {
            file.push_str("index.html");
            break;
        }
        // Decoded after the split and once only, so that neither %2F nor %252F becomes a separator.
        let segment = decode(segment)?;
        if segment.is_empty() || segment.starts_with('.') || segment.contains(is_forbidden) {
            return Err(Refusal::NotFound);
        }
        file.push_str(&segment);
        if !is_last {
            file.push('/');
        }
    }
    Ok(file)
}

fn is_forbidden(c: char) -> bool {
    matches!(c, '/' | '\\' | ':') || c.is_control()
}

/// Percent-decoding (RFC 3986, section 2.1) into UTF-8.
fn decode(segment: &str) -> Result<String, Refusal> {
    let mut bytes = Vec::with_capacity(segment.len());
    let mut rest = segment.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let high = rest.next().and_then(hex_digit).ok_or(Refusal::BadRequest)?;
            let low = rest.next().and_then(hex_digit).ok_or(Refusal::BadRequest)?;
            bytes.push(high << 4 | low);
        } else {
            bytes.push(byte);
        }
    }
    String::from_utf8(bytes).map_err(|_| Refusal::BadRequest)
}

fn hex_digit(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_name_files() {
        for (path, file) in [
            ("/", "index.html"),
            ("/room.css", "room.css"),
            ("/room/", "room/index.html"),
            ("/room/canvas%2Ejs", "room/canvas.js"),
            ("/caf%C3%A9.png", "café.png"),
            ("/a%20b+c.txt", "a b+c.txt"),
            ("/100%25.txt", "100%.txt"),
            ("/a..b", "a..b"),
        ] {
            assert_eq!(file_of(path).as_deref(), Ok(file), "{path}");
        }
    }

    #[test]
    fn no_path_leaves_the_folder() {
        for path in [
            "/..",
            "/../etc/passwd",
            "/a/../../etc/passwd",
            "/%2e%2e/etc/passwd",
            "/%2E%2E%2Fetc/passwd",
            "/a%2F..%2F..%2Fetc/passwd",
            "/..%5C..%5Cwindows",
            "/a\\..\\b",
            "//etc/passwd",
            "/a//b",
            "/.",
            "/./a",
            "/.git/config",
            "/%2egit/config",
            "/C:/windows",
            "/file.txt::$DATA",
            "/%00",
            "/index.html%00.png",
            "/a%0Ab",
            "/%7F",
        ] {
            assert_eq!(file_of(path), Err(Refusal::NotFound), "{path}");
        }
        // Encoded twice, it is a strange name and no separator.
        assert_eq!(file_of("/a%252F..%252Fb").as_deref(), Ok("a%2F..%2Fb"));
    }

    #[test]
    fn what_cannot_be_decoded_is_a_bad_request() {
        for path in ["", "a", "/%", "/%2", "/%zz", "/%+1", "/%ff", "/%c3%28"] {
            assert_eq!(file_of(path), Err(Refusal::BadRequest), "{path}");
        }
    }
}
