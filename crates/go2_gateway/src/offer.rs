//! What a page sends to `/offer`. Pure.

use serde::Deserialize;

use crate::refusal::Refusal;

/// Bytes that an offer may have; a browser's has about 6000.
pub(crate) const LONGEST: usize = 64 * 1024;

/// An offer, with who makes it and to whom.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Offer {
    /// What opens the gateway; empty where it is open.
    pub(crate) token: String,
    /// `STA_localNetwork`; the robot is told what is configured.
    #[serde(rename = "id")]
    pub(crate) _id: String,
    /// `offer`.
    #[serde(rename = "type")]
    pub(crate) kind: String,
    /// The robot.
    pub(crate) ip: String,
    /// The whole SDP: there is no trickle.
    pub(crate) sdp: String,
}

impl Offer {
    /// Reads the body of a request.
    pub(crate) fn read(body: &[u8]) -> Result<Self, Refusal> {
        let offer: Self =
            serde_json::from_slice(body).map_err(|error| Refusal::Malformed(error.to_string()))?;
        let wrong = |what: &str| Err(Refusal::Malformed(what.to_owned()));
        if offer.kind != "offer" {
            return wrong("its type is not \"offer\"");
        }
        if !offer.sdp.starts_with("v=0") {
            return wrong("its sdp is no SDP, which begins with v=0");
        }
        if !offer.sdp.lines().any(|line| line.starts_with("m=application ")) {
            return wrong("its sdp has no data channel: create one before the offer");
        }
        Ok(offer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{json, Value};

    fn offer() -> Value {
        json!({"token": "", "id": "STA_localNetwork", "type": "offer", "ip": "192.168.123.161",
            "sdp": "v=0\r\nm=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\n"})
    }

    #[test]
    fn each_field_is_needed() {
        assert!(Offer::read(offer().to_string().as_bytes()).is_ok());
        for field in ["token", "id", "type", "ip", "sdp"] {
            let mut lacking = offer();
            lacking.as_object_mut().unwrap().remove(field);
            let Err(Refusal::Malformed(why)) = Offer::read(lacking.to_string().as_bytes()) else {
                panic!("{field} can be left out");
            };
            assert!(why.contains(field), "{why}");
        }
    }

    #[test]
    fn what_is_no_offer_is_refused() {
        for (field, value) in [
            ("type", json!("answer")),
            ("sdp", json!("hello")),
            ("sdp", json!("v=0\r\nm=video 9 x 96\r\n")),
            ("token", json!(5)),
        ] {
            let mut wrong = offer();
            wrong[field] = value;
            assert!(Offer::read(wrong.to_string().as_bytes()).is_err(), "{wrong}");
        }
        assert!(Offer::read(b"{").is_err() && Offer::read(b"\xff").is_err());
    }
}
