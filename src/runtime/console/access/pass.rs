//! Tokens of forms: that a form is ours, of this browser or session, and not too old. Whoever cannot read our pages has none.

use super::{Access, GUEST, is_foreign};
use crate::runtime::clock;

/// Seconds for which a form that decides can be sent: an incident's page stays open for a shift.
const DECIDE_SECS: i64 = 12 * 3600;

impl Access {
    /// A token for the form to sign out, for whoever is signed in. It holds for as long as the session.
    pub(in crate::runtime::console) fn leave_token(&self) -> Option<String> {
        GUEST.try_with(|guest| self.sign("sign-out", &guest.token).to_string()).ok()
    }

    /// Whether a token lets a session be ended.
    pub(super) fn may_leave(&self, session: &str, token: &str) -> bool {
        blake3::Hash::from_hex(token).is_ok_and(|sent| sent == self.sign("sign-out", session))
    }

    /// A token for forms that decide, of the session; where nobody is asked who is there, of everybody who can read a page.
    pub(in crate::runtime::console) fn decide_token(&self) -> String {
        self.form_token(&decider())
    }

    /// Whether a form that decides is ours and comes from a page of ours.
    pub(in crate::runtime::console) fn may_decide(&self, headers: &axum::http::HeaderMap, token: &str) -> bool {
        !is_foreign(headers) && self.holds(token, &decider(), DECIDE_SECS)
    }

    /// A token for a form of somebody: a time, signed.
    pub(super) fn form_token(&self, whose: &str) -> String {
        let at = now_secs();
        format!("{at}.{}", self.sign(&at.to_string(), whose))
    }

    /// Whether a form's token is ours, of this browser or session, and not too old.
    pub(super) fn holds(&self, token: &str, whose: &str, secs_max: i64) -> bool {
        let Some((text, signature)) = token.split_once('.') else { return false };
        let Ok(at) = text.parse::<i64>() else { return false };
        let own = blake3::Hash::from_hex(signature).is_ok_and(|signature| signature == self.sign(text, whose));
        own && !whose.is_empty() && (0..=secs_max).contains(&(now_secs() - at))
    }

    /// Compared in constant time, as hashes are.
    fn sign(&self, what: &str, whose: &str) -> blake3::Hash {
        blake3::keyed_hash(&self.key, format!("{what}\0{whose}").as_bytes())
    }
}

/// Who decides, apart from what a cookie could hold.
fn decider() -> String {
    let session = GUEST.try_with(|guest| guest.token.clone()).unwrap_or_default();
    format!("decide\0{session}")
}

fn now_secs() -> i64 {
    clock::wall().as_micros() / 1_000_000
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_of_another_process_or_browser_is_refused() {
        let (ours, theirs) = (Access::open(None).expect("opens"), Access::open(None).expect("opens"));
        let token = ours.form_token("a");
        let holds = |access: &Access, token: &str, whose: &str| access.holds(token, whose, 3600);
        assert!(holds(&ours, &token, "a") && !holds(&theirs, &token, "a") && !holds(&ours, &token, "b"));
        assert!(!holds(&ours, &ours.form_token(""), ""), "a browser without its cookie");
        for bad in ["", ".", "1.aa", &token.replace('.', ""), &token[..token.len() - 1]] {
            assert!(!holds(&ours, bad, "a"), "{bad}");
        }
        assert!(!ours.holds(&token, "a", -1), "too old");
    }
}
