//! The words of an office: systems, what they hold, and how each of them spells its endpoints.
//!
//! Two bots of one tenant see the same spelling of one system; two tenants may run different releases of it.

use compact_str::format_compact;

use super::chance::{Purpose, mix};
use crate::event::Text;

/// How a system spells its endpoints.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Style {
    Rest,
    Sql,
    Rpc,
    Screen,
    File,
    Queue,
    Directory,
}

/// What is done to an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verb {
    List,
    Get,
    Check,
    Create,
    Update,
    Finish,
    Export,
    Delete,
}

/// A kind of system that an office has.
#[derive(Debug)]
pub(crate) struct SystemSort {
    pub(crate) name: &'static str,
    pub(crate) style: Style,
    pub(crate) nouns: &'static [&'static str],
}

const fn sort(name: &'static str, style: Style, nouns: &'static [&'static str]) -> SystemSort {
    SystemSort { name, style, nouns }
}

/// Every system, each in a place that the kinds of bot refer to.
pub(crate) const SYSTEMS: [SystemSort; 20] = [
    sort("sap-erp", Style::Screen, &["FB60", "FBL1N", "MIRO", "ME23N", "FK03", "F110", "FS10N", "VA03"]),
    sort("core-banking", Style::Rpc, &["Account", "Posting", "StandingOrder", "Statement", "Mandate", "Limit", "Fee"]),
    sort("salesforce", Style::Rest, &["accounts", "cases", "contacts", "opportunities", "quotes", "tasks", "leads"]),
    sort("claims-hub", Style::Rest, &["claims", "policies", "documents", "assessments", "payouts", "parties"]),
    sort("snowflake", Style::Sql, &["sales_daily", "positions", "customers", "ledger", "fx_rates", "claims", "events"]),
    sort(
        "oracle-gl",
        Style::Sql,
        &["gl_balances", "gl_journals", "gl_periods", "ap_invoices", "ar_receipts", "assets"],
    ),
    sort("sftp-gateway", Style::File, &["statements", "payments", "remittance", "hr", "rates", "regulatory", "scans"]),
    sort("workday", Style::Rest, &["workers", "positions", "absences", "organizations", "payslips", "contracts"]),
    sort("active-directory", Style::Directory, &["users", "groups", "computers", "units", "policies"]),
    sort("okta", Style::Rest, &["users", "groups", "apps", "factors", "sessions", "assignments"]),
    sort("servicenow", Style::Rest, &["incidents", "requests", "changes", "approvals", "assets", "catalog"]),
    sort("orders-queue", Style::Queue, &["orders", "returns", "shipments", "notices", "corrections"]),
    sort("mail-gateway", Style::Rest, &["messages", "templates", "attachments", "mailboxes", "bounces"]),
    sort("document-archive", Style::Rest, &["documents", "folders", "indexes", "retentions", "renditions"]),
    sort("payments-hub", Style::Rest, &["payments", "batches", "payees", "mandates", "approvals", "statements"]),
    sort("mainframe", Style::Screen, &["CIF1", "LNQ2", "DDA4", "TRN7", "GLX3", "CRD5"]),
    sort("warehouse-api", Style::Rpc, &["Stock", "Bin", "Pick", "Carrier", "Delivery", "Count"]),
    sort("risk-engine", Style::Rpc, &["Exposure", "Score", "Collateral", "Scenario", "Portfolio"]),
    sort("tax-portal", Style::Rest, &["filings", "declarations", "certificates", "notices", "rates"]),
    sort("object-store", Style::File, &["landing", "curated", "exports", "models", "backups", "reports"]),
];

/// The endpoint of a system for something that is done to an object, as this tenant's release spells it.
pub(crate) fn operation(seed: u64, tenant: usize, system: usize, verb: Verb, noun: usize) -> Text {
    let sort = &SYSTEMS[system % SYSTEMS.len()];
    let noun = sort.nouns[noun % sort.nouns.len()];
    let release = mix(seed, &[Purpose::Tenant as u64, tenant as u64, system as u64]);
    match sort.style {
        Style::Rest => rest(["", "/api/v1", "/v2", "/rest/2024-06"][(release % 4) as usize], verb, noun),
        Style::Sql => sql(["dwh", "core", "mart", "fin"][(release % 4) as usize], verb, noun),
        Style::Rpc => format_compact!("{noun}Service/{}", word(verb)),
        Style::Screen => format_compact!("{noun}.{}", word(verb).to_ascii_lowercase()),
        Style::File => file(verb, noun),
        Style::Queue => format_compact!("{noun}.{}", queue_word(verb)),
        Style::Directory => format_compact!("ldap {} ou={noun}", directory_word(verb)),
    }
}

fn rest(prefix: &str, verb: Verb, noun: &str) -> Text {
    match verb {
        Verb::List => format_compact!("GET {prefix}/{noun}"),
        Verb::Get => format_compact!("GET {prefix}/{noun}/{{id}}"),
        Verb::Check => format_compact!("POST {prefix}/{noun}/{{id}}/validate"),
        Verb::Create => format_compact!("POST {prefix}/{noun}"),
        Verb::Update => format_compact!("PATCH {prefix}/{noun}/{{id}}"),
        Verb::Finish => format_compact!("POST {prefix}/{noun}/{{id}}/complete"),
        Verb::Export => format_compact!("POST {prefix}/{noun}/export"),
        Verb::Delete => format_compact!("DELETE {prefix}/{noun}/{{id}}"),
    }
}

fn sql(schema: &str, verb: Verb, noun: &str) -> Text {
    match verb {
        Verb::List => format_compact!("SELECT {schema}.{noun}"),
        Verb::Get => format_compact!("SELECT {schema}.{noun} BY KEY"),
        Verb::Check => format_compact!("SELECT COUNT {schema}.{noun}"),
        Verb::Create => format_compact!("INSERT {schema}.{noun}"),
        Verb::Update => format_compact!("MERGE {schema}.{noun}"),
        Verb::Finish => format_compact!("CALL {schema}.close_{noun}"),
        Verb::Export => format_compact!("UNLOAD {schema}.{noun}"),
        Verb::Delete => format_compact!("DELETE {schema}.{noun}"),
    }
}

fn file(verb: Verb, noun: &str) -> Text {
    match verb {
        Verb::List => format_compact!("LIST /{noun}"),
        Verb::Get => format_compact!("GET /{noun}/{{file}}"),
        Verb::Check => format_compact!("STAT /{noun}/{{file}}"),
        Verb::Create => format_compact!("PUT /{noun}/{{file}}"),
        Verb::Update => format_compact!("APPEND /{noun}/{{file}}"),
        Verb::Finish => format_compact!("MOVE /{noun}/{{file}} /done"),
        Verb::Export => format_compact!("GET /{noun}/archive"),
        Verb::Delete => format_compact!("DELETE /{noun}/{{file}}"),
    }
}

fn word(verb: Verb) -> &'static str {
    match verb {
        Verb::List => "Search",
        Verb::Get => "Display",
        Verb::Check => "Check",
        Verb::Create => "Create",
        Verb::Update => "Change",
        Verb::Finish => "Post",
        Verb::Export => "Download",
        Verb::Delete => "Delete",
    }
}

fn queue_word(verb: Verb) -> &'static str {
    match verb {
        Verb::List => "receive",
        Verb::Get => "peek",
        Verb::Check => "depth",
        Verb::Create => "publish",
        Verb::Update => "requeue",
        Verb::Finish => "ack",
        Verb::Export => "drain",
        Verb::Delete => "purge",
    }
}

fn directory_word(verb: Verb) -> &'static str {
    match verb {
        Verb::List => "search",
        Verb::Get => "read",
        Verb::Check => "compare",
        Verb::Create => "add",
        Verb::Update => "modify",
        Verb::Finish => "enable",
        Verb::Export => "replicate",
        Verb::Delete => "delete",
    }
}

/// First names of people who own, operate and approve.
pub(crate) const PEOPLE: [&str; 24] = [
    "anna.keller",
    "ben.ortiz",
    "carla.weiss",
    "deepa.nair",
    "emil.hansen",
    "farah.aziz",
    "george.lin",
    "hanna.voss",
    "ivan.petrov",
    "julia.moser",
    "kofi.mensah",
    "lena.braun",
    "marco.riva",
    "nadia.haddad",
    "omar.said",
    "petra.klein",
    "quentin.roy",
    "rosa.diaz",
    "sam.taylor",
    "tina.cheng",
    "uwe.lang",
    "vera.novak",
    "wei.tan",
    "yuki.mori",
];
