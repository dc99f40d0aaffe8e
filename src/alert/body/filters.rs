//! Filters beside those of Jinja: texts cut to what a service takes, and made harmless in its markup.

use minijinja::Environment;

/// Adds the filters.
pub(super) fn add(environment: &mut Environment<'static>) {
    environment.add_filter("clip", |text: &str, chars_max: usize| clip(text, chars_max));
    environment.add_filter("mrkdwn", |text: &str| mrkdwn(text));
    environment.add_filter("markdown", |text: &str| markdown(text));
    environment.add_filter("urlpart", |text: &str| urlpart(text));
}

/// At most so many characters, the last of which says that there were more.
fn clip(text: &str, chars_max: usize) -> String {
    match text.char_indices().nth(chars_max) {
        None => text.to_owned(),
        Some(_) => text.chars().take(chars_max.saturating_sub(1)).chain(['…']).collect(),
    }
}

/// A text in Slack's markup that makes no link and mentions nobody, in a place marked `verbatim`, where Slack looks for
/// neither by itself. Stars and the like may still make it bold, for which Slack has no escape.
fn mrkdwn(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// A text as Markdown shows it letter by letter: no links, no headings, no lists.
fn markdown(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_ascii_punctuation() && !matches!(c, '.' | ',' | ':' | ';' | '/' | '\'' | '"' | '?' | '%' | '=') {
            plain.push('\\');
        }
        plain.push(c);
    }
    plain
}

/// A text as a part of the path of an address.
fn urlpart(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~');
    let encode = |byte: u8| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") };
    text.bytes().map(encode).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_cut_at_characters() {
        assert_eq!(clip("aäö", 3), "aäö");
        assert_eq!(clip("aäöü", 3), "aä…");
        assert_eq!(clip("a", 0), "…");
        assert_eq!(urlpart("a/b ü"), "a%2Fb%20%C3%BC");
    }

    #[test]
    fn no_markup_gets_through() {
        assert_eq!(mrkdwn("<!channel> & <http://evil|here>"), "&lt;!channel&gt; &amp; &lt;http://evil|here&gt;");
        assert_eq!(markdown("[a](http://evil) *b* 1.5"), "\\[a\\]\\(http://evil\\) \\*b\\* 1.5");
    }
}
