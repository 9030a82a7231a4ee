//! JSON with numbers as the robot prints them. Pure.

use std::io;

use serde::Serialize;
use serde_json::ser::Formatter;
use serde_json::{json, Serializer, Value};

/// `%f` with six decimals, below 1e-6 and above 1e9 `%e`, and zero as `0`.
fn number(value: f64) -> String {
    match value.abs() {
        0.0 => "0".to_owned(),
        size if (1e-6..=1e9).contains(&size) => format!("{value:.6}"),
        _ => {
            let text = format!("{value:.6e}");
            // C writes the exponent with a sign and two digits at least.
            let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
            let (sign, exponent) = exponent.strip_prefix('-').map_or(('+', exponent), |e| ('-', e));
            format!("{digits}e{sign}{exponent:0>2}")
        }
    }
}

struct Printer;

impl Formatter for Printer {
    fn write_f64<W: ?Sized + io::Write>(&mut self, writer: &mut W, value: f64) -> io::Result<()> {
        writer.write_all(number(value).as_bytes())
    }
}

/// A value as text.
pub(crate) fn text(value: &Value) -> String {
    let mut text = Vec::new();
    let written = value.serialize(&mut Serializer::with_formatter(&mut text, Printer));
    // Neither a value nor a vector can fail.
    written.ok().and_then(|()| String::from_utf8(text).ok()).unwrap_or_default()
}

/// A message. One of no topic has none.
pub(crate) fn message(kind: &str, topic: &str, data: Value) -> String {
    text(&match topic {
        "" => json!({"type": kind, "data": data}),
        topic => json!({"type": kind, "topic": topic, "data": data}),
    })
}

/// The same message without an empty topic.
pub(crate) fn topicless(message: String) -> String {
    match serde_json::from_str::<Value>(&message) {
        Ok(Value::Object(mut fields)) if fields.get("topic").is_some_and(|t| t == "") => {
            fields.remove("topic");
            Value::Object(fields).to_string()
        }
        _ => message,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_printed_as_by_the_robot() {
        for (value, printed) in [
            (0.0, "0"),
            (-0.0, "0"),
            (0.324, "0.324000"),
            (-1.5, "-1.500000"),
            (1.25e-6, "0.000001"),
            (3.1e-7, "3.100000e-07"),
            (-4.0004e-9, "-4.000400e-09"),
            (1_709_106_446.54, "1.709106e+09"),
            (1e9, "1000000000.000000"),
            (2.5e123, "2.500000e+123"),
        ] {
            assert_eq!(number(value), printed);
            assert!(serde_json::from_str::<f64>(printed).is_ok());
        }
        let data = json!({"q": 0.5, "n": 7, "t": "x", "z": 0.0});
        assert_eq!(
            message("msg", "", data),
            r#"{"data":{"n":7,"q":0.500000,"t":"x","z":0},"type":"msg"}"#
        );
        assert_eq!(topicless(r#"{"type":"a","topic":""}"#.into()), r#"{"type":"a"}"#);
        assert_eq!(topicless(r#"{"type":"a","topic":"b"}"#.into()), r#"{"type":"a","topic":"b"}"#);
    }
}
