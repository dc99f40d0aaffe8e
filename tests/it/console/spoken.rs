//! What people say in the console: looked at, kept, taken back; by whom, and from where.

use humdrum::config::ConsoleConfig;
use humdrum::runtime::console::hash;
use reqwest::header::{COOKIE, LOCATION, SET_COOKIE};

use crate::support::console::{Stand, settings};
use crate::support::files::write;

const PASSWORD: &str = "correct horse battery";

/// Whoever reads and sends forms: in a session or in none.
struct Person<'a> {
    stand: &'a Stand,
    cookie: String,
}

fn encode(pairs: &[(&str, &str)]) -> String {
    let byte = |byte: u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' => char::from(byte).to_string(),
        byte => format!("%{byte:02X}"),
    };
    let text = |text: &str| text.bytes().map(byte).collect::<String>();
    pairs.iter().map(|(name, value)| format!("{}={}", text(name), text(value))).collect::<Vec<_>>().join("&")
}

/// A hidden field of a page's first form that has it.
fn field(page: &str, name: &str) -> String {
    let begin = format!("name=\"{name}\" value=\"");
    let (_, rest) = page.split_once(&begin).unwrap_or_else(|| panic!("no {name} in {page}"));
    rest.split_once('"').expect("an end").0.to_owned()
}

impl<'a> Person<'a> {
    async fn signed_in(stand: &'a Stand, name: &str) -> Self {
        let answer = stand.http.get(stand.url("/sign-in")).send().await.expect("an answer");
        let cookie = |answer: &reqwest::Response| {
            answer.headers()[SET_COOKIE].to_str().expect("text").split(';').next().expect("a pair").to_owned()
        };
        let stranger = Self { stand, cookie: cookie(&answer) };
        let token = field(&answer.text().await.expect("a page"), "token");
        let pairs = [("name", name), ("password", PASSWORD), ("token", token.as_str()), ("to", "/")];
        let entered = stranger.send("/sign-in", &pairs, None).await;
        assert_eq!(entered.status().as_u16(), 303);
        Self { stand, cookie: cookie(&entered) }
    }

    async fn read(&self, path: &str) -> String {
        let answer = self.stand.http.get(self.stand.url(path)).header(COOKIE, &self.cookie).send().await;
        answer.expect("an answer").text().await.expect("a page")
    }

    async fn send(&self, path: &str, pairs: &[(&str, &str)], site: Option<&str>) -> reqwest::Response {
        let request = self.stand.http.post(self.stand.url(path)).header(COOKIE, &self.cookie).body(encode(pairs));
        let request = request.header("content-type", "application/x-www-form-urlencoded");
        let request = site.into_iter().fold(request, |request, site| request.header("sec-fetch-site", site));
        request.send().await.expect("an answer")
    }

    /// Sends a form and gives the status, where it leads and what it says.
    async fn say(&self, path: &str, pairs: &[(&str, &str)]) -> (u16, String, String) {
        let answer = self.send(path, pairs, Some("same-origin")).await;
        let leads = answer.headers().get(LOCATION).map(|to| to.to_str().expect("text").to_owned()).unwrap_or_default();
        (answer.status().as_u16(), leads, answer.text().await.expect("a page"))
    }
}

#[tokio::test]
async fn a_word_is_looked_at_kept_once_and_taken_back() {
    let stand = Stand::lively(&settings()).await;
    let anybody = Person { stand: &stand, cookie: "a=b".to_owned() };
    let alert = stand.incident(|_| true);
    let (path, tenant) = (format!("/incidents/{}", alert.incident), alert.tenant.clone());
    let say = format!("{path}/feedback");
    let page = anybody.read(&path).await;
    assert!(page.contains("Nobody has said anything yet."), "{page}");
    let (token, nonce) = (field(&page, "token"), field(&page, "nonce"));
    let form = |more: &[(&'static str, &'static str)]| {
        let own = [("token", token.clone()), ("nonce", nonce.clone())];
        own.into_iter().chain(more.iter().map(|(name, value)| (*name, (*value).to_owned()))).collect::<Vec<_>>()
    };
    let sent = async |more: &[(&'static str, &'static str)]| {
        let owned = form(more);
        let pairs: Vec<(&str, &str)> = owned.iter().map(|(name, value)| (*name, value.as_str())).collect();
        anybody.say(&say, &pairs).await
    };
    let word = [("verdict", "false"), ("by", "ann"), ("comment", "CHG-7 <b>")];
    let (status, _, shown) = sent(&word).await;
    assert!(status == 200 && shown.contains("nothing is kept yet") && shown.contains("CHG-7 &lt;b&gt;"), "{shown}");
    assert!(anybody.read(&path).await.contains("Nobody has said anything yet."), "a preview changes nothing");
    for (pairs, told) in [
        (&[("verdict", "false")][..], "Say who you are."),
        (&[("by", "ann")], "Choose what it was."),
        (
            &[("verdict", "expected"), ("by", "ann"), ("until", "2029-01-01"), ("comment", "c")],
            "It is not taken: `until` is ",
        ),
    ] {
        let (status, _, said) = sent(pairs).await;
        let said = said.replace("<code>", "`").replace("</code>", "`");
        assert!(status == 422 && said.contains(told), "{told}: {said}");
    }
    let keep = [&word[..], &[("step", "save")]].concat();
    let (status, leads, _) = sent(&keep).await;
    assert!(status == 303 && leads.starts_with(&format!("{path}#fb-")), "{status} {leads}");
    assert_eq!(sent(&keep).await.1, leads, "the same form again is the same word");
    let id = leads.split_once('#').expect("a place").1;
    let page = anybody.read(&path).await;
    assert_eq!(page.matches(&format!("<li id=\"{id}\"")).count(), 1, "{page}");
    assert!(page.contains("says it was nothing") && page.contains("<b>ann</b>"), "{page}");
    let back = [
        ("token", token.as_str()),
        ("nonce", "n"),
        ("tenant", tenant.as_str()),
        ("by", "bob"),
        ("undoes", id),
        ("back", path.as_str()),
    ];
    assert_eq!(anybody.say("/feedback/undo", &back).await.1, leads);
    assert!(anybody.read(&path).await.contains("taken back by bob"));
    let (status, _, said) = anybody.say("/feedback/undo", &[&back[..], &[("nonce", "m")]].concat()).await;
    assert!(status == 422 && said.contains("holds no longer"), "{said}");
    let bot = format!("/bot?tenant={tenant}&bot={}", alert.bot.as_deref().expect("a bot"));
    assert!(anybody.read(&bot).await.contains("taken back by bob"), "the bot's page has the history, too");
    stand.stop().await;
}

#[tokio::test]
async fn forms_from_elsewhere_and_of_others_are_refused() {
    let stand = Stand::lively(&settings()).await;
    let anybody = Person { stand: &stand, cookie: String::from("a=b") };
    let path = format!("/incidents/{}", stand.incident(|_| true).incident);
    let token = field(&anybody.read(&path).await, "token");
    let word = |token: &'static str| [("token", token), ("now", "acknowledge"), ("by", "eve")];
    let own = [("token", token.as_str()), ("now", "acknowledge"), ("by", "eve")];
    let say = format!("{path}/feedback");
    for (pairs, site) in
        [(own, "cross-site"), (own, "same-site"), (word(""), "same-origin"), (word("1.2"), "same-origin")]
    {
        let answer = anybody.send(&say, &pairs, Some(site)).await;
        let (status, page) = (answer.status().as_u16(), answer.text().await.expect("a page"));
        assert!(status == 403 && page.contains("The form is too old, or came from elsewhere."), "{site}: {page}");
    }
    assert_eq!(anybody.send(&say, &own, Some("same-origin")).await.status().as_u16(), 303);
    assert!(anybody.read(&path).await.contains("<b>eve</b> is on it"));
    let (status, _, page) = anybody.say("/incidents/inc-none/feedback", &own).await;
    assert!(status == 404 && page.contains("is remembered."), "{page}");
    stand.stop().await;
}

#[tokio::test]
async fn who_only_reads_is_refused_and_an_operators_name_is_their_own() {
    let dir = tempfile::tempdir().expect("a directory");
    let (users, hash) = (dir.path().join("users"), hash(PASSWORD).expect("hashes"));
    write(&users, format!("ann:{hash}:operator\nvic:{hash}\n"));
    let stand = Stand::lively(&ConsoleConfig { users_file: Some(users), ..settings() }).await;
    let (ann, vic) = (Person::signed_in(&stand, "ann").await, Person::signed_in(&stand, "vic").await);
    let path = format!("/incidents/{}", stand.incident(|_| true).incident);
    let say = format!("{path}/feedback");
    let page = ann.read(&path).await;
    let form = page.split_once("id=\"say\"").expect("a form").1;
    let token = field(form, "token");
    let word = [("token", token.as_str()), ("now", "acknowledge"), ("by", "somebody else")];
    let read = vic.read(&path).await;
    assert!(!read.contains("id=\"say\"") && read.contains("operators say what it was"), "{read}");
    let (status, _, page) = vic.say(&say, &word).await;
    assert!(status == 403 && page.contains("You may read here and not decide."), "{page}");
    assert_eq!(vic.say("/feedback/undo", &word).await.0, 403);
    assert_eq!(ann.say(&say, &word).await.0, 303);
    let page = ann.read(&path).await;
    assert!(page.contains("<b>ann</b> is on it") && !page.contains("somebody else"), "{page}");
    let stranger = Person { stand: &stand, cookie: "a=b".to_owned() };
    let (status, leads, _) = stranger.say(&say, &word).await;
    assert!(status == 303 && leads.starts_with("/sign-in?to="), "{status} {leads}");
    stand.stop().await;
}
