//! The candidates in an SDP: where ICE sends its checks. Pure.
//!
//! Each one has ICE send packets to an address that the other side has chosen. So of an answer only those count that are where
//! the answer came from, and few.

use std::net::{IpAddr, SocketAddr};

use super::error::AnswerProblem;

/// The two ends between which packets go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CandidatePair {
    /// This computer's.
    pub local: Candidate,
    /// The robot's.
    pub remote: Candidate,
}

/// One end of a path, or what may become one: a candidate of ICE.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// Address and port. Of a relay, where packets go through one.
    pub address: SocketAddr,
    /// `host`, `srflx`, `prflx` or `relay`.
    pub kind: String,
}

/// Candidates of an answer that count; a robot has one for each of its interfaces.
const MOST: usize = 4;
/// The same where those at other addresses count, too.
const MOST_ANYWHERE: usize = 16;
/// Candidates that are told of.
const MOST_TOLD: usize = 16;
/// The kinds that there are.
const KINDS: [&str; 4] = ["host", "srflx", "prflx", "relay"];

/// Which candidates of an answer count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// Host candidates at the address that signaling went to.
    At(IpAddr),
    /// All: relays and other interfaces are part of the way.
    Anywhere,
}

impl Scope {
    fn covers(self, end: &Candidate) -> bool {
        match self {
            Self::At(address) => end.kind == "host" && end.address.ip() == address,
            Self::Anywhere => true,
        }
    }

    fn most(self) -> usize {
        match self {
            Self::At(_) => MOST,
            Self::Anywhere => MOST_ANYWHERE,
        }
    }
}

/// The candidates in an SDP, each once, though media sections and components repeat them; the first 16. Those that cannot be
/// read are left out.
pub fn list(sdp: &str) -> Vec<Candidate> {
    let mut ends = Vec::new();
    for line in sdp.lines() {
        if let Some(Line { end, .. }) = Line::read(line).filter(|_| ends.len() < MOST_TOLD) {
            if !ends.contains(&end) {
                ends.push(end);
            }
        }
    }
    ends
}

/// An answer with only the candidates that count, each written anew, so that no other reader of SDP finds more in it.
pub fn limited(sdp: &str, scope: Scope) -> Result<String, AnswerProblem> {
    let mut counted: Vec<SocketAddr> = Vec::new();
    let mut of_section: Vec<SocketAddr> = Vec::new();
    let mut elsewhere = 0_usize;
    let mut limited = String::new();
    for line in sdp.split(['\r', '\n']).map(str::trim).filter(|line| !line.is_empty()) {
        if line.starts_with("m=") {
            of_section.clear();
        }
        if !line.to_ascii_lowercase().contains("candidate") {
            limited.push_str(line);
            limited.push_str("\r\n");
            continue;
        }
        let Some(candidate) = Line::read(line) else { continue };
        let address = candidate.end.address;
        if !scope.covers(&candidate.end) {
            elsewhere += 1;
            continue;
        }
        if !counted.contains(&address) {
            if counted.len() >= scope.most() {
                continue;
            }
            counted.push(address);
        }
        // A section that is not used is not looked at, so each has its own.
        if !of_section.contains(&address) {
            of_section.push(address);
            limited.push_str(&candidate.write());
        }
    }
    match (counted.is_empty(), elsewhere) {
        (false, _) => Ok(limited),
        (true, 0) => Err(AnswerProblem::NoCandidate),
        (true, _) => Err(AnswerProblem::Elsewhere),
    }
}

/// What counts of a candidate's line.
struct Line {
    component: u16,
    priority: u32,
    end: Candidate,
}

impl Line {
    /// Reads a line; `None` if it is none of UDP to a numeric address.
    fn read(line: &str) -> Option<Self> {
        let mut words = line.strip_prefix("a=candidate:")?.split_ascii_whitespace().skip(1);
        let component = words.next()?.parse().ok()?;
        let is_udp = words.next()?.eq_ignore_ascii_case("udp");
        let priority = words.next()?.parse().ok()?;
        let address = SocketAddr::new(words.next()?.parse().ok()?, words.next()?.parse().ok()?);
        let kind = words.next().filter(|word| *word == "typ").and(words.next())?;
        let kind = KINDS.into_iter().find(|known| *known == kind)?.to_owned();
        is_udp.then_some(Self { component, priority, end: Candidate { address, kind } })
    }

    fn write(&self) -> String {
        let Self { component, priority, end: Candidate { address, kind } } = self;
        let (ip, port) = (address.ip(), address.port());
        format!("a=candidate:1 {component} udp {priority} {ip} {port} typ {kind}\r\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 168, 2, 3));

    fn told(sdp: &str) -> Vec<String> {
        list(sdp).into_iter().map(|end| format!("{} {}", end.kind, end.address)).collect()
    }

    fn at_here(sdp: &str) -> Result<Vec<String>, AnswerProblem> {
        limited(sdp, Scope::At(HERE)).map(|sdp| told(&sdp))
    }

    #[test]
    fn candidates_are_read_once_each() {
        let sdp = "v=0\r\na=candidate:1 1 udp 21 192.168.2.3 48890 typ host raddr 0.0.0.0 rport 0 generation 0\r\n\
                   a=candidate:1 2 udp 21 192.168.2.3 48890 typ host\r\na=candidate:2 1 udp 5 10.0.0.1 7 typ relay raddr 1.2.3.4\r\n\
                   a=candidate:3 1 udp 5 name.local 7 typ host\r\na=candidate:4 1 udp 5 10.0.0.1 7 typ \u{1b}\r\na=candidate:\r\n\
                   a=candidate:5 1 tcp 5 10.0.0.2 7 typ host\r\na=end-of-candidates\r\n";
        assert_eq!(told(sdp), ["host 192.168.2.3:48890", "relay 10.0.0.1:7"]);
    }

    #[test]
    fn only_host_candidates_at_the_address_of_the_signaling_count() {
        let sdp = "v=0\r\nm=video 9 x 102\r\na=candidate:1 1 UDP 21 192.168.2.3 48890 typ host\r\na=mid:0\r\n\
                   a=candidate:2 1 udp 21 192.168.2.9 53 typ host\r\na=candidate:3 1 udp 21 192.168.2.3 9 typ srflx raddr 1.2.3.4 \
                   rport 5\r\na=candidate:3 1 udp 21 192.168.2.3 9 typ relay\r\na=end-of-candidates\r\nm=application 9 x y\r\n\
                   a=candidate:1 1 udp 21 192.168.2.3 48890 typ host\r\n";
        let kept = limited(sdp, Scope::At(HERE)).unwrap();
        assert_eq!(
            kept,
            "v=0\r\nm=video 9 x 102\r\na=candidate:1 1 udp 21 192.168.2.3 48890 typ host\r\na=mid:0\r\n\
             m=application 9 x y\r\na=candidate:1 1 udp 21 192.168.2.3 48890 typ host\r\n"
        );
        let elsewhere = sdp.replace("192.168.2.3 48890", "192.168.2.8 48890");
        assert_eq!(at_here(&elsewhere), Err(AnswerProblem::Elsewhere));
        assert_eq!(at_here("v=0\r\na=candidate:x\r\n"), Err(AnswerProblem::NoCandidate));
        // An address counts once, whatever its kinds.
        assert_eq!(limited(&elsewhere, Scope::Anywhere).map(|sdp| list(&sdp).len()), Ok(3));
    }

    /// The engine trims values, ends lines at a line feed alone, and skips carriage returns before a line.
    #[test]
    fn no_way_to_write_a_candidate_gets_past() {
        let here = "a=candidate:1 1 udp 21 192.168.2.3 48890 typ host";
        let there = "candidate:2 1 udp 21 10.9.9.9 53 typ host";
        for odd in [
            format!("a= {there}"),
            format!(" a={there}"),
            format!("a=\t{there}"),
            format!("a=x\ra={there}"),
            format!("\r\r\na={there}"),
            format!("a=CANDIDATE{}", &there[9..]),
            format!("a={there} typ host"),
            format!("a={}", there.replace("typ", "type")),
            format!("a={}", there.replace(' ', "\u{2003}")),
            format!("a={}", there.replace("10.9.9.9", "evil.example")),
            format!("b={there}"),
        ] {
            let kept = limited(&format!("v=0\n{odd}\n{here}\n"), Scope::At(HERE)).unwrap();
            assert!(!kept.contains("10.9.9.9") && !kept.contains("evil"), "{odd:?}: {kept}");
            assert_eq!(told(&kept), ["host 192.168.2.3:48890"], "{odd:?}");
        }
    }

    #[test]
    fn thousands_are_a_few() {
        let many = |ip: &str| -> String {
            (1..3000).map(|n| format!("a=candidate:1 1 udp 5 {ip} {n} typ host\r\n")).collect()
        };
        assert_eq!(at_here(&many("192.168.2.3")).map(|kept| kept.len()), Ok(MOST));
        assert_eq!(at_here(&many("192.168.2.4")), Err(AnswerProblem::Elsewhere));
        let anywhere = limited(&many("192.168.2.4"), Scope::Anywhere).unwrap();
        assert_eq!(anywhere.lines().count(), MOST_ANYWHERE);
        assert_eq!(list(&many("192.168.2.4")).len(), MOST_TOLD);
    }
}
