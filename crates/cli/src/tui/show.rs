//! The loop between keys, gateway, time and screen.
//!
//! The screen is drawn after something happened, and at most thirty times a second. While
//! nothing happens nothing runs: the clock ticks only while a turn or a question shows time.

use std::{io, sync::Arc, time::Duration};

use client::{Client, Events};
use crossterm::event::{Event as Typed, EventStream};
use domain::Clock;
use futures_util::StreamExt as _;
use tokio::{
    signal::unix::{SignalKind, signal},
    time::{Instant, sleep_until},
};

use super::{
    paint::Theme,
    screen::Screen,
    shell::Shell,
    state::{Effect, Happened, Options, State},
    view,
    wire::Wire,
};
use crate::target::Target;

/// Shortest time between two drawings.
const FRAME: Duration = Duration::from_millis(33);
const TICK: Duration = Duration::from_secs(1);

/// What the command line asks for.
pub(crate) struct Setting {
    pub(crate) target: Target,
    pub(crate) options: Options,
    pub(crate) is_coloured: bool,
    pub(crate) clock: Arc<dyn Clock>,
}

/// Shows the chat until the person leaves.
pub(crate) async fn show(setting: Setting, open: (Client, Events)) -> io::Result<()> {
    let mut state = State::new(setting.options);
    let theme = Theme { is_coloured: setting.is_coloured };
    let clock = setting.clock;
    let mut ends = Ends::listen()?;
    let mut wire = Wire::start(setting.target, open);
    let mut shell = Shell::new();
    let mut screen = Screen::take()?;
    let mut keys = EventStream::new();
    let mut draw_at = Some(Instant::now());
    let mut drawn = Instant::now();
    let mut tick_at = Instant::now() + TICK;
    loop {
        let happened = tokio::select! {
            biased;
            () = ends.next() => return Ok(()),
            () = until(draw_at) => {
                screen.draw(|frame| view::draw(frame, &mut state, theme))?;
                (draw_at, drawn) = (None, Instant::now());
                state.drawn().into_iter().for_each(|effect| wire.call(effect));
                continue;
            }
            typed = keys.next() => match typed {
                Some(typed) => read(typed?),
                None => return Ok(()),
            },
            happened = wire.happened.recv() => match happened {
                Some(happened) => happened,
                None => return Err(io::Error::other("the connection's task is gone")),
            },
            said = shell.next() => Happened::Ran(said),
            () = sleep_until(tick_at), if state.is_ticking() => {
                tick_at = Instant::now() + TICK;
                Happened::Nothing
            }
        };
        draw_at.get_or_insert_with(|| drawn + FRAME);
        for effect in state.update(happened, clock.now().0) {
            match effect {
                Effect::Quit => return Ok(()),
                Effect::Run { command } => shell.run(command),
                Effect::StopRun => shell.stop(),
                Effect::Call { .. } => wire.call(effect),
            }
        }
    }
}

async fn until(at: Option<Instant>) {
    match at {
        Some(at) => sleep_until(at).await,
        None => std::future::pending().await,
    }
}

fn read(typed: Typed) -> Happened {
    match typed {
        Typed::Key(key) => Happened::Key(key),
        Typed::Paste(text) => Happened::Paste(text),
        Typed::Resize(..) | Typed::FocusGained | Typed::FocusLost | Typed::Mouse(_) => {
            Happened::Nothing
        }
    }
}

/// The signals that end the program.
struct Ends {
    signals: [tokio::signal::unix::Signal; 3],
}

impl Ends {
    fn listen() -> io::Result<Self> {
        Ok(Self {
            signals: [
                signal(SignalKind::terminate())?,
                signal(SignalKind::hangup())?,
                signal(SignalKind::interrupt())?,
            ],
        })
    }

    async fn next(&mut self) {
        let [terminate, hangup, interrupt] = &mut self.signals;
        tokio::select! {
            _ = terminate.recv() => {}
            _ = hangup.recv() => {}
            _ = interrupt.recv() => {}
        }
    }
}
