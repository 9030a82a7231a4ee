//! Who may do what: tokens, and the pages that may speak for them. Pure.

use std::net::IpAddr;

use go2_client::secret::Secret;
use rsa::rand_core::{OsRng, RngCore};

/// What a client may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rights {
    /// See what the robot sends.
    View,
    /// Drive the robot, and everything else.
    Control,
}

/// Who may watch without the token for control.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Viewing {
    /// Nobody.
    #[default]
    Nobody,
    /// Who has this token.
    Token(Secret),
    /// Anybody who reaches the port.
    Anyone,
}

/// What opens the gateway.
#[derive(Debug, Clone)]
pub struct Access {
    control: Secret,
    viewing: Viewing,
    /// Pages of other origins that may use the gateway, such as `http://dog.example:3000`.
    origins: Vec<String>,
}

/// Characters that a token has at least where other computers reach the gateway.
pub const SHORTEST_TOKEN: usize = 12;

/// A token that could be guessed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "the token for {what} has {length} characters, and {address} is reached by other computers, which could guess it: it \
     takes {SHORTEST_TOKEN} at least. Without a token for control one is made up"
)]
pub struct ShortToken {
    /// Control or viewing.
    what: &'static str,
    length: usize,
    /// Where the gateway is to listen.
    address: IpAddr,
}

/// Why a page may not speak to the gateway.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Foreign {
    /// A page of another origin.
    #[error(
        "a page of {0} may not use this gateway: open the page that the gateway itself serves, or allow that origin"
    )]
    Origin(String),
    /// A name that anybody could have given to this address.
    #[error(
        "the gateway is not known as \"{0}\": use its IP address or localhost, or allow the origin http://{0}"
    )]
    Host(String),
}

impl Access {
    /// Opens with `control`, or, where that is empty, with a token that is made up: see [`control`](Self::control).
    pub fn new(control: Secret, viewing: Viewing, origins: Vec<String>) -> Self {
        let control = if control.is_empty() { made_up() } else { control };
        let trimmed = origins.iter().map(|origin| origin.trim_end_matches('/').to_lowercase());
        Self { control, viewing, origins: trimmed.collect() }
    }

    /// Whether the tokens are long enough to listen on an address of this computer.
    ///
    /// # Errors
    /// [`ShortToken`] where other computers reach the address and a token has less than [`SHORTEST_TOKEN`] characters.
    pub fn suits(&self, address: IpAddr) -> Result<(), ShortToken> {
        if address.to_canonical().is_loopback() {
            return Ok(());
        }
        let viewing = match &self.viewing {
            Viewing::Token(token) => Some(token).filter(|token| !token.is_empty()),
            Viewing::Nobody | Viewing::Anyone => None,
        };
        for (what, token) in [("control", Some(&self.control)), ("viewing", viewing)] {
            let length = token.map_or(SHORTEST_TOKEN, |token| token.text().chars().count());
            if length < SHORTEST_TOKEN {
                return Err(ShortToken { what, length, address });
            }
        }
        Ok(())
    }

    /// The token for control.
    pub fn control(&self) -> &Secret {
        &self.control
    }

    /// Whether one may watch without a token.
    pub fn is_open(&self) -> bool {
        self.viewing == Viewing::Anyone
    }

    /// What a token allows; nothing if it is wrong.
    pub fn rights(&self, token: &str) -> Option<Rights> {
        if self.control.is(token) {
            return Some(Rights::Control);
        }
        match &self.viewing {
            Viewing::Anyone if token.is_empty() => Some(Rights::View),
            Viewing::Token(secret) if !secret.is_empty() && secret.is(token) => Some(Rights::View),
            _ => None,
        }
    }

    /// Whether a request may be heard, by its headers `Origin` and `Host`.
    ///
    /// A browser tells the page's origin with every POST. Programs that are no browsers tell none, and have no cookies that a page
    /// could misuse. `Host` must be an address or an allowed name: else a page could have its own name mean this computer.
    pub fn check(&self, origin: Option<&str>, host: Option<&str>) -> Result<(), Foreign> {
        let host = host.unwrap_or_default().to_lowercase();
        if !self.is_known(&host) {
            return Err(Foreign::Host(host));
        }
        let Some(origin) = origin.map(str::to_lowercase) else { return Ok(()) };
        let own = origin.strip_prefix("http://").or(origin.strip_prefix("https://"));
        if own == Some(host.as_str()) || self.origins.contains(&origin) {
            return Ok(());
        }
        Err(Foreign::Origin(origin))
    }

    fn is_known(&self, host: &str) -> bool {
        let name = match host.rsplit_once(':') {
            Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
            _ => host,
        };
        let bare = name.trim_start_matches('[').trim_end_matches(']');
        let of_origin = |origin: &String| {
            let place = origin.split_once("://").map_or("", |(_, place)| place);
            place == host || place == name
        };
        name == "localhost" || bare.parse::<IpAddr>().is_ok() || self.origins.iter().any(of_origin)
    }
}

/// 128 bits that nobody guesses.
fn made_up() -> Secret {
    format!("{:016x}{:016x}", OsRng.next_u64(), OsRng.next_u64()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(text: &str) -> Secret {
        text.to_owned().into()
    }

    #[test]
    fn tokens_tell_rights_apart() {
        let access = |viewing| Access::new(secret("drive"), viewing, vec![]);
        let closed = access(Viewing::Nobody);
        assert_eq!(closed.rights("drive"), Some(Rights::Control));
        assert_eq!((closed.rights(""), closed.rights("driv")), (None, None));
        let by_token = access(Viewing::Token(secret("watch")));
        assert_eq!(by_token.rights("watch"), Some(Rights::View));
        assert_eq!((by_token.rights(""), by_token.rights("other")), (None, None));
        let open = access(Viewing::Anyone);
        assert_eq!(open.rights(""), Some(Rights::View));
        assert_eq!(open.rights("wrong"), None, "who has a token is told that it is wrong");
        assert_eq!(access(Viewing::Token(Secret::default())).rights(""), None);
    }

    #[test]
    fn a_token_is_made_up_where_none_is_given() {
        let new = || Access::new(Secret::default(), Viewing::Nobody, vec![]);
        let (one, other) = (new(), new());
        assert_eq!(one.control().text().len(), 32);
        assert_ne!(one.control(), other.control());
        assert_eq!(one.rights(""), None);
    }

    #[test]
    fn short_tokens_are_for_this_computer_only() {
        let access = |control: &str, viewing| Access::new(secret(control), viewing, vec![]);
        let long = "x".repeat(SHORTEST_TOKEN);
        let here: [IpAddr; 3] = ["127.0.0.1", "127.9.0.1", "::1"].map(|text| text.parse().unwrap());
        let other: [IpAddr; 4] =
            ["0.0.0.0", "::", "192.168.1.5", "::ffff:10.0.0.1"].map(|text| text.parse().unwrap());
        for address in here {
            assert_eq!(access("a", Viewing::Token(secret("b"))).suits(address), Ok(()));
        }
        for address in other {
            let short = access(&long[1..], Viewing::Anyone).suits(address).unwrap_err();
            assert!(
                short.to_string().starts_with("the token for control has 11 characters"),
                "{short}"
            );
            assert!(!short.to_string().contains("xxx"), "it does not show the token");
            let viewing = access(&long, Viewing::Token(secret("b"))).suits(address).unwrap_err();
            assert!(
                viewing.to_string().starts_with("the token for viewing has 1 char"),
                "{viewing}"
            );
            for viewing in [Viewing::Nobody, Viewing::Anyone, Viewing::Token(secret(&long))] {
                assert_eq!(access(&long, viewing).suits(address), Ok(()));
            }
            assert_eq!(access("", Viewing::Nobody).suits(address), Ok(()), "one is made up");
        }
    }

    #[test]
    fn only_its_own_page_and_allowed_ones_are_heard() {
        let allowed = vec!["http://dog.example:3000/".to_owned()];
        let access = Access::new(secret("x"), Viewing::Nobody, allowed);
        let check = |origin: &str, host: &str| {
            access.check(Some(origin).filter(|origin| !origin.is_empty()), Some(host))
        };
        for (origin, host) in [
            ("", "127.0.0.1:8081"),
            ("http://127.0.0.1:8081", "127.0.0.1:8081"),
            ("http://LOCALHOST:8081", "localhost:8081"),
            ("http://[::1]:8081", "[::1]:8081"),
            ("http://dog.example:3000", "192.168.1.5:8081"),
            ("http://dog.example:3000", "dog.example:3000"),
        ] {
            assert_eq!(check(origin, host), Ok(()), "{origin} {host}");
        }
        for (origin, host) in [
            ("http://evil.example", "127.0.0.1:8081"),
            ("http://127.0.0.1:9000", "127.0.0.1:8081"),
            ("null", "127.0.0.1:8081"),
            ("http://dog.example:3001", "127.0.0.1:8081"),
            ("*", "127.0.0.1:8081"),
        ] {
            assert!(matches!(check(origin, host), Err(Foreign::Origin(_))), "{origin} {host}");
        }
        // A name that its owner has pointed to this computer.
        for host in ["evil.example:8081", "evil.example", "", "127.0.0.1.evil.example:8081"] {
            let origin = format!("http://{host}");
            assert!(matches!(check(&origin, host), Err(Foreign::Host(_))), "{host}");
        }
    }
}
