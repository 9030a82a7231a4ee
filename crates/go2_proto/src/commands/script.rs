//! The fixed menu of scripts that a robot runs when asked: versions, serial number. Pure.

use serde_json::Value;

use crate::codec::{api, topics, Request};
use crate::text::{clean, NAME};

/// The script that tells the serial number.
pub const SERIAL_NUMBER: &str = "get_sn.sh";

/// Asks for what a script prints.
pub fn request(script: &str) -> Request {
    let parameter = serde_json::json!({ "script": script }).to_string();
    let topic = topics::BASHRUNNER_REQUEST.to_owned();
    Request { topic, api_id: api::bashrunner::RUN, parameter, priority: false }
}

/// What a script printed: `info` of an object, or the text itself; firmwares differ. One line of at most 80 characters; `None`
/// if nothing is left.
pub fn output(data: &str) -> Option<String> {
    let text = match serde_json::from_str(data) {
        Ok(Value::Object(mut answer)) => match answer.remove("info")? {
            Value::String(text) => text,
            Value::Null => return None,
            other => other.to_string(),
        },
        // JSON in a string, or only a string.
        Ok(Value::String(text)) if text.trim_start().starts_with('{') => return output(&text),
        Ok(Value::String(text)) => text,
        _ => data.to_owned(),
    };
    Some(clean(&text, NAME)).filter(|line| !line.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::{assert_clean, nasty};

    #[test]
    fn scripts_answer_in_many_shapes() {
        for data in [
            r#"{"result":0,"info":" 1.1.7\n"}"#,
            r#"{"info":"1.1.7"}"#,
            r#""{\"info\":\"1.1.7\"}""#,
            r#""1.1.7\n""#,
            " 1.1.7 \n",
        ] {
            assert_eq!(output(data).as_deref(), Some("1.1.7"), "{data}");
        }
        assert_eq!(output(r#"{"info":{"a":1}}"#).as_deref(), Some(r#"{"a":1}"#));
        for nothing in ["", " ", r#"{"info":null}"#, r#"{"result":1}"#, r#"{"info":""}"#] {
            assert_eq!(output(nothing), None, "{nothing}");
        }
    }

    #[test]
    fn what_they_print_is_clean() {
        for data in [nasty(), serde_json::json!({ "info": nasty() }).to_string()] {
            assert_clean(&output(&data).unwrap(), NAME);
        }
    }
}
