//! The fields of the contract by name, one by one: what a column of somebody's table can be mapped to.

/// A field of an event; the name is its path on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Field {
    /// `id`
    Id,
    /// `ts`
    Ts,
    /// `tenant`
    Tenant,
    /// `bot`
    Bot,
    /// `type`
    Type,
    /// `session`
    Session,
    /// `host`
    Host,
    /// `ip`
    Ip,
    /// `device`
    Device,
    /// `geo.country`
    GeoCountry,
    /// `geo.lat`
    GeoLat,
    /// `geo.lon`
    GeoLon,
    /// `system`
    System,
    /// `operation`
    Operation,
    /// `outcome`
    Outcome,
    /// `role`
    Role,
    /// `records_read`
    RecordsRead,
    /// `records_written`
    RecordsWritten,
    /// `bytes`
    Bytes,
    /// `producer`
    Producer,
    /// `seq`
    Seq,
    /// `run.phase`
    RunPhase,
    /// `run.trigger`
    RunTrigger,
    /// `run.by`
    RunBy,
    /// `login.method`
    LoginMethod,
    /// `login.interactive`
    LoginInteractive,
    /// `login.mfa`
    LoginMfa,
    /// `secret.name`
    SecretName,
    /// `secret.vault`
    SecretVault,
    /// `grant.role`
    GrantRole,
    /// `grant.change`
    GrantChange,
    /// `grant.by`
    GrantBy,
    /// `grant.ticket`
    GrantTicket,
    /// `control.action`
    ControlAction,
    /// `control.by`
    ControlBy,
    /// `control.mfa`
    ControlMfa,
    /// `control.ticket`
    ControlTicket,
    /// `transaction.kind`
    TransactionKind,
    /// `transaction.amount`
    TransactionAmount,
    /// `transaction.currency`
    TransactionCurrency,
    /// `transaction.counterparty`
    TransactionCounterparty,
    /// `transaction.account`
    TransactionAccount,
    /// `transaction.customer`
    TransactionCustomer,
    /// `transaction.object`
    TransactionObject,
    /// `transaction.approvers`
    TransactionApprovers,
    /// `transaction.by`
    TransactionBy,
}

/// What kind of value a field takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// A text.
    Text,
    /// A time.
    Time,
    /// A whole number that is not negative.
    Whole,
    /// A number.
    Number,
    /// True or false.
    Truth,
    /// A list of texts.
    Texts,
}

const TABLE: [(Field, &str, Shape); 46] = [
    (Field::Id, "id", Shape::Text),
    (Field::Ts, "ts", Shape::Time),
    (Field::Tenant, "tenant", Shape::Text),
    (Field::Bot, "bot", Shape::Text),
    (Field::Type, "type", Shape::Text),
    (Field::Session, "session", Shape::Text),
    (Field::Host, "host", Shape::Text),
    (Field::Ip, "ip", Shape::Text),
    (Field::Device, "device", Shape::Text),
    (Field::GeoCountry, "geo.country", Shape::Text),
    (Field::GeoLat, "geo.lat", Shape::Number),
    (Field::GeoLon, "geo.lon", Shape::Number),
    (Field::System, "system", Shape::Text),
    (Field::Operation, "operation", Shape::Text),
    (Field::Outcome, "outcome", Shape::Text),
    (Field::Role, "role", Shape::Text),
    (Field::RecordsRead, "records_read", Shape::Whole),
    (Field::RecordsWritten, "records_written", Shape::Whole),
    (Field::Bytes, "bytes", Shape::Whole),
    (Field::Producer, "producer", Shape::Text),
    (Field::Seq, "seq", Shape::Whole),
    (Field::RunPhase, "run.phase", Shape::Text),
    (Field::RunTrigger, "run.trigger", Shape::Text),
    (Field::RunBy, "run.by", Shape::Text),
    (Field::LoginMethod, "login.method", Shape::Text),
    (Field::LoginInteractive, "login.interactive", Shape::Truth),
    (Field::LoginMfa, "login.mfa", Shape::Truth),
    (Field::SecretName, "secret.name", Shape::Text),
    (Field::SecretVault, "secret.vault", Shape::Text),
    (Field::GrantRole, "grant.role", Shape::Text),
    (Field::GrantChange, "grant.change", Shape::Text),
    (Field::GrantBy, "grant.by", Shape::Text),
    (Field::GrantTicket, "grant.ticket", Shape::Text),
    (Field::ControlAction, "control.action", Shape::Text),
    (Field::ControlBy, "control.by", Shape::Text),
    (Field::ControlMfa, "control.mfa", Shape::Truth),
    (Field::ControlTicket, "control.ticket", Shape::Text),
    (Field::TransactionKind, "transaction.kind", Shape::Text),
    (Field::TransactionAmount, "transaction.amount", Shape::Number),
    (Field::TransactionCurrency, "transaction.currency", Shape::Text),
    (Field::TransactionCounterparty, "transaction.counterparty", Shape::Text),
    (Field::TransactionAccount, "transaction.account", Shape::Text),
    (Field::TransactionCustomer, "transaction.customer", Shape::Text),
    (Field::TransactionObject, "transaction.object", Shape::Text),
    (Field::TransactionApprovers, "transaction.approvers", Shape::Texts),
    (Field::TransactionBy, "transaction.by", Shape::Text),
];

impl Field {
    /// What every event must have.
    pub const REQUIRED: [Self; 3] = [Self::Ts, Self::Bot, Self::Type];

    /// How many there are.
    pub const COUNT: usize = TABLE.len();

    /// Every field, in the order of the contract.
    pub fn all() -> impl Iterator<Item = Self> {
        TABLE.into_iter().map(|(field, ..)| field)
    }

    /// Its path on the wire, as `transaction.amount`.
    #[must_use]
    pub fn path(self) -> &'static str {
        TABLE[self as usize].1
    }

    /// What kind of value it takes.
    #[must_use]
    pub fn shape(self) -> Shape {
        TABLE[self as usize].2
    }

    /// The field of a path.
    #[must_use]
    pub fn named(path: &str) -> Option<Self> {
        TABLE.into_iter().find(|(_, name, _)| *name == path).map(|(field, ..)| field)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_stands_in_the_order_of_the_fields() {
        for (nth, (field, path, shape)) in TABLE.into_iter().enumerate() {
            assert_eq!((field as usize, field.path(), field.shape()), (nth, path, shape));
            assert_eq!(Field::named(path), Some(field));
        }
        assert_eq!(Field::named("transaction"), None);
        assert_eq!(Field::all().count(), TABLE.len());
    }
}
