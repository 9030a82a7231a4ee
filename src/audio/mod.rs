//! Sounds on the robot: `~/audio/list`, `play`, `stop`, `upload`, and `state`, which tells what became of them.

mod board; // what ~/audio/state says
mod upload; // a wav file to the robot

use go2_client::session::LinkBuilder;
use go2_proto::codec::{Request, Response};
use go2_proto::commands::audio;
use go2_proto::commands::audio::Recording;
use go2_proto::state::{PlayerState, State as _};
use go2_proto::text::payload;
use r2r::std_msgs::msg::String as Text;
use r2r::std_srvs::srv::Trigger;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use crate::intake::{Calls, Intake};
use crate::outlet::Outlet;
use crate::services::servers::{answer_together, triggers};
use crate::services::{refusal, Robot};
use crate::streams::{latched_qos, Shared, Source, QUEUE};
use board::Board;

/// Characters that a name or a path may have.
const LONGEST_NAME: usize = 4096;

/// A name or a path; `None` where it is too long for either.
type Name = Option<String>;

/// What comes from ROS and from the robot's player.
pub(crate) struct Audio {
    board: Board,
    lists: Calls<Trigger::Service>,
    stops: Calls<Trigger::Service>,
    plays: mpsc::Receiver<Name>,
    uploads: mpsc::Receiver<Name>,
    player: Source,
}

impl Audio {
    /// Creates services, subscriptions and the publisher.
    pub(crate) fn new(
        node: &mut r2r::Node,
        intake: &mut Intake,
        link: &mut LinkBuilder,
        shared: &Shared,
    ) -> r2r::Result<Self> {
        let take = |text: Text| Some(text.data).filter(|name| name.len() <= LONGEST_NAME);
        let player = link.subscribe(PlayerState::TOPIC, QUEUE);
        Ok(Self {
            board: Board::new(Outlet::new(node, &shared.gauges, "~/audio/state", latched_qos())?),
            lists: triggers(node, intake, "~/audio/list")?,
            stops: triggers(node, intake, "~/audio/stop")?,
            plays: intake.subscribe(node, "~/audio/play", QUEUE, take)?,
            uploads: intake.subscribe(node, "~/audio/upload", QUEUE, take)?,
            player: Source::new(PlayerState::TOPIC, player, shared),
        })
    }

    /// Starts the tasks.
    pub(crate) fn start(self, tasks: &mut JoinSet<()>, robot: &Robot) {
        let Self { board, lists, stops, plays, uploads, player } = self;
        board.say("idle");
        let (of_lists, of_stops, told) = (robot.clone(), robot.clone(), board.clone());
        tasks.spawn(answer_together(lists, move || list(of_lists.clone()), || {}));
        tasks.spawn(answer_together(stops, move || stop(of_stops.clone(), told.clone()), || {}));
        tasks.spawn(play(plays, robot.clone(), board.clone()));
        tasks.spawn(upload::run(uploads, robot.clone(), board.clone()));
        tasks.spawn(follow(player, board));
    }
}

/// What the robot answers if it does as asked, or why it does not.
async fn ask(robot: &Robot, request: Request) -> Result<Response, String> {
    match robot.clone().request(request).await {
        Ok(response) if response.code == 0 => Ok(response),
        Ok(response) => Err(refusal(&response)),
        Err(error) => Err(error.to_string()),
    }
}

async fn list(robot: Robot) -> Result<String, String> {
    ask(&robot, audio::list()).await.map(|response| payload(response.data))
}

async fn stop(robot: Robot, board: Board) -> Result<String, String> {
    ask(&robot, audio::pause()).await?;
    board.silence();
    Ok(String::new())
}

async fn play(mut names: mpsc::Receiver<Name>, robot: Robot, board: Board) {
    while let Some(name) = names.recv().await {
        match play_one(name, &robot).await {
            Ok(recording) => board.asked(&recording),
            Err(reason) => board.fail(&reason),
        }
    }
}

/// Returns what is being played.
async fn play_one(wanted: Name, robot: &Robot) -> Result<Recording, String> {
    let wanted = wanted.ok_or("this is too long for a name")?;
    let answer = ask(robot, audio::list()).await.map_err(|why| format!("{wanted}: {why}"))?;
    let list = audio::recordings(&answer.data)
        .ok_or_else(|| format!("{wanted}: the robot answers something that is no list of files"))?;
    let Some(found) = audio::find(&list, &wanted) else {
        let names: Vec<_> = list.iter().map(|each| each.name.as_str()).collect();
        let names = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
        return Err(format!("{wanted} is not on the robot, which has: {names}"));
    };
    let played = ask(robot, audio::play(&found.unique_id)).await;
    played.map(|_| found.clone()).map_err(|why| format!("{wanted}: {why}"))
}

/// Tells what the player does by itself: it ends, or somebody else plays something.
async fn follow(mut player: Source, board: Board) {
    let mut before = None;
    while let Some(message) = player.next().await {
        let Some(PlayerState { playing }) = player.decode(&message) else { continue };
        if playing != before {
            match &playing {
                Some(playing) => board.play(playing),
                None => board.silence(),
            }
            before = playing;
        }
    }
}
