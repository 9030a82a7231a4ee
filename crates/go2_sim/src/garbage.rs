//! Messages that no client may stumble over.

/// Text messages: no JSON, JSON of other shapes, numbers that are none, unknown types and topics.
pub const TEXTS: &[&str] = &[
    "",
    "{",
    "null",
    "[1,2,3]",
    r#"{"type":7}"#,
    r#"{"type":"quite new","data":{}}"#,
    r#"{"type":"msg"}"#,
    r#"{"type":"msg","topic":"rt/unknown","data":{}}"#,
    r#"{"type":"msg","topic":"rt/lf/lowstate","data":7}"#,
    r#"{"type":"msg","topic":"rt/lf/lowstate","data":{"motor_state":[{"q":0},{"q":0},{"q":0}]}}"#,
    r#"{"type":"msg","topic":"rt/lf/lowstate","data":{"power_v":NaN}}"#,
    r#"{"type":"msg","topic":"rt/lf/lowstate","data":{"power_v":1e999,"bms_state":{"soc":50}}}"#,
    r#"{"type":"msg","topic":"rt/lf/lowstate","data":{"power_v":1e300,"bms_state":{"soc":50}}}"#,
    r#"{"type":"msg","topic":"rt/lf/sportmodestate","data":{"imu_state":{"quaternion":[0,0,0,0],"gyroscope":[0,0,0],"accelerometer":[0,0,0]}}}"#,
    r#"{"type":"msg","topic":"rt/lf/sportmodestate","data":{"imu_state":{"quaternion":[Infinity,0,0,0],"gyroscope":[0,0,0],"accelerometer":[0,0,0]}}}"#,
    r#"{"type":"msg","topic":"rt/utlidar/robot_pose","data":{"pose":{"position":{"x":-Infinity,"y":0,"z":0},"orientation":{"x":0,"y":0,"z":0,"w":1}}}}"#,
    r#"{"type":"msg","topic":"rt/utlidar/robot_pose","data":{"pose":{"position":{"x":1,"y":0,"z":0},"orientation":{"x":0,"y":0,"z":0,"w":0}}}}"#,
    r#"{"type":"res","topic":"rt/api/sport/response","data":{}}"#,
    r#"{"type":"errors","data":"x"}"#,
    r#"{"type":"rtc_inner_req","info":[]}"#,
    r#"{"type":"err","info":{}}"#,
];

/// Binary messages: cut frames, lengths beyond the end, heads that are not UTF-8.
pub const BINARIES: &[&[u8]] = &[
    b"\x00",
    b"\x02\x00\x00\x00\xff\xff\xff\xff\x00\x00\x00\x00{}",
    b"\xff\xff\x00\x00{}",
    b"\x03\x00\x00\x00\xff\xfe\xfd",
];
