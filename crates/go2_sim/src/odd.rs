//! Texts with what no text for people should have. Pure.

use serde_json::Value;

/// What is appended to a text so that it is odd: every control character, what changes the direction of writing, a line that
/// looks like one of a log, colors of a terminal, and more than anybody reads.
pub(crate) fn text() -> String {
    let controls = ('\0'..='\u{1f}').chain('\u{7f}'..='\u{9f}').chain('\u{2028}'..='\u{202e}');
    let controls: String = controls.chain('\u{2066}'..='\u{2069}').collect();
    format!(
        "{controls}\n[ERROR] [0.0] [forged]: forged\u{1b}[31m\u{1b}]0;title\u{7}{}",
        "z".repeat(3000)
    )
}

/// JSON with odd texts in place of its own, also in texts that hold JSON.
pub(crate) fn json(value: Value) -> Value {
    match value {
        Value::String(text) => string(&text).into(),
        Value::Array(list) => list.into_iter().map(json).collect(),
        Value::Object(object) => {
            object.into_iter().map(|(key, value)| (key, json(value))).collect()
        }
        other => other,
    }
}

/// The same for a text: one that holds JSON still does, others have an odd end.
pub(crate) fn string(whole: &str) -> String {
    match serde_json::from_str(whole) {
        Ok(held @ (Value::Array(_) | Value::Object(_))) => json(held).to_string(),
        _ => format!("{whole}{}", text()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn texts_are_odd_wherever_they_are() {
        let inner = json!([{"name": "sport", "status": 1}]).to_string();
        let odd = json(json!({"data": inner, "list": ["a"], "number": 7}));
        let inner: Value = serde_json::from_str(odd["data"].as_str().unwrap()).unwrap();
        for text in [&inner[0]["name"], &odd["list"][0]] {
            let text = text.as_str().unwrap();
            assert!(text.contains(['\0', '\u{1b}', '\u{9f}', '\u{202e}']) && text.len() > 3000);
        }
        assert_eq!((&inner[0]["status"], &odd["number"]), (&json!(1), &json!(7)));
    }
}
