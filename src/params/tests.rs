//! What values parameters take, and what becomes of them.

use super::*;
use go2_client::transport::ice::IcePolicy;
use serde_json::json;
use ParameterValue as P;

#[test]
fn changes_reach_the_settings() {
    let mut store = Store::new();
    let settings = store.settings();
    assert_eq!(settings.borrow().limits.x, 1.0);
    store.change("max_linear_x", &P::Integer(2)).unwrap();
    store.change("velocity_frame", &P::String("odom".into())).unwrap();
    assert_eq!(settings.borrow().limits.x, 2.0);
    assert_eq!(settings.borrow().velocity_frame, VelocityFrame::Odometry);
}

#[test]
fn bad_values_are_refused_with_the_reason() {
    let mut store = Store::new();
    let mut change = |name: &str, value: P| store.change(name, &value).unwrap_err().to_string();
    assert_eq!(change("max_linear_x", P::Double(9.0)), "it must be from 0 to 3.8");
    assert_eq!(change("max_linear_x", P::Double(f64::NAN)), "it must be from 0 to 3.8");
    assert_eq!(change("max_linear_x", P::String("1".into())), "it must be a number");
    assert_eq!(change("publish_tf", P::Integer(1)), "it must be true or false");
    assert!(change("velocity_frame", P::String("map".into())).contains("[\"body\", \"odom\"]"));
    assert!(change("imu_orientation_variances", P::DoubleArray(vec![1.0])).contains("3 finite"));
    assert!(change("robot_ip", P::String("x".into())).contains("at start only"));
    assert!(change("robot", P::String("x".into())).contains("no parameter"));
}

#[test]
fn settings_of_the_robot_are_checked() {
    let mut store = Store::new();
    let mut change = |name: &str, value: P| store.change(name, &value).unwrap_err().to_string();
    assert_eq!(change("volume", P::Integer(11)), "it must be from 0 to 10");
    assert_eq!(change("volume", P::Double(2.5)), "it must be a whole number");
    assert_eq!(change("volume", P::Double(f64::NAN)), "it must be a whole number");
    assert_eq!(change("volume", P::Double(1e300)), "it must be from 0 to 10");
    assert_eq!(change("volume", P::String("loud".into())), "it must be a whole number");
    assert_eq!(change("body_height", P::Double(0.5)), "it must be from -0.18 to 0.03");
    assert_eq!(change("obstacle_avoidance", P::Integer(1)), "it must be true or false");
    assert!(change("led_color", P::String("pink".into())).contains("\"red\""));
    assert!(change("motion_mode", P::String("run".into())).contains("\"normal\""));
}

#[test]
fn settings_of_the_robot_are_not_set_until_somebody_knows() {
    let mut store = Store::new();
    assert_eq!(store.get_parameter("volume").unwrap(), P::NotSet);
    assert!(store.take_wishes().is_empty());
    store.start("volume", &P::Double(3.0)).unwrap();
    store.change("volume", &P::Integer(4)).unwrap();
    store.argument("obstacle_avoidance", "true").unwrap();
    store.argument("body_height", "0").unwrap();
    store.change("led_color", &P::String("".into())).unwrap();
    store.change("motion_mode", &P::String("ai".into())).unwrap();
    store.change("brightness", &P::NotSet).unwrap();
    assert_eq!(store.argument("brightness", "dim"), Err(Refused::Type("a whole number")));
    let wishes = store.take_wishes();
    let expected = [
        ("body_height", json!(0.0)),
        ("brightness", Json::Null),
        ("led_color", json!("")),
        ("motion_mode", json!("ai")),
        ("obstacle_avoidance", json!(true)),
        ("volume", json!(4)),
    ];
    assert!(wishes.into_iter().map(|(name, wish)| (name, wish.unwrap_or_default())).eq(expected));
    assert!(store.take_wishes().is_empty());
    assert_eq!(store.get_parameter("volume").unwrap(), P::Integer(4));
    assert_eq!(store.get_parameter("body_height").unwrap(), P::Double(0.0));
    assert_eq!(store.settings().borrow().obstacle_avoidance, Some(true));
}

#[test]
fn what_the_robot_has_is_shown() {
    let mut store = Store::new();
    store.show("obstacle_avoidance", Some(&json!(false)));
    assert_eq!(store.settings().borrow().obstacle_avoidance, Some(false));
    assert_eq!(store.get_parameter("obstacle_avoidance").unwrap(), P::Bool(false));
    store.show("obstacle_avoidance", None);
    assert_eq!(store.settings().borrow().obstacle_avoidance, None);
    assert_eq!(store.get_parameter("obstacle_avoidance").unwrap(), P::NotSet);
    assert!(store.take_wishes().is_empty());
}

#[test]
fn settings_that_the_mode_lacks_are_refused_once_it_is_known() {
    let mut store = Store::new();
    let height = P::Double(-0.1);
    assert_eq!(store.change("body_height", &height), Ok(()));
    store.set_mode(Some(&MotionMode::new("mcf")));
    let refused = store.change("body_height", &height).unwrap_err().to_string();
    assert_eq!(refused, "the robot is in motion mode mcf, and only normal or ai has body_height");
    assert_eq!(store.change("body_height", &P::NotSet), Ok(()));
    assert_eq!(store.change("volume", &P::Integer(4)), Ok(()));
    store.set_mode(None);
    assert_eq!(store.change("body_height", &height), Ok(()));
}

#[test]
fn values_that_contradict_each_other_are_refused() {
    let mut store = Store::new();
    let mut change = |name: &str, value| store.change(name, &P::Double(value));
    assert!(matches!(change("scan_min_height", 0.7), Err(Refused::Scan(_))));
    assert!(matches!(change("scan_angle_min", 3.13), Err(Refused::Scan(_))));
    assert_eq!(change("scan_max_height", 1.0), Ok(()));
    assert_eq!(change("scan_min_height", 0.7), Ok(()));
}

#[test]
fn keys_are_checked_and_hidden() {
    let mut store = Store::new();
    assert_eq!(store.start("aes_128_key", &P::String("abc".into())), Err(Refused::Key));
    assert!(matches!(store.start("aes_128_key", &P::Integer(12)), Err(Refused::Type(_))));
    store.start("aes_128_key", &P::String("00112233445566778899aabbccddeeff".into())).unwrap();
    assert!(store.settings().borrow().secrets.clone().unwrap().key.is_some());
    assert_eq!(store.get_parameter("aes_128_key").unwrap(), P::String("(hidden)".into()));
}

#[test]
fn arguments_of_the_command_line_count_unless_empty() {
    let mut store = Store::new();
    store.start("robot_ip", &P::String("10.0.0.1".into())).unwrap();
    store.argument("robot_ip", "").unwrap();
    assert_eq!(store.settings().borrow().robot_ip, "10.0.0.1");
    store.argument("robot_ip", "10.0.0.2").unwrap();
    store.argument("enable_stamped_cmd_vel", "True").unwrap();
    store.argument("max_linear_x", "0.25").unwrap();
    let settings = store.settings().borrow().clone();
    assert_eq!((settings.robot_ip.as_str(), settings.limits.x), ("10.0.0.2", 0.25));
    assert!(settings.stamped_cmd_vel);
    store.argument("ice_addresses", "wlan0, 10.0.0.3").unwrap();
    let addresses = store.settings().borrow().ice().unwrap().addresses;
    assert_eq!(addresses, ["wlan0", "10.0.0.3"]);
    assert!(store.argument("enable_stamped_cmd_vel", "maybe").is_err());
    assert_eq!(store.argument("no_such", "1"), Err(Refused::Unknown(None)));
    for (typo, meant) in
        [("max_liner_x", "max_linear_x"), ("robotip", "robot_ip"), ("volum", "volume")]
    {
        assert_eq!(store.argument(typo, "1"), Err(Refused::Unknown(Some(meant))));
    }
}

#[test]
fn a_list_may_be_empty() {
    let mut store = Store::new();
    store.start("raw_topics", &P::NotSet).unwrap();
    assert_eq!(store.get_parameter("raw_topics").unwrap(), P::StringArray(vec![]));
    assert_eq!(store.start("raw_topics", &P::Bool(true)), Err(Refused::Topics));
}

#[test]
fn ice_is_set_up_from_its_parameters() {
    let mut store = Store::new();
    let texts = |texts: &[&str]| P::StringArray(texts.iter().map(|t| (*t).to_owned()).collect());
    let mut start = |name: &str, value: P| store.start(name, &value);
    start("ice_servers", texts(&["stun:192.0.2.1", "turn:192.0.2.2:5000"])).unwrap();
    start("ice_username", P::String("dog".into())).unwrap();
    start("ice_credential", P::String("hush".into())).unwrap();
    start("ice_transport_policy", P::String("relay".into())).unwrap();
    start("ice_addresses", texts(&["eth0"])).unwrap();
    assert!(matches!(start("ice_servers", texts(&["turns:x"])), Err(Refused::Ice(_))));
    assert_eq!(start("ice_servers", P::String("stun:x".into())), Err(Refused::Words));
    assert_eq!(start("ice_addresses", texts(&[""])), Err(Refused::Words));
    assert_eq!(store.get_parameter("ice_credential").unwrap(), P::String("(hidden)".into()));
    let ice = store.settings().borrow().ice().unwrap();
    assert_eq!(ice.check(), Ok(()));
    assert_eq!((ice.servers.len(), ice.policy), (2, IcePolicy::Relay));
    assert_eq!(ice.addresses, ["eth0"]);
}

#[test]
fn frames_are_prefixed() {
    let mut store = Store::new();
    store.start("frame_prefix", &P::String("dog1/".into())).unwrap();
    assert_eq!(store.settings().borrow().base_frame, "dog1/base_link");
}

#[test]
fn the_defaults_fit_their_own_ranges() {
    let store = Store::new();
    for spec in table::all() {
        let shown = store.shown(spec);
        assert_eq!(check(spec, &shown), Ok(default(spec.kind)), "{}", spec.name);
    }
}
