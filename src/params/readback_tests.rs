//! What is read out is taken back: by a dump that is loaded, and by a start with it.

use serde_json::json;

use super::*;
use ParameterValue as P;

/// What a file holds for this node, by its own name.
fn given(values: &[(&str, P)]) -> Given {
    reaching(values, Reach::Own)
}

fn reaching(values: &[(&str, P)], reach: Reach) -> Given {
    let values = values.iter().map(|(name, value)| ((*name).to_owned(), (value.clone(), reach)));
    Given { values: values.collect(), ..Given::default() }
}

fn text(text: &str) -> P {
    P::String(text.to_owned())
}

/// What is read out of all parameters.
fn dump(store: &Store) -> Vec<(String, P)> {
    store.names().map(|name| (name.to_owned(), store.get_parameter(name).unwrap())).collect()
}

/// A store with values other than the defaults, among them what the robot has told.
fn changed() -> Store {
    let mut store = Store::new();
    let numbers = |numbers: &[f64]| P::DoubleArray(numbers.to_vec());
    let values = [
        ("robot_ip", text("127.0.0.1")),
        ("serial_number", text("12345")),
        ("aes_128_key", text("00112233445566778899aabbccddeeff")),
        ("gateway_token", text("hush")),
        ("raw_topics", P::StringArray(vec!["rt/uslam/server_log".into()])),
        ("lidar_mount", numbers(&[0.0; 6])),
        ("imu_angular_velocity_variances", numbers(&[1e-5, 1e-6, 0.0])),
        ("scan_min_height", P::Double(0.7)),
        ("scan_max_height", P::Double(1.0)),
        ("use_sim_time", P::Bool(false)),
        ("qos_overrides./tf.publisher.depth", P::Integer(1)),
    ];
    assert_eq!(store.begin(given(&values)), Ok(vec![]));
    store.show("volume", Some(&json!(5)));
    store.show("body_height", Some(&json!(0.0)));
    store.show("motion_mode", Some(&json!("mcf")));
    store
}

/// As a file that rcl reads has it: what is not set is text, lists lose their type.
fn as_rcl_reads(value: &P) -> P {
    match value {
        P::NotSet => text("null"),
        P::StringArray(list) if list.is_empty() => P::NotSet,
        value => value.clone(),
    }
}

/// As `ros2 param load` sends it: each value was text in between.
fn as_load_sends(value: &P) -> P {
    match value {
        P::NotSet => text("None"),
        P::StringArray(list) if list.is_empty() => P::BoolArray(vec![]),
        P::DoubleArray(numbers) if numbers.contains(&1e-5) => text("[1e-05, 1e-06, 0.0]"),
        P::String(number) if number == "12345" => P::Integer(12345),
        value => value.clone(),
    }
}

#[test]
fn what_is_read_out_is_taken_back() {
    let mut store = changed();
    let before = dump(&store);
    let loaded: Vec<_> =
        before.iter().map(|(name, value)| (name.as_str(), as_load_sends(value))).collect();
    let results = store.change_each(loaded.iter().map(|(name, value)| (*name, value)));
    for (result, (name, value)) in results.iter().zip(&loaded) {
        assert_eq!(result, &Ok(()), "{name}: {value:?}");
    }
    assert_eq!(dump(&store), before);
    let all = loaded.iter().map(|(name, value)| (*name, value));
    assert_eq!(store.change_all(all), Ok(()));
    assert_eq!(dump(&store), before);
}

#[test]
fn a_start_with_what_was_read_out_gives_the_same() {
    let store = changed();
    let file: Vec<_> = dump(&store);
    let file: Vec<_> =
        file.iter().map(|(name, value)| (name.as_str(), as_rcl_reads(value))).collect();
    let mut again = Store::new();
    let mut given = Given::default();
    for (name, value) in &file {
        given.take(name, value, Reach::Own);
    }
    let left_out = again.begin(given).unwrap();
    // Secrets are the one thing that is not in it; it is told, without taking the mark for one.
    assert_eq!(left_out.len(), 2, "{left_out:?}");
    assert!(left_out[0].contains("GO2_AES_128_KEY") && left_out[1].contains("GO2_GATEWAY_TOKEN"));
    let secrets = again.settings().borrow().secrets.clone().unwrap();
    assert!(secrets.key.is_none() && secrets.gateway.is_empty());
    let shown = |store: &Store| {
        let mut all = dump(store);
        all.retain(|(name, _)| !["aes_128_key", "gateway_token"].contains(&name.as_str()));
        all
    };
    assert_eq!(shown(&again), shown(&store));
    let wishes: Vec<_> = again.take_wishes().into_keys().collect();
    assert_eq!(wishes, ["body_height", "motion_mode", "volume"], "and nothing of what is not set");
}

#[test]
fn not_set_is_null_or_empty() {
    let mut store = Store::new();
    let nothing = ["null", "~", "None", ""].map(text);
    let lists = [P::BoolArray(vec![]), P::ByteArray(vec![]), P::NotSet];
    for value in nothing.iter().chain(&lists) {
        for spec in table::all() {
            let is_word = spec.name == "led_color" && *value == text("");
            if !is_word {
                assert_eq!(store.start(spec.name, value), Ok(()), "{}: {value:?}", spec.name);
            }
        }
        assert_eq!(store.change("volume", value), Ok(()), "{value:?}");
        assert_eq!(store.change("robot_ip", value), Ok(()), "{value:?}: there is none");
    }
    assert_eq!(dump(&store), dump(&Store::new()));
    // A limit does not become the default because somebody takes its value away.
    assert_eq!(store.change("max_linear_x", &text("null")), Err(Refused::Type("a number")));
    assert!(store.start("led_color", &text("")).is_ok());
    assert_eq!(store.take_wishes()["led_color"], Some(json!("")));
}

#[test]
fn a_secret_is_not_found_by_trying() {
    let mut store = Store::new();
    assert_eq!(store.change("token", &text("(hidden)")), Err(Refused::Hidden));
    assert_eq!(store.change("token", &text("")), Ok(()));
    store.start("token", &text("hush")).unwrap();
    assert_eq!(store.change("token", &text("(hidden)")), Ok(()));
    for value in ["hush", "", "null", "other"] {
        assert_eq!(store.change("token", &text(value)), Err(Refused::StartOnly), "{value}");
    }
    assert!(store.settings().borrow().secrets.clone().unwrap().token.text() == "hush");
}

#[test]
fn at_start_parameters_take_the_value_that_they_have() {
    let mut store = Store::new();
    store.start("replay_rate", &P::Integer(2)).unwrap();
    for same in [P::Integer(2), P::Double(2.0)] {
        assert_eq!(store.change("replay_rate", &same), Ok(()));
    }
    assert_eq!(store.change("replay_rate", &P::Double(3.0)), Err(Refused::StartOnly));
    assert_eq!(store.change("lidar_mount", &P::IntegerArray(vec![0; 6])), Err(Refused::StartOnly));
    store.start("lidar_mount", &P::IntegerArray(vec![0; 6])).unwrap();
    assert_eq!(store.change("lidar_mount", &P::IntegerArray(vec![0; 6])), Ok(()));
}

#[test]
fn whole_numbers_are_numbers_in_lists_as_well() {
    let mut store = Store::new();
    for spec in table::all() {
        let count = match default(spec.kind) {
            Value::Numbers(numbers) if matches!(spec.kind, Kind::Variances(_)) => numbers.len(),
            _ => continue,
        };
        let numbers = vec![1; count];
        assert_eq!(store.change(spec.name, &P::IntegerArray(numbers)), Ok(()), "{}", spec.name);
        assert_eq!(store.get_parameter(spec.name), Ok(P::DoubleArray(vec![1.0; count])));
    }
    assert_eq!(store.change("body_box", &P::IntegerArray(vec![-1, 1, -1, 1, -1, 1])), Ok(()));
}

#[test]
fn launch_files_may_write_numbers_and_switches_as_text() {
    let mut store = Store::new();
    store.start("enable_stamped_cmd_vel", &text("True")).unwrap();
    store.start("replay_rate", &text("2")).unwrap();
    let settings = store.settings().borrow().clone();
    assert!(settings.stamped_cmd_vel && settings.replay_rate == Some(2.0));
    assert_eq!(store.start("gateway", &text("maybe")), Err(Refused::Type("true or false")));
}

#[test]
fn several_values_need_to_fit_only_together() {
    let mut store = changed();
    let lower = [("scan_max_height", P::Double(0.6)), ("scan_min_height", P::Double(0.1))];
    let each = || lower.iter().map(|(name, value)| (*name, value));
    assert_eq!(store.change_each(each()), [Ok(()), Ok(())]);
    let mut store = changed();
    assert_eq!(store.change_all(each()), Ok(()));
    // What fits alone and not together is refused as a whole.
    let cross = [("scan_max_height", P::Double(0.3)), ("scan_min_height", P::Double(0.5))];
    let before = dump(&store);
    assert!(store.change_all(cross.iter().map(|(name, value)| (*name, value))).is_err());
    assert_eq!(dump(&store), before);
    let each = store.change_each(cross.iter().map(|(name, value)| (*name, value)));
    assert!(each[0].is_ok() && matches!(each[1], Err(Refused::Scan(_))));
    let wrong = [("battery_warn", P::Double(0.5)), ("battery_warm", P::Double(0.5))];
    let refused = store.change_all(wrong.iter().map(|(name, value)| (*name, value)));
    assert_eq!(refused, Err(("battery_warm", Refused::Unknown(Some("battery_warn")))));
    assert_ne!(store.get_parameter("battery_warn"), Ok(P::Double(0.5)));
}

#[test]
fn foreign_names_are_left_out_of_wildcards_only() {
    let foreign = [("max_liner_x", P::Double(0.2)), ("controller.gain", P::Integer(1))];
    let mut store = Store::new();
    let left_out = store.begin(reaching(&foreign, Reach::Wildcard)).unwrap();
    assert_eq!(left_out.len(), 1, "{left_out:?}");
    let words = ["max_liner_x (did you mean max_linear_x?)", "controller.gain"];
    assert!(words.iter().all(|word| left_out[0].contains(word)), "{left_out:?}");
    let (name, refused) = store.begin(given(&foreign)).unwrap_err();
    assert_eq!((name.as_str(), refused), ("max_liner_x", Refused::Unknown(Some("max_linear_x"))));
    assert!(store.begin(given(&[("use_sim_time", text("maybe"))])).is_err());
}

#[test]
fn what_only_a_robot_can_have_is_taken_back() {
    let mut store = Store::new();
    store.show("body_height", Some(&json!(0.32)));
    store.show("motion_mode", Some(&json!("wheels")));
    for (name, value) in [("body_height", P::Double(0.32)), ("motion_mode", text("wheels"))] {
        assert_eq!(store.get_parameter(name), Ok(value.clone()));
        assert_eq!(store.change(name, &value), Ok(()));
        let mut again = Store::new();
        let left_out = again.begin(given(&[(name, value)])).unwrap();
        assert!(left_out.len() == 1 && left_out[0].contains(name), "{left_out:?}");
        assert!(again.take_wishes().is_empty());
    }
    assert!(store.take_wishes().is_empty());
    assert!(store.change("body_height", &P::Double(0.31)).is_err());
    // Of another type it is none of a robot's.
    assert!(store.begin(given(&[("body_height", text("high"))])).is_err());
}
