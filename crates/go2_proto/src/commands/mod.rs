//! What a GO2 can be told, as data: one table of actions and one of settings. Services, parameters, documentation
//! and the simulated robot are made from them.

mod actions;
pub mod audio; // sounds that it keeps
mod mode;
pub mod script; // what its scripts tell
mod settings;

pub use actions::{
    action, action_of, Action, Api, Danger, Kind, Travel, Unavailable, ACTIONS, OTHER_ACROBATICS,
};
pub use mode::{MotionMode, Space};
pub use settings::{setting, Domain, Read, Setting, SETTINGS};
