//! The sport service's actions. Ids from Unitree's SDK headers and the phone app's tables; where these disagree, the
//! entry says so.

use std::time::Duration;

use super::mode::{MotionMode, Space};
use crate::codec::{api, topics, Json, Request};

/// How an action is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Done once.
    Once,
    /// Lasts until it is switched off. StopMove does not end it.
    Lasting,
}

/// What it may do to robot and bystanders.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Danger {
    /// What a dog on a free floor may do.
    None,
    /// The robot leaves the ground or goes faster than a person can catch.
    Acrobatic,
}

/// Whether it takes the robot from its place, and what a stop does about that. StopMove does not: real robots answer it
/// with 0 in a mode that walks by itself, and walk on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Travel {
    /// It stays where it is, but for what it is told by velocities.
    Stays,
    /// It may leave its place. A stop leaves it alone: it ends by itself, has to be watched when it is ended, or walks no
    /// farther than it is told to.
    Leaves,
    /// It walks by itself. A stop ends it where the robot tells that it is in it, or was switched into it by this side.
    Ended,
    /// The same, but only where it was switched on by this side: the robot does not tell it from standing.
    EndedIfOurs,
    /// The same as [`Ended`](Self::Ended), once the robot stands: in the middle of a run it would fall.
    EndedAtRest,
}

/// An id and how its parameter is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Api {
    /// Without a parameter.
    Plain(i64),
    /// With `{"data":true}`, for flips.
    True(i64),
    /// With `{"data":true}` or `{"data":false}`.
    Flag(i64),
    /// On without a parameter; the way out is BalanceStand.
    OnOnly(i64),
}

impl Api {
    /// The id.
    pub fn id(self) -> i64 {
        match self {
            Self::Plain(id) | Self::True(id) | Self::Flag(id) | Self::OnOnly(id) => id,
        }
    }
}

/// Something that the sport service does when told.
#[derive(Debug, Clone, Copy)]
pub struct Action {
    /// In snake case.
    pub name: &'static str,
    /// Once, or until switched off.
    pub kind: Kind,
    /// Whether it takes a permission.
    pub danger: Danger,
    /// In the normal mode of firmware before 1.1.7.
    pub normal: Option<Api>,
    /// In the ai mode of firmware before 1.1.7.
    pub ai: Option<Api>,
    /// Since firmware 1.1.7.
    pub mcf: Option<Api>,
    /// How long the robot is busy with it at most, from the request on, or with beginning it if it lasts: meanwhile
    /// velocities are not followed. Twice what was measured where it was (2.0 s to lie down, 1.2 s to sit, 0.85 s to
    /// stand up); the rest are guesses on the long side.
    pub takes: Duration,
    /// Whether it takes the robot from its place, and what a stop does about that.
    pub travel: Travel,
    /// What the robot does.
    pub description: &'static str,
}

/// Why an action or a setting cannot be asked for in a motion mode.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unavailable {
    /// Other modes have it.
    #[error("the robot is in motion mode {mode}, and only {} has {action}", .others.join(" or "))]
    OtherMode {
        /// The action or setting.
        action: &'static str,
        /// The mode that the robot is in.
        mode: MotionMode,
        /// The modes that have it.
        others: Vec<&'static str>,
    },
}

impl Action {
    /// Its id in a set of ids, if it is there.
    pub fn api(&self, space: Space) -> Option<Api> {
        match space {
            Space::Normal => self.normal,
            Space::Ai => self.ai,
            Space::Mcf => self.mcf,
        }
    }

    /// The request for a motion mode. `on` matters where the action lasts.
    pub fn request(&self, mode: &MotionMode, on: bool) -> Result<Request, Unavailable> {
        let Some(api) = self.api(mode.space()) else {
            let has = |space: &Space| self.api(*space).is_some();
            let others = Space::ALL.into_iter().filter(has).map(Space::name).collect();
            return Err(Unavailable::OtherMode { action: self.name, mode: mode.clone(), others });
        };
        let flag = |id, on: bool| Request {
            parameter: format!("{{\"data\":{on}}}"),
            ..Request::sport(id)
        };
        Ok(match api {
            Api::Plain(id) => Request::sport(id),
            Api::True(id) => flag(id, true),
            Api::Flag(id) => flag(id, on),
            Api::OnOnly(id) if on => Request::sport(id),
            Api::OnOnly(_) => Request::sport(api::BALANCE_STAND),
        })
    }
}

impl Travel {
    /// Whether a stop ends it, sooner or later.
    pub fn is_ended(self) -> bool {
        matches!(self, Self::Ended | Self::EndedIfOurs | Self::EndedAtRest)
    }
}

/// The action that a request asks for, whatever the motion mode, and whether it is to begin. `None` for other requests.
pub fn action_of(request: &Request) -> Option<(&'static Action, bool)> {
    #[derive(serde::Deserialize)]
    struct Flag {
        data: bool,
    }
    let has = |action: &Action, space: Space| {
        action.api(space).filter(|api| api.id() == request.api_id).is_some()
    };
    // The ids of the unified service first: where modes differ, robots of today have that one.
    let spaces = [Space::Mcf, Space::Ai, Space::Normal];
    let find = |space: Space| ACTIONS.iter().find(|action| has(action, space));
    if request.topic != topics::SPORT_REQUEST {
        return None;
    }
    let action = spaces.into_iter().find_map(find)?;
    let flag = Json::from(request.parameter.clone()).decode::<Flag>();
    Some((action, action.kind == Kind::Once || flag.map_or(true, |flag| flag.data)))
}

/// The action of a name.
pub fn action(name: &str) -> Option<&'static Action> {
    ACTIONS.iter().find(|action| action.name == name)
}

/// Other ids that ai modes of some firmware have for what is acrobatic, by the tables of other clients. The actions above
/// use the ids that robots of today know; whoever sends a request of their own may send these.
pub const OTHER_ACROBATICS: &[(i64, &str)] = &[(1301, "hand_stand"), (1304, "bound")];

type Ids = [Option<Api>; 3];

const fn once(
    name: &'static str,
    [normal, ai, mcf]: Ids,
    seconds: u64,
    description: &'static str,
) -> Action {
    let (kind, danger, travel) = (Kind::Once, Danger::None, Travel::Stays);
    let takes = Duration::from_secs(seconds);
    Action { name, kind, danger, normal, ai, mcf, takes, travel, description }
}

/// How long it takes until a lasting mode has begun. Rage mode, the slowest, takes 2 s.
const BEGINS: Duration = Duration::from_secs(2);

const fn lasting(name: &'static str, [normal, ai, mcf]: Ids, description: &'static str) -> Action {
    let (kind, danger, travel) = (Kind::Lasting, Danger::None, Travel::Leaves);
    Action { name, kind, danger, normal, ai, mcf, takes: BEGINS, travel, description }
}

/// Flips and jumps land elsewhere.
const fn dangerous(action: Action) -> Action {
    Action { danger: Danger::Acrobatic, travel: Travel::Leaves, ..action }
}

const fn travels(travel: Travel, action: Action) -> Action {
    Action { travel, ..action }
}

/// The same in every mode.
const fn all(id: i64) -> Ids {
    [Some(Api::Plain(id)); 3]
}

const fn flag(id: i64) -> Option<Api> {
    Some(Api::Flag(id))
}

const fn on(id: i64) -> Option<Api> {
    Some(Api::True(id))
}

const fn plain(id: i64) -> Option<Api> {
    Some(Api::Plain(id))
}

/// Every action. 1012 (Trigger) is left out: nobody says what it does.
pub const ACTIONS: &[Action] = &[
    once("damp", all(api::DAMP), 0, "Motors limp: the robot drops. The emergency stop"),
    once("stop", all(api::STOP_MOVE), 0, "Stop walking: zeros, then StopMove"),
    once("stand_up", all(api::STAND_UP), 2, "Stand with locked joints; it does not walk like this"),
    once("stand_down", all(api::STAND_DOWN), 4, "Lie down"),
    once("balance_stand", all(api::BALANCE_STAND), 2, "Stand ready to walk"),
    once("recovery_stand", all(api::RECOVERY_STAND), 6, "Get up from any posture, as after a fall"),
    once("sit", all(1009), 3, "Sit"),
    once("rise_sit", all(1010), 3, "Get up from sitting"),
    once("hello", all(1016), 4, "Wave a front paw"),
    once("stretch", all(1017), 8, "Stretch"),
    once("content", all(1020), 6, "Look happy"),
    travels(Travel::Leaves, once("wallow", all(1021), 12, "Roll on the back")),
    travels(Travel::Leaves, once("dance1", all(1022), 30, "Dance")),
    travels(Travel::Leaves, once("dance2", all(1023), 30, "Another dance")),
    once("scrape", all(1029), 6, "Scrape with the front paws"),
    once("wiggle_hips", [plain(1033), plain(1033), None], 6, "Wiggle the hips"),
    once("heart", all(1036), 8, "Draw a heart with the front paws"),
    once("switch_avoid_mode", [None, None, plain(2058)], 0, "The next mode of avoiding obstacles"),
    dangerous(once("front_flip", [plain(1030), plain(1030), on(1030)], 5, "Flip forward")),
    dangerous(once("front_jump", all(1031), 4, "Jump forward")),
    dangerous(once("front_pounce", all(1032), 4, "Pounce forward")),
    dangerous(once("left_flip", [None, plain(1042), on(2041)], 5, "Flip to the left")),
    dangerous(once("right_flip", [None, plain(1043), None], 5, "Flip to the right")),
    dangerous(once("back_flip", [None, plain(1044), on(2043)], 5, "Flip backward")),
    travels(Travel::Stays, lasting("pose", [flag(1028); 3], "Hold a pose; cmd_pose shapes it")),
    lasting("continuous_gait", [flag(1019); 3], "Step on the spot without a command"),
    lasting(
        "economic_gait",
        [flag(1035), flag(1035), Some(Api::OnOnly(1063))],
        "Walk so that the battery lasts",
    ),
    lasting("classic_walk", [None, None, flag(2049)], "The gait of older firmware"),
    lasting("static_walk", [None, None, Some(Api::OnOnly(1061))], "Move one leg at a time"),
    lasting("trot_run", [None, None, Some(Api::OnOnly(1062))], "Run at a trot"),
    lasting("walk_stair", [None, flag(1049), flag(1049)], "Climb stairs"),
    // 1045 is LeadFollow in some tables, FreeWalk in others.
    travels(
        Travel::EndedIfOurs,
        lasting("free_walk", [None, flag(1045), flag(2045)], "Walk with the agile gait"),
    ),
    lasting("free_bound", [None, flag(1046), flag(2046)], "Bound"),
    lasting("free_jump", [None, flag(1047), flag(2047)], "Jump along"),
    lasting("free_avoid", [None, flag(1048), flag(2048)], "Get out of the way of what comes near"),
    travels(
        Travel::Ended,
        lasting("lead_follow", [None, None, flag(2056)], "Follow the hand that pulls a leash"),
    ),
    lasting("back_stand", [None, flag(1050), flag(2050)], "Walk upright on the hind legs"),
    lasting("cross_step", [None, flag(1051), flag(2051)], "Step crosswise"),
    lasting("onesided_step", [None, flag(1303), None], "Step with the legs of one side"),
    lasting("moon_walk", [None, flag(1305), None], "Walk like on the moon"),
    dangerous(lasting(
        "hand_stand",
        [None, flag(1039), flag(2044)],
        "Stand and walk on the front legs",
    )),
    travels(
        Travel::EndedAtRest,
        dangerous(lasting("rage_mode", [None, None, flag(2059)], "Run fast; obeys sticks only")),
    ),
];

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn names_and_ids_are_unique() {
        let names: BTreeSet<_> = ACTIONS.iter().map(|action| action.name).collect();
        assert_eq!(names.len(), ACTIONS.len());
        for space in Space::ALL {
            let ids: Vec<_> = ACTIONS.iter().filter_map(|a| a.api(space)).map(Api::id).collect();
            assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), ids.len(), "{space}");
        }
        let orphan = ACTIONS.iter().find(|a| Space::ALL.iter().all(|s| a.api(*s).is_none()));
        assert!(orphan.is_none(), "{orphan:?}");
    }

    #[test]
    fn requests_are_what_each_mode_understands() {
        let ask = |name: &str, mode: &str, on| {
            let request = action(name).unwrap().request(&MotionMode::new(mode), on);
            request.map(|request| (request.api_id, request.parameter))
        };
        let with = |id, parameter: &str| Ok((id, parameter.to_owned()));
        assert_eq!(ask("hello", "mcf", true), with(1016, ""));
        assert_eq!(ask("back_flip", "advanced", true), with(1044, ""));
        assert_eq!(ask("back_flip", "", true), with(2043, r#"{"data":true}"#));
        assert_eq!(ask("hand_stand", "mcf", false), with(2044, r#"{"data":false}"#));
        assert_eq!(ask("trot_run", "mcf", true), with(1062, ""));
        assert_eq!(ask("trot_run", "mcf", false), with(1002, ""));
        let refused = ask("back_flip", "normal", true).unwrap_err().to_string();
        assert_eq!(refused, "the robot is in motion mode normal, and only ai or mcf has back_flip");
    }

    #[test]
    fn requests_are_recognised_as_the_actions_that_they_are() {
        let found = |id, parameter: &str| {
            let parameter = parameter.to_owned();
            let request = Request { parameter, ..Request::sport(id) };
            action_of(&request).map(|(action, on)| (action.name, on))
        };
        assert_eq!(found(1016, ""), Some(("hello", true)));
        assert_eq!(found(2045, r#"{"data":false}"#), Some(("free_walk", false)));
        assert_eq!(
            found(1045, r#"{"data":true}"#),
            Some(("free_walk", true)),
            "an id of older firmware"
        );
        assert_eq!(
            found(1050, "1050"),
            Some(("back_stand", true)),
            "what is unclear is taken to begin"
        );
        assert_eq!(found(api::MOVE, "{}"), None);
        let elsewhere = Request { topic: topics::VUI_REQUEST.to_owned(), ..Request::sport(1001) };
        assert!(action_of(&elsewhere).is_none());
    }

    #[test]
    fn what_a_stop_ends_can_be_ended_and_says_so() {
        let ended = ACTIONS.iter().filter(|action| action.travel.is_ended());
        for action in ended.clone() {
            assert_eq!(action.kind, Kind::Lasting, "{}", action.name);
            let apis = Space::ALL.into_iter().filter_map(|space| action.api(space));
            assert!(apis.clone().count() > 0 && apis.clone().all(|api| api == Api::Flag(api.id())));
        }
        let ended: Vec<_> = ended.map(|action| (action.name, action.travel)).collect();
        let expected = [
            ("free_walk", Travel::EndedIfOurs),
            ("lead_follow", Travel::Ended),
            ("rage_mode", Travel::EndedAtRest),
        ];
        // Robots were seen to walk on in no other; ended unwatched, those on two legs or in mid-air would fall.
        assert_eq!(ended, expected);
    }

    #[test]
    fn what_leaves_its_place_is_told_from_what_does_not() {
        for name in ["damp", "stop", "stand_down", "recovery_stand", "sit", "hello", "pose"] {
            assert_eq!(action(name).unwrap().travel, Travel::Stays, "{name}");
        }
        for name in ["front_jump", "dance1", "hand_stand", "free_avoid", "trot_run"] {
            assert_eq!(action(name).unwrap().travel, Travel::Leaves, "{name}");
        }
        let acrobatic = ACTIONS.iter().filter(|action| action.danger == Danger::Acrobatic);
        assert!(acrobatic.clone().count() > 5);
        assert!(acrobatic.clone().all(|action| action.travel != Travel::Stays));
    }

    #[test]
    fn nothing_keeps_the_robot_busy_for_ever_and_stops_never_do() {
        for action in ACTIONS {
            assert!(action.takes <= Duration::from_secs(30), "{}", action.name);
        }
        assert!(["stop", "damp"].iter().all(|name| action(name).unwrap().takes.is_zero()));
        // What was measured fits in.
        for (name, seconds) in [("stand_up", 0.85), ("stand_down", 2.0), ("sit", 1.2)] {
            assert!(action(name).unwrap().takes.as_secs_f64() > 1.5 * seconds, "{name}");
        }
    }
}
