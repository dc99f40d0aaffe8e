//! Standard classifications of a finding, from the versioned table in `models/tags.toml`.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::alert::{Reason, Tags};

/// The table: dimension to technique ids.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TagTable {
    #[serde(rename = "version")]
    _version: u32,
    dimension: BTreeMap<String, DimensionTags>,
    /// Detectors that say more than their dimension.
    detector: BTreeMap<String, DimensionTags>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct DimensionTags {
    mitre_attack: Vec<String>,
    owasp_nhi: Vec<String>,
}

impl TagTable {
    /// The shipped table; empty if it could not be read, which its test excludes.
    pub(super) fn shipped() -> Self {
        toml::from_str(include_str!("../../models/tags.toml")).unwrap_or(Self {
            _version: 0,
            dimension: BTreeMap::new(),
            detector: BTreeMap::new(),
        })
    }

    /// The classifications of all reasons, in their order, each once.
    pub(super) fn of(&self, reasons: &[Reason]) -> Tags {
        let mut tags = Tags::default();
        let entry = |reason: &Reason| {
            self.detector.get(&reason.detector).or_else(|| self.dimension.get(reason.dimension.as_str()))
        };
        for entry in reasons.iter().filter_map(entry) {
            for (list, more) in [(&mut tags.mitre_attack, &entry.mitre_attack), (&mut tags.owasp_nhi, &entry.owasp_nhi)]
            {
                for tag in more {
                    if !list.contains(tag) {
                        list.push(tag.clone());
                    }
                }
            }
        }
        tags
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alert::Dimension;

    #[test]
    fn every_line_of_the_table_names_a_dimension() {
        let table = TagTable::shipped();
        assert!(!table.dimension.is_empty());
        for name in table.dimension.keys() {
            assert!(Dimension::ALL.iter().any(|d| d.as_str() == name), "{name}");
        }
    }
}
