//! A real Prometheus, one for each test: its own port, its own directory, ended by its own pid. And promtool.

use std::io::Write;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use reqwest::header::CONTENT_TYPE;
use serde_json::Value;
use tempfile::TempDir;

use super::files::{read, repository, write};
use super::{free_address, until};

/// Said where a tool is missing.
const INSTALL: &str = "install Prometheus (Debian: `apt-get install prometheus`, which brings promtool)";

/// A running server. It ends with the value.
#[derive(Debug)]
pub(crate) struct Prometheus {
    child: Child,
    address: SocketAddr,
    dir: TempDir,
    http: reqwest::Client,
}

/// One rule as the server sees it.
#[derive(Debug)]
pub(crate) struct Rule {
    pub(crate) name: String,
    pub(crate) query: String,
    pub(crate) health: String,
}

impl Prometheus {
    /// Starts a server that scrapes the target as job `humdrum` each second and watches by our alert rules. Waits for
    /// the first scrape, so that what happens from here on is a change that `rate` can see.
    pub(crate) async fn start(target: SocketAddr) -> Self {
        let (dir, address) = (tempfile::tempdir().expect("a directory"), free_address());
        let rules = repository("grafana/rules/humdrum.rules.yml");
        let config = format!(
            "global: {{scrape_interval: 1s, evaluation_interval: 1s}}\nrule_files: ['{}']\nscrape_configs:\n- job_name: \
            humdrum\n  static_configs: [{{targets: ['{target}']}}]\n",
            rules.display()
        );
        write(&dir.path().join("prometheus.yml"), config);
        let child = spawn(dir.path(), address);
        let mut server = Self { child, address, dir, http: reqwest::Client::new() };
        server.wait().await;
        server
    }

    /// Values of an instant query now.
    pub(crate) async fn query(&self, expression: &str) -> Result<Vec<f64>, String> {
        let url = format!("http://{}/api/v1/query", self.address);
        let form = format!("query={}", percent_encode(expression));
        let request = self.http.post(url).header(CONTENT_TYPE, "application/x-www-form-urlencoded").body(form);
        let answer = request.send().await.map_err(|error| error.to_string())?;
        let answer: Value = answer.json().await.map_err(|error| error.to_string())?;
        if answer["status"] != "success" {
            return Err(format!("{}", answer["error"]));
        }
        let number = |value: &Value| value[1].as_str().and_then(|text| text.parse().ok()).expect("a number");
        let result = &answer["data"]["result"];
        Ok(match answer["data"]["resultType"].as_str() {
            Some("scalar") => vec![number(result)],
            Some("vector") => result.as_array().expect("a list").iter().map(|item| number(&item["value"])).collect(),
            other => panic!("{expression}: {other:?} is no instant value"),
        })
    }

    /// The one value of a query that must have at most one; an expression that is wrong ends the test.
    pub(crate) async fn value(&self, expression: &str) -> Option<f64> {
        let values = self.query(expression).await.unwrap_or_else(|error| panic!("{expression}: {error}"));
        assert!(values.len() <= 1, "{expression}: {values:?}");
        values.first().copied()
    }

    /// Waits until a query has this one value.
    pub(crate) async fn becomes(&self, expression: &str, wanted: f64) {
        let is = |value: f64| (value - wanted).abs() < 1e-9;
        until(&format!("{expression} = {wanted}"), || async { self.value(expression).await.is_some_and(is) }).await;
    }

    /// Every alert rule.
    pub(crate) async fn rules(&self) -> Vec<Rule> {
        let url = format!("http://{}/api/v1/rules", self.address);
        let answer: Value = self.http.get(url).send().await.expect("answers").json().await.expect("JSON");
        let groups = answer["data"]["groups"].as_array().expect("groups");
        let rules = groups.iter().flat_map(|group| group["rules"].as_array().expect("rules"));
        let text = |value: &Value| value.as_str().expect("a text").to_owned();
        rules
            .map(|rule| Rule { name: text(&rule["name"]), query: text(&rule["query"]), health: text(&rule["health"]) })
            .collect()
    }

    async fn wait(&mut self) {
        let (url, http, dir, child) = (self.address, self.http.clone(), self.dir.path(), &mut self.child);
        until("prometheus", || {
            let runs = child.try_wait().expect("can be asked").is_none();
            assert!(runs, "prometheus ended at its start:\n{}", read(&dir.join("log")));
            let answer = http.get(format!("http://{url}/-/ready")).send();
            async { answer.await.is_ok_and(|answer| answer.status().is_success()) }
        })
        .await;
        self.becomes("up{job=\"humdrum\"}", 1.0).await;
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

fn spawn(dir: &Path, address: SocketAddr) -> Child {
    let log = std::fs::OpenOptions::new().create(true).append(true).open(dir.join("log")).expect("a log");
    Command::new(tool("PROMETHEUS_BIN", "prometheus"))
        .arg(format!("--config.file={}", dir.join("prometheus.yml").display()))
        .arg(format!("--storage.tsdb.path={}", dir.join("store").display()))
        .arg(format!("--web.listen-address={address}"))
        .stdout(Stdio::null())
        .stderr(log)
        .spawn()
        .unwrap_or_else(|error| panic!("prometheus: {error}; {INSTALL} or set PROMETHEUS_BIN"))
}

/// Runs promtool: whether it was content, and everything that it said.
pub(crate) fn promtool(arguments: &[&str], input: &str) -> (bool, String) {
    let mut child = Command::new(tool("PROMTOOL_BIN", "promtool"))
        .args(arguments)
        .current_dir(repository("grafana/rules"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("promtool: {error}; {INSTALL} or set PROMTOOL_BIN"));
    let mut stdin = child.stdin.take().expect("a pipe");
    stdin.write_all(input.as_bytes()).expect("sent");
    drop(stdin);
    let output = child.wait_with_output().expect("an end");
    let said = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8_lossy(&said).into_owned())
}

fn tool(variable: &str, name: &str) -> PathBuf {
    std::env::var_os(variable).map_or_else(|| PathBuf::from(name), PathBuf::from)
}

fn percent_encode(text: &str) -> String {
    text.bytes().fold(String::new(), |encoded, byte| encoded + &format!("%{byte:02X}"))
}
