//! Names as subject tokens: `.`, `*`, `>`, blanks and `%` are percent-encoded, so that any bot's name fits a subject.

use std::borrow::Cow;

/// Whom a subject speaks for, decoded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SubjectIdentity<'a> {
    /// The tenant's token.
    pub tenant: Cow<'a, str>,
    /// The bot's token.
    pub bot: Cow<'a, str>,
}

/// Encodes a name as one token of a subject. An empty name becomes `%`, which no other name encodes to.
#[must_use]
pub fn encode_token(name: &str) -> Cow<'_, str> {
    let special = |c: char| matches!(c, '.' | '*' | '>' | '%') || c.is_whitespace() || c.is_control();
    if name.is_empty() {
        return Cow::Borrowed("%");
    }
    if !name.contains(special) {
        return Cow::Borrowed(name);
    }
    let mut out = String::with_capacity(name.len() + 8);
    let mut buffer = [0; 4];
    for c in name.chars() {
        if special(c) {
            for byte in c.encode_utf8(&mut buffer).bytes() {
                out.push('%');
                out.push(hex(byte >> 4));
                out.push(hex(byte & 15));
            }
        } else {
            out.push(c);
        }
    }
    Cow::Owned(out)
}

/// Decodes a token; `None` where its percent signs or its UTF-8 are broken.
#[must_use]
pub fn decode_token(token: &str) -> Option<Cow<'_, str>> {
    if token == "%" {
        return Some(Cow::Borrowed(""));
    }
    if !token.contains('%') {
        return Some(Cow::Borrowed(token));
    }
    let mut bytes = Vec::with_capacity(token.len());
    let mut rest = token.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let high = char::from(rest.next()?).to_digit(16)?;
            let low = char::from(rest.next()?).to_digit(16)?;
            bytes.push((high * 16 + low) as u8);
        } else {
            bytes.push(byte);
        }
    }
    String::from_utf8(bytes).ok().map(Cow::Owned)
}

/// Reads tenant and bot off a subject `<prefix>.<tenant>.<bot>`; `None` where it has another shape.
#[must_use]
pub fn identity<'a>(subject: &'a str, prefix: &str) -> Option<SubjectIdentity<'a>> {
    let rest = subject.strip_prefix(prefix)?.strip_prefix('.')?;
    let (tenant, bot) = rest.split_once('.')?;
    if tenant.is_empty() || bot.is_empty() || bot.contains('.') {
        return None;
    }
    Some(SubjectIdentity { tenant: decode_token(tenant)?, bot: decode_token(bot)? })
}

fn hex(nibble: u8) -> char {
    char::from_digit(u32::from(nibble), 16).map_or('0', |c| c.to_ascii_uppercase())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn special_characters_are_encoded() {
        assert_eq!(encode_token("svc.pay roll*>%"), "svc%2Epay%20roll%2A%3E%25");
        assert_eq!(encode_token("plain-bot_1"), "plain-bot_1");
    }

    #[test]
    fn a_subject_tells_whom_it_speaks_for() {
        let found = identity("humdrum.events.acme.svc%2Epay", "humdrum.events").expect("an identity");
        assert_eq!((found.tenant.as_ref(), found.bot.as_ref()), ("acme", "svc.pay"));
        for subject in [
            "humdrum.events.acme",
            "humdrum.events.a.b.c",
            "other.acme.bot",
            "humdrum.events..b",
            "humdrum.events.a.%GG",
        ] {
            assert_eq!(identity(subject, "humdrum.events"), None, "{subject}");
        }
    }

    proptest! {
        #[test]
        fn every_name_survives_the_subject(name in "\\PC*|[a-z.*>% \\t\\n]{0,20}") {
            let token = encode_token(&name);
            prop_assert!(!token.contains(['.', '*', '>', ' ', '\t', '\n']));
            let decoded = decode_token(&token).expect("decodes");
            prop_assert_eq!(decoded.as_ref(), name.as_str());
        }
    }
}
