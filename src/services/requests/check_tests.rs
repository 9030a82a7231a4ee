use super::*;

fn ask(rest: &str) -> Result<Asked, Refused> {
    read(&format!(r#"{{"id":7,{rest}}}"#), false)
}

fn sent(rest: &str) -> (Request, Effect) {
    let asked = ask(rest).unwrap_or_else(|refused| panic!("{rest}: {}", refused.reason));
    assert_eq!(asked.id.get(), "7");
    (asked.request, asked.effect)
}

#[test]
fn requests_are_what_was_asked() {
    let (request, effect) = sent(r#""service":"sport","api_id":1002"#);
    assert_eq!((request, effect), (Request::sport(1002), Effect::Any));
    let (request, _) =
        sent(r#""topic":"rt/api/vui/request","api_id":1003,"parameter":{"volume":3}"#);
    assert_eq!((request.topic.as_str(), request.api_id), ("rt/api/vui/request", 1003));
    assert_eq!(request.parameter, r#"{"volume":3}"#);
    let (request, _) = sent(r#""service":"vui","api_id":1,"parameter":"1","priority":true"#);
    assert_eq!((request.parameter.as_str(), request.priority), ("1", true));
    let (request, _) = sent(r#""service":"sport","api_id":1034,"parameter":["state"]"#);
    assert_eq!(request.parameter, r#"["state"]"#);
    let (request, _) = sent(r#""service":"sport","api_id":1016,"parameter":null,"timeout":null"#);
    assert_eq!(request.parameter, "");
    let timeout = ask(r#""service":"new_one","api_id":0,"timeout":0.5"#).unwrap().timeout;
    assert_eq!(timeout, Some(Duration::from_millis(500)));
}

#[test]
fn ids_go_back_as_they_came() {
    for id in ["\"a\\u00e9\"", "-1.50", "12345678901234567890123", "true", "null"] {
        let text = format!(r#"{{"service":"sport","api_id":1002,"id":{id}}}"#);
        assert_eq!(read(&text, false).unwrap().id.get(), id);
        let bad = format!(r#"{{"service":"sport","api_id":"x","id":{id}}}"#);
        assert_eq!(read(&bad, false).unwrap_err().id.get(), id);
    }
}

#[test]
fn what_is_no_request_is_refused_with_its_reason() {
    let cases = [
        ("", "null", "it is not JSON: EOF while parsing a value at line 1 column 0"),
        ("{\"id\":1,", "null", "it is not JSON: EOF"),
        ("{\"id\":1,\"api_id\":NaN}", "null", "it is not JSON: expected value at line 1 column 18"),
        ("[1]", "null", "it must be a JSON object"),
        ("\"stop\"", "null", "it must be a JSON object"),
        ("{}", "null", "missing field `id`"),
        (r#"{"id":{},"service":"sport","api_id":1}"#, "null", "id must be"),
        (
            r#"{"id":1e999,"service":"sport","api_id":1}"#,
            "null",
            "it is not JSON: number out of range",
        ),
        (r#"{"id":1,"service":"sport"}"#, "1", "missing field `api_id`"),
        (r#"{"id":1,"api_id":1002}"#, "1", "it must have either service or topic"),
        (r#"{"id":1,"service":"a","topic":"a/request","api_id":1}"#, "1", "it must have either"),
        (r#"{"id":1,"service":"Sport","api_id":1}"#, "1", "service must be"),
        (r#"{"id":1,"service":"../sport","api_id":1}"#, "1", "service must be"),
        (r#"{"id":1,"service":7,"api_id":1}"#, "1", "service must be"),
        (r#"{"id":1,"topic":"rt/lowcmd","api_id":1}"#, "1", "topic must be"),
        (r#"{"id":1,"topic":"rt//request","api_id":1}"#, "1", "topic must be"),
        (r#"{"id":1,"service":"sport","api_id":"1002"}"#, "1", "api_id must be"),
        (r#"{"id":1,"service":"sport","api_id":1.5}"#, "1", "api_id must be"),
        (r#"{"id":1,"service":"sport","api_id":-1}"#, "1", "api_id must be"),
        (r#"{"id":1,"service":"sport","api_id":3000000000}"#, "1", "api_id must be"),
        (r#"{"id":1,"service":"sport","api_id":1,"parameter":7}"#, "1", "parameter must be"),
        (
            r#"{"id":1,"service":"sport","api_id":1,"parameter":"{\"a\":NaN}"}"#,
            "1",
            "parameter looks",
        ),
        (r#"{"id":1,"service":"sport","api_id":1,"parameter":{"a":1e999}}"#, "1", "it is not JSON"),
        (r#"{"id":1,"service":"sport","api_id":1,"parameter":"[1e999]"}"#, "1", "parameter looks"),
        (r#"{"id":1,"service":"sport","api_id":1,"priority":1}"#, "1", "priority must be"),
        (r#"{"id":1,"service":"sport","api_id":1,"timeout":0.05}"#, "1", "timeout must be"),
        (r#"{"id":1,"service":"sport","api_id":1,"timeout":61}"#, "1", "timeout must be"),
        (r#"{"id":1,"service":"sport","api_id":1,"timeout":"5"}"#, "1", "timeout must be"),
        (r#"{"id":1,"service":"sport","api_id":1,"wait":5}"#, "1", "unknown field `wait`"),
        (r#"{"id":1,"id":2,"service":"sport","api_id":1}"#, "null", "duplicate field `id`"),
        (r#"{"id":1,"service":"sport","api_id":1,"api_id":2}"#, "1", "duplicate field `api_id`"),
    ];
    for (text, id, reason) in cases {
        let refused = read(text, true).expect_err(text);
        assert_eq!(refused.id.get(), id, "{text}");
        let said = refused.reason.to_string();
        assert!(said.starts_with(reason), "{text}: {said}");
    }
    let deep = format!(r#"{{"id":1,"service":"a","api_id":1,"parameter":{}}}"#, "[".repeat(60_000));
    assert!(matches!(read(&deep, true).unwrap_err().reason, Reason::NotJson(_)));
}

#[test]
fn what_walks_the_robot_is_known_and_finite() {
    let point = r#"{"t_from_start":0,"x":0,"y":0,"yaw":0,"vx":0.1,"vy":0,"vyaw":0}"#;
    for walks in [
        r#""service":"sport","api_id":1008,"parameter":{"x":0.3,"y":0,"z":0}"#,
        r#""topic":"rt/api/sport/request","api_id":1008,"parameter":"{\"x\":0.3,\"y\":0,\"z\":0}""#,
        r#""service":"obstacles_avoid","api_id":1003,"parameter":{"x":0.3,"y":0,"yaw":0,"mode":0}"#,
        &format!(r#""service":"sport","api_id":1018,"parameter":[{point},{point}]"#),
    ] {
        assert!(matches!(sent(walks).1, Effect::Walks(_)), "{walks}");
    }
    let (twice, _) = sent(
        r#""service":"sport","api_id":1008,"parameter":"{\"x\":9,\"x\":0.3,\"y\":0,\"z\":0}""#,
    );
    assert_eq!(twice.parameter, r#"{"x":0.3,"y":0,"z":0}"#);
    for bad in [
        r#""service":"sport","api_id":1008"#,
        r#""service":"sport","api_id":1008,"parameter":"1008""#,
        r#""service":"sport","api_id":1008,"parameter":{"x":0.3,"y":0}"#,
        r#""service":"sport","api_id":1008,"parameter":{"x":"0.3","y":0,"z":0}"#,
        r#""service":"sport","api_id":1008,"parameter":{"x":null,"y":0,"z":0}"#,
        r#""service":"obstacles_avoid","api_id":1003,"parameter":{"x":0.3,"y":0,"z":0}"#,
        r#""service":"sport","api_id":1018,"parameter":{"x":0.3,"y":0,"z":0}"#,
        r#""service":"sport","api_id":1018,"parameter":[{"x":0}]"#,
    ] {
        assert!(matches!(ask(bad).unwrap_err().reason, Reason::Motion(_)), "{bad}");
    }
    // The same numbers mean other things elsewhere.
    assert_eq!(sent(r#""service":"vui","api_id":1008"#).1, Effect::Any);
    assert_eq!(sent(r#""service":"sport","api_id":1003"#).1, Effect::Any);
}

#[test]
fn damp_goes_before_everything() {
    let (request, effect) = sent(r#""service":"sport","api_id":1001"#);
    assert!(request.priority);
    assert_eq!(effect, Effect::Limp);
}

#[test]
fn acrobatics_take_a_permission_in_every_mode() {
    for action in ACTIONS.iter().filter(|action| action.danger == Danger::Acrobatic) {
        for api in Space::ALL.into_iter().filter_map(|space| action.api(space)) {
            let rest = format!(r#""service":"sport","api_id":{}"#, api.id());
            for on in [rest.clone(), format!(r#"{rest},"parameter":{{"data":true}}"#)] {
                let reason = ask(&on).expect_err(&on).reason.to_string();
                assert!(reason.ends_with("set allow_acrobatics to allow it"), "{reason}");
                assert!(read(&format!(r#"{{"id":1,{on}}}"#), true).is_ok());
            }
            let off = ask(&format!(r#"{rest},"parameter":{{"data":false}}"#));
            assert_eq!(off.is_ok(), action.kind == Kind::Lasting, "{rest}");
        }
    }
    assert_eq!(sent(r#""service":"vui","api_id":1030"#).1, Effect::Any);
}

#[test]
fn ids_of_other_tables_take_a_permission_too() {
    for id in [1301, 1304] {
        let rest = format!(r#""service":"sport","api_id":{id}"#);
        for on in [rest.clone(), format!(r#"{rest},"parameter":{{"data":true}}"#)] {
            assert!(matches!(ask(&on).unwrap_err().reason, Reason::Acrobatic(_)), "{on}");
            assert!(read(&format!(r#"{{"id":1,{on}}}"#), true).is_ok());
            let viewer = weigh(Request::sport(id), false);
            assert!(matches!(viewer, Err(Reason::Acrobatic(_))), "from a viewer");
        }
        assert!(ask(&format!(r#"{rest},"parameter":{{"data":false}}"#)).is_ok());
    }
}

#[test]
fn what_ends_acrobatics_ends_them_for_the_robot_as_well() {
    // Which of two values counts differs from parser to parser.
    for parameter in [
        r#"{"data":true,"data":false}"#,
        r#"{"data":true,"\u0064ata":false}"#,
        r#" { "data" : true, "x": {}, "data" : false } "#,
    ] {
        let text = serde_json::to_string(parameter).unwrap();
        for parameter in [text.as_str(), parameter] {
            let (request, _) =
                sent(&format!(r#""service":"sport","api_id":2044,"parameter":{parameter}"#));
            assert_eq!(request.parameter, r#"{"data":false}"#);
        }
    }
    for parameter in
        [r#"{"data":false,"data":true}"#, r#"{"data":0}"#, r#"{"Data":false}"#, "false"]
    {
        let request = Request { parameter: parameter.to_owned(), ..Request::sport(2044) };
        assert!(matches!(weigh(request, false), Err(Reason::Acrobatic(_))), "{parameter}");
    }
}
