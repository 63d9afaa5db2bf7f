//! The commands, one module each. A new one is a module and a variant.

use clap::Subcommand;

use crate::{error::Failure, program::Program};

pub(crate) mod agent;
pub(crate) mod agents;
pub(crate) mod approvals;
pub(crate) mod completion;
pub(crate) mod config;
pub(crate) mod configure;
pub(crate) mod dashboard;
pub(crate) mod devices;
pub(crate) mod doctor;
pub(crate) mod gateway;
pub(crate) mod health;
pub(crate) mod healthz;
pub(crate) mod logs;
pub(crate) mod node;
pub(crate) mod nodes;
pub(crate) mod onboard;
pub(crate) mod qr_smoke;
mod removal;
pub(crate) mod reset;
pub(crate) mod sandbox;
pub(crate) mod sessions;
pub(crate) mod setup;
pub(crate) mod skills;
pub(crate) mod status;
pub(crate) mod system;
pub(crate) mod tui;
pub(crate) mod uninstall;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    #[command(alias = "daemon")]
    Gateway(Box<gateway::Args>),
    Health(health::Args),
    #[command(hide = true)]
    Healthz(healthz::Args),
    Status(status::Args),
    Agent(Box<agent::Args>),
    Agents(agents::Args),
    Tui(Box<tui::Args>),
    Onboard(Box<onboard::Args>),
    Setup(Box<setup::Args>),
    Configure(configure::Args),
    Sessions(sessions::Args),
    Sandbox(sandbox::Args),
    Skills(skills::Args),
    #[command(alias = "exec-approvals")]
    Approvals(Box<approvals::Args>),
    Nodes(Box<nodes::Args>),
    Node(node::Args),
    Devices(Box<devices::Args>),
    System(Box<system::Args>),
    Config(config::Args),
    Logs(logs::Args),
    Doctor(doctor::Args),
    Dashboard(dashboard::Args),
    Reset(reset::Args),
    Uninstall(uninstall::Args),
    Completion(completion::Args),
    #[command(hide = true)]
    QrSmoke(qr_smoke::Args),
}

/// What a command does when the config file is invalid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum WhenInvalid {
    /// Says so and goes on.
    Warn,
    /// Says so and goes on, if the gateway's address can be read.
    WarnIfReadable,
    /// Says so and stops.
    Refuse,
    /// Looks at the file itself, or not at all.
    OwnBusiness,
}

impl Command {
    /// Whether the answer is for a script.
    pub(crate) fn wants_json(&self) -> bool {
        match self {
            Self::Gateway(args) => args.wants_json(),
            Self::Health(args) => args.json,
            Self::Status(args) => args.json,
            Self::Agent(args) => args.json,
            Self::Agents(args) => args.wants_json(),
            Self::Onboard(args) => args.steps.json,
            Self::Setup(args) => args.onboard.steps.json,
            Self::Sessions(args) => args.json,
            Self::Sandbox(args) => args.wants_json(),
            Self::Skills(args) => args.wants_json(),
            Self::Approvals(args) => args.wants_json(),
            Self::Nodes(args) => args.wants_json(),
            Self::Devices(args) => args.wants_json(),
            Self::System(args) => args.wants_json(),
            Self::Config(args) => args.wants_json(),
            Self::Logs(args) => args.json,
            Self::Doctor(args) => args.json,
            Self::Dashboard(args) => args.json,
            Self::Node(args) => args.wants_json(),
            Self::Reset(_)
            | Self::Uninstall(_)
            | Self::Configure(_)
            | Self::Completion(_)
            | Self::Healthz(_)
            | Self::Tui(_)
            | Self::QrSmoke(_) => false,
        }
    }

    fn when_invalid(&self) -> WhenInvalid {
        match self {
            Self::Gateway(args) if args.starts_gateway() => WhenInvalid::OwnBusiness,
            Self::Gateway(_)
            | Self::Health(_)
            | Self::Status(_)
            | Self::Logs(_)
            | Self::Dashboard(_)
            | Self::Approvals(_)
            | Self::Nodes(_)
            | Self::Node(_)
            | Self::Devices(_)
            | Self::System(_)
            | Self::Tui(_)
            | Self::Reset(_)
            | Self::Uninstall(_) => WhenInvalid::Warn,
            Self::Agent(_) | Self::Sessions(_) => WhenInvalid::WarnIfReadable,
            Self::Agents(_) | Self::Sandbox(_) | Self::Skills(_) => WhenInvalid::Refuse,
            Self::Onboard(_)
            | Self::Setup(_)
            | Self::Configure(_)
            | Self::Config(_)
            | Self::Doctor(_)
            | Self::Completion(_)
            | Self::Healthz(_)
            | Self::QrSmoke(_) => WhenInvalid::OwnBusiness,
        }
    }
}

/// Runs a command to its end.
pub(crate) fn run(command: Command, program: &mut Program) -> Result<(), Failure> {
    if let Command::Gateway(args) = &command
        && args.starts_gateway()
    {
        gateway::bring_up_to_date(program);
    }
    match command.when_invalid() {
        WhenInvalid::Warn => program.warn_if_invalid(),
        WhenInvalid::WarnIfReadable => {
            program.readable_config()?;
            program.warn_if_invalid();
        }
        WhenInvalid::Refuse if !program.snapshot().valid => return Err(program.invalid()),
        WhenInvalid::Refuse | WhenInvalid::OwnBusiness => {}
    }
    match command {
        Command::Gateway(args) => gateway::run(program, *args),
        Command::Health(args) => crate::wait_for(health::run(program, &args)),
        Command::Healthz(args) => healthz::run(program, &args),
        Command::Status(args) => crate::wait_for(status::run(program, &args)),
        Command::Onboard(args) => onboard::run(program, &args),
        Command::Setup(args) => setup::run(program, &args),
        Command::Configure(args) => configure::run(program, &args),
        Command::Agent(args) => agent::run(program, &args),
        Command::Agents(args) => agents::run(program, &args),
        Command::Tui(args) => tui::run(program, *args),
        Command::Sessions(args) => sessions::run(program, &args),
        Command::Sandbox(args) => sandbox::run(program, &args),
        Command::Skills(args) => skills::run(program, &args),
        Command::Approvals(args) => approvals::run(program, &args),
        Command::Nodes(args) => nodes::run(program, &args),
        Command::Node(args) => node::run(program, &args),
        Command::Devices(args) => devices::run(program, &args),
        Command::System(args) => system::run(program, &args),
        Command::Config(args) => config::run(program, &args),
        Command::Logs(args) => crate::wait_for(logs::run(program, &args)),
        Command::Doctor(args) => doctor::run(program, &args),
        Command::Dashboard(args) => dashboard::run(program, &args),
        Command::Reset(args) => reset::run(program, &args),
        Command::Uninstall(args) => uninstall::run(program, &args),
        Command::Completion(args) => completion::run(program, &args),
        Command::QrSmoke(args) => qr_smoke::run(&args),
    }
}
