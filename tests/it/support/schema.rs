//! Published shapes of what receivers take, as JSON Schemas in `fixtures/wire/schema`.

use jsonschema::Validator;
use serde_json::Value;

use super::files::{read, repository};

/// A published shape.
#[derive(Debug)]
pub(crate) struct Schema {
    name: &'static str,
    validator: Validator,
}

impl Schema {
    pub(crate) fn named(name: &'static str) -> Self {
        let text = read(&repository(&format!("fixtures/wire/schema/{name}.json")));
        let schema: Value = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{name}: {error}"));
        let validator = jsonschema::options().should_validate_formats(true).build(&schema);
        Self { name, validator: validator.unwrap_or_else(|error| panic!("{name}: {error}")) }
    }

    /// What is wrong with a body.
    pub(crate) fn faults(&self, body: &[u8]) -> Vec<String> {
        match serde_json::from_slice::<Value>(body) {
            Ok(value) => {
                let faults = self.validator.iter_errors(&value);
                faults.map(|fault| format!("{} {}: {fault}", self.name, fault.instance_path())).collect()
            }
            Err(error) => vec![format!("{}: {error}", self.name)],
        }
    }
}
