//! `humdrum feedback`: what a person says of an alert or a bot, to the running engine.
//!
//! What it would have changed is shown before it is sent, and asked for where somebody sits at a terminal.

#![expect(clippy::disallowed_methods, reason = "reads the user's name")]

mod send;

use std::io::{self, BufRead, IsTerminal, Write};

use anyhow::{Context, anyhow};
use clap::{ArgGroup, Args, Subcommand};

use super::failure::Failure;
use super::output;
use super::settings::{self, SettingsArgs};
use crate::alert::{Dimension, FEEDBACK_VERSION, Feedback, Preview, Ruling, What};
use crate::runtime::feedback::desk::Reply;
use crate::runtime::{clock, present};
use crate::time::{Span, Timestamp};
use send::Asks;

/// Say what an alert was, or what is expected of a bot: the next decision is another.
#[derive(Debug, Args)]
#[command(
    args_conflicts_with_subcommands = true,
    group = ArgGroup::new("said"),
    after_help = "Examples:\n  humdrum feedback 70cbef47 --false --reason 'our new build host'\n  \
    humdrum feedback 70cbef47 --expected --until 2026-12-31 --reason 'CHG-7: migration' --preview\n  \
    humdrum feedback --bot payroll --fine host=srv-2 --fine hour=3 --reason 'moved'\n  \
    humdrum feedback list\n  humdrum feedback undo fb-5c0ffee5 --reason 'it was an attack after all'\n\n\
    It is sent to the running `humdrum run` over NATS, which answers whether it is taken. KIND is host, operation, role,\n\
    hour, detector or dimension."
)]
pub(super) struct FeedbackArgs {
    #[command(subcommand)]
    verb: Option<Verb>,
    #[command(flatten)]
    say: SayArgs,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// List the decisions that hold
    List {
        #[command(flatten)]
        to: ToArgs,
        /// Those that hold no longer, too
        #[arg(long)]
        all: bool,
    },
    /// Take a decision back
    Undo {
        #[command(flatten)]
        to: ToArgs,
        /// The decision's id
        #[arg(value_name = "ID")]
        id: String,
        /// Who says it [default: the user's name]
        #[arg(long, value_name = "NAME")]
        by: Option<String>,
        /// Why
        #[arg(long, value_name = "TEXT", default_value = "")]
        reason: String,
    },
}

/// To whom it is said.
#[derive(Debug, Args)]
struct ToArgs {
    #[command(flatten)]
    settings: SettingsArgs,
    /// NATS servers, comma-separated
    #[arg(long, value_name = "URL")]
    nats: Option<String>,
    /// Whose bots
    #[arg(long, value_name = "NAME", default_value = "default")]
    tenant: String,
    /// Print the answer as one JSON object
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "flags of the command line")]
struct SayArgs {
    #[command(flatten)]
    to: ToArgs,
    /// The alert's id, or as much of its beginning as no other alert has
    #[arg(value_name = "ALERT-ID")]
    alert: Option<String>,
    /// The incident, with all of its alerts
    #[arg(long, value_name = "ID", conflicts_with = "alert")]
    incident: Option<String>,
    /// The bot, where it is about no alert
    #[arg(long, value_name = "NAME", conflicts_with_all = ["alert", "incident"])]
    bot: Option<String>,
    /// It was real: what it showed is never learned
    #[arg(long = "true", group = "said")]
    real: bool,
    /// It was nothing: the same again does not page
    #[arg(long = "false", group = "said")]
    nothing: bool,
    /// It is expected, until a day: what the alert showed, or what `--only` names
    #[arg(long, group = "said", requires = "until")]
    expected: bool,
    /// A host, operation, role or hour is normal for the bot; may be repeated
    #[arg(long, value_name = "KIND=VALUE", group = "said")]
    fine: Vec<String>,
    /// Somebody is at it
    #[arg(long, group = "said")]
    acknowledge: bool,
    /// It is dealt with: the open alert ends
    #[arg(long, group = "said")]
    resolve: bool,
    /// A note for others, with `--reason`
    #[arg(long, group = "said")]
    comment: bool,
    /// The last day on which it is expected, or an instant
    #[arg(long, value_name = "DAY", value_parser = day)]
    until: Option<Timestamp>,
    /// What exactly is expected; may be repeated
    #[arg(long, value_name = "KIND=VALUE", requires = "expected")]
    only: Vec<String>,
    /// Why
    #[arg(long, value_name = "TEXT", default_value = "")]
    reason: String,
    /// Who says it [default: the user's name]
    #[arg(long, value_name = "NAME")]
    by: Option<String>,
    /// Show what it would have changed, and send nothing
    #[arg(long)]
    preview: bool,
    /// Send it without asking
    #[arg(long)]
    yes: bool,
}

/// Says it, and prints the answer.
pub(super) fn run(args: &FeedbackArgs) -> Result<(), Failure> {
    match &args.verb {
        Some(Verb::List { to, all }) => {
            let reply = taken(to.open()?.list()?)?;
            let mut decisions = reply.decisions.clone().unwrap_or_default();
            decisions.retain(|facts| *all || facts.state == crate::detect::DecisionState::Active);
            let text =
                if decisions.is_empty() { "no decision holds\n".to_owned() } else { present::decisions(&decisions) };
            print(to, &Reply { decisions: Some(decisions), ..reply }, &text)
        }
        Some(Verb::Undo { to, id, by, reason }) => {
            let mut record = record(to, by.as_deref(), reason, Ruling::Undo)?;
            record.undoes = Some(id.clone());
            let reply = taken(to.open()?.say(&record, false)?)?;
            print(to, &reply, &format!("{id} is taken back by {}\n", record.id))
        }
        None => say(&args.say),
    }
}

fn say(args: &SayArgs) -> Result<(), Failure> {
    let record = args.record()?;
    let asks = args.to.open()?;
    let before = taken(asks.say(&record, true)?)?;
    let preview = before.preview.clone().unwrap_or_default();
    let shown = present::preview(&preview);
    if args.preview {
        return print(&args.to, &before, &shown);
    }
    if changes(&preview, record.verdict) && !args.to.json {
        print(&args.to, &before, &shown)?;
    }
    if !args.yes && io::stdin().is_terminal() && !agrees()? {
        return Err(Failure::Failed(anyhow!("nothing was sent")));
    }
    let reply = taken(asks.say(&record, false)?)?;
    let again = if reply.again { " already" } else { "" };
    print(&args.to, &reply, &format!("{} is taken{again}; `humdrum feedback undo {0}` takes it back\n", record.id))
}

fn changes(preview: &Preview, verdict: Ruling) -> bool {
    verdict.lasts() && preview.hidden + preview.lowered + preview.unchanged > 0
}

fn agrees() -> Result<bool, Failure> {
    let mut said = String::new();
    write!(io::stderr(), "Send it? [y/N] ").context("standard error cannot be written")?;
    io::stdin().lock().read_line(&mut said).context("standard input cannot be read")?;
    Ok(matches!(said.trim(), "y" | "Y" | "yes"))
}

/// The reply, where the engine took it.
fn taken(reply: Reply) -> Result<Reply, Failure> {
    if reply.ok {
        return Ok(reply);
    }
    let error = reply.error.unwrap_or_else(|| "the answer says nothing".to_owned());
    Err(Failure::Failed(anyhow!("it is not taken: {error}")))
}

fn print(to: &ToArgs, reply: &Reply, text: &str) -> Result<(), Failure> {
    let mut out = output::stdout();
    let printed = if to.json {
        serde_json::to_writer(&mut out, reply).map_err(io::Error::from).and_then(|()| writeln!(out))
    } else {
        out.write_all(text.as_bytes())
    };
    Ok(printed.and_then(|()| out.flush()).context("standard output cannot be written")?)
}

impl ToArgs {
    fn open(&self) -> Result<Asks, Failure> {
        let flags = settings::flag("--nats", "nats.url", self.nats.as_ref()).into_iter().collect();
        Asks::open(&self.settings.load(flags, settings::Secrets::Needed)?, &self.tenant)
    }
}

impl SayArgs {
    fn verdict(&self) -> Option<Ruling> {
        let said = [
            (self.real, Ruling::True),
            (self.nothing, Ruling::False),
            (self.expected, Ruling::Expected),
            (!self.fine.is_empty(), Ruling::Fine),
            (self.acknowledge, Ruling::Acknowledge),
            (self.resolve, Ruling::Resolve),
            (self.comment, Ruling::Comment),
        ];
        said.into_iter().find(|(said, _)| *said).map(|(_, ruling)| ruling)
    }

    fn record(&self) -> Result<Feedback, Failure> {
        let verdict = self.verdict().ok_or_else(|| {
            usage("say what it was: --true, --false, --expected, --fine, --acknowledge, --resolve or --comment")
        })?;
        if [&self.alert, &self.incident, &self.bot].into_iter().all(Option::is_none) {
            return Err(usage("name an alert, or an incident with --incident, or a bot with --bot"));
        }
        let mut record = record(&self.to, self.by.as_deref(), &self.reason, verdict)?;
        (record.alert, record.incident, record.bot) = (self.alert.clone(), self.incident.clone(), self.bot.clone());
        record.until = self.until;
        record.what = what(self.fine.iter().chain(&self.only)).map_err(|error| usage(&error))?;
        record.id = send::identity(&record);
        Ok(record)
    }
}

fn usage(text: &str) -> Failure {
    Failure::Usage(anyhow!("{text}"))
}

/// A record that is about nothing yet.
fn record(to: &ToArgs, by: Option<&str>, reason: &str, verdict: Ruling) -> Result<Feedback, Failure> {
    let user = || ["USER", "LOGNAME"].into_iter().find_map(|name| std::env::var(name).ok());
    let by = by.map(ToOwned::to_owned).or_else(user).filter(|by| !by.is_empty());
    let mut record = Feedback {
        version: FEEDBACK_VERSION,
        id: String::new(),
        ts: clock::wall(),
        tenant: to.tenant.clone(),
        alert: None,
        incident: None,
        bot: None,
        by: by.ok_or_else(|| usage("say who you are with `--by NAME`"))?,
        verdict,
        until: None,
        undoes: None,
        what: What::default(),
        comment: reason.to_owned(),
    };
    record.id = send::identity(&record);
    Ok(record)
}

/// What `KIND=VALUE` names.
fn what<'a>(named: impl Iterator<Item = &'a String>) -> Result<What, String> {
    let mut what = What::default();
    for text in named {
        let (kind, value) = text.split_once('=').ok_or("write KIND=VALUE, such as `host=srv-2`")?;
        match kind {
            "host" => what.hosts.push(value.to_owned()),
            "operation" => what.operations.push(value.to_owned()),
            "role" => what.roles.push(value.to_owned()),
            "detector" => what.detectors.push(value.to_owned()),
            "hour" => what.hours.push(value.parse().map_err(|_| format!("`{value}` is no hour, 0 to 23"))?),
            "dimension" => {
                let known = Dimension::ALL.into_iter().find(|dimension| dimension.as_str() == value);
                what.dimensions.push(known.ok_or_else(|| format!("`{value}` is no dimension"))?);
            }
            other => return Err(format!("`{other}` is no host, operation, role, hour, detector or dimension")),
        }
    }
    Ok(what)
}

/// The end of a day, or an instant.
fn day(text: &str) -> Result<Timestamp, String> {
    let day = format!("{text}T00:00:00Z").parse::<Timestamp>().map(|start| start + Span::DAY);
    day.or_else(|_| text.parse())
        .map_err(|_| "write a day such as `2026-12-31`, or an instant such as `2026-12-31T18:00:00Z`".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_named_is_read_by_its_kind() {
        let read = |list: &[&str]| {
            let list: Vec<String> = list.iter().map(ToString::to_string).collect();
            what(list.iter())
        };
        let all = ["host=a=b", "operation=hr GET /x", "role=r", "hour=3", "detector=new_host", "dimension=time"];
        let read_all = read(&all).expect("is read");
        assert_eq!((read_all.hosts, read_all.hours), (vec!["a=b".to_owned()], vec![3]));
        assert_eq!((read_all.operations.len(), read_all.roles.len(), read_all.dimensions.len()), (1, 1, 1));
        for wrong in ["host", "hour=x", "dimension=x", "bot=x"] {
            assert!(read(&[wrong]).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_day_ends_with_its_last_moment() {
        let at = |text: &str| day(text).map(|at| at.to_string());
        assert_eq!(at("2026-12-30").as_deref(), Ok("2026-12-31T00:00:00Z"));
        assert_eq!(at("2026-12-31T18:00:00Z").as_deref(), Ok("2026-12-31T18:00:00Z"));
        assert!(at("tomorrow").is_err());
    }
}
