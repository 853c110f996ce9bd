//! A URL to the address and the words of a POST.

use std::net::{SocketAddr, ToSocketAddrs};

use super::ConnectError;

const SCHEME: &str = "http://";
const PORT_UNSAID: &str = ":80";

/// Where an offer goes.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Target {
    pub(super) address: SocketAddr,
    /// For `Host`.
    pub(super) authority: String,
    /// `connect`, beside the page.
    pub(super) path: String,
}

impl Target {
    /// Reads the URL of a page. A host name is looked up, which may take its time.
    pub(super) fn resolve(url: &str) -> Result<Target, ConnectError> {
        let (authority, path) = split(url).ok_or(ConnectError::Url)?;
        let is_port_said = authority.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok());
        let named = if is_port_said { authority.clone() } else { authority.clone() + PORT_UNSAID };
        let address = named.to_socket_addrs()?.next().ok_or(ConnectError::Url)?;
        Ok(Target { address, authority, path })
    }
}

fn split(url: &str) -> Option<(String, String)> {
    let is_plain = url.bytes().all(|byte| byte.is_ascii_graphic());
    let rest = url.strip_prefix(SCHEME).filter(|_| is_plain)?;
    let rest = rest.split(['?', '#']).next()?;
    let (authority, page) = rest.split_once('/').unwrap_or((rest, ""));
    let folder = page.rsplit_once('/').map_or(String::new(), |(folder, _)| format!("/{folder}"));
    let is_host = !authority.is_empty() && !authority.contains('@');
    is_host.then(|| (authority.to_owned(), format!("{folder}/connect")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connect_is_beside_the_page() {
        for (url, path) in [
            ("http://127.0.0.1:8080", "/connect"),
            ("http://127.0.0.1:8080/", "/connect"),
            ("http://127.0.0.1:8080/index.html?a=/b#c", "/connect"),
            ("http://127.0.0.1:8080/games/", "/games/connect"),
            ("http://127.0.0.1:8080/games/pong.html", "/games/connect"),
        ] {
            let target = Target::resolve(url).unwrap();
            assert_eq!((target.authority.as_str(), target.path.as_str()), ("127.0.0.1:8080", path), "{url}");
            assert_eq!(target.address, "127.0.0.1:8080".parse().unwrap());
        }
        let unsaid = ["http://127.0.0.1", "http://[::1]/"].map(|url| Target::resolve(url).unwrap().address.port());
        assert_eq!(unsaid, [80, 80]);
    }

    #[test]
    fn what_is_no_url_of_ours_is_refused() {
        for url in
            ["", "127.0.0.1:8080", "https://127.0.0.1", "http://", "http:///x", "http://a@127.0.0.1", "http://a b"]
        {
            assert_eq!(Target::resolve(url), Err(ConnectError::Url), "{url}");
        }
        assert_eq!(Target::resolve("http://127.0.0.1/\r\nx"), Err(ConnectError::Url), "no header may come in by it");
    }
}
