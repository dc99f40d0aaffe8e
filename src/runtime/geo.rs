//! Where an address is, from a database file in `MaxMind`'s format: countries, or cities with coordinates.
//!
//! The file is read once, at the start, and held in memory: a new one is taken up at the next start, so that a replay
//! with the same file gives the same alerts, and so that no session is judged by two of them. What an event says of its
//! place itself counts more, and private addresses are in no such file. Coordinates that are not known to within
//! [`RADIUS_KM_MAX`] are the middle of a country or of nothing, and only their country is taken.
//!
//! Bound: the file, and the places of [`CACHED_MAX`] addresses. Blind spot: a tunnel's end is where the address is.

use std::net::IpAddr;
use std::path::{Path, PathBuf};

use hashbrown::HashMap;
use maxminddb::{MaxMindDbError, Reader};
use serde::Deserialize;

use super::metrics::GeoMetrics;
use crate::event::{Event, Geo};
use crate::time::Timestamp;

/// Radius within which an address lies, in km, above which its coordinates say nothing. Larger: the middle of a continent
/// counts as a place, and impossible ways lead there.
const RADIUS_KM_MAX: u16 = 500;
/// Addresses whose places are kept at hand. Fewer: each event of a fleet behind many addresses is looked up anew.
const CACHED_MAX: usize = 16_384;
/// Words of the types of database that tell of places.
const TYPES: [&str; 4] = ["city", "country", "enterprise", "insights"];

/// A database file that is of no use.
#[derive(Debug, thiserror::Error)]
pub enum GeoError {
    /// It cannot be read, or is none.
    #[error("the geography file {} cannot be used", path.display())]
    Unusable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: MaxMindDbError,
    },
    /// It tells of something else than places.
    #[error("the geography file {} is of type `{kind}`; give one of cities or countries", path.display())]
    NoPlaces {
        /// The file.
        path: PathBuf,
        /// Its type.
        kind: String,
    },
}

impl GeoError {
    /// The class of fault.
    #[must_use]
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Unusable { .. } => "unusable",
            Self::NoPlaces { .. } => "no_places",
        }
    }

    /// Whether trying again can help: never, the file or the settings must change.
    #[must_use]
    pub fn retry(&self) -> bool {
        false
    }
}

/// A database of places.
#[derive(Debug)]
pub struct GeoDatabase {
    reader: Reader<Vec<u8>>,
    known: HashMap<IpAddr, Option<Geo>>,
    metrics: Option<GeoMetrics>,
}

/// The part of a record that is read.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Record<'a> {
    #[serde(borrow)]
    country: Country<'a>,
    location: Location,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Country<'a> {
    iso_code: Option<&'a str>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Location {
    latitude: Option<f64>,
    longitude: Option<f64>,
    accuracy_radius: Option<u16>,
}

impl GeoDatabase {
    /// Reads a file.
    ///
    /// # Errors
    /// It cannot be read, is no such file, or tells of no places.
    pub fn open(path: &Path) -> Result<Self, GeoError> {
        let unusable = |source| GeoError::Unusable { path: path.to_owned(), source };
        let reader = Reader::open_readfile(path).map_err(unusable)?;
        let kind = &reader.metadata().database_type;
        let lower = kind.to_lowercase();
        if !TYPES.iter().any(|word| lower.contains(word)) {
            return Err(GeoError::NoPlaces { path: path.to_owned(), kind: kind.clone() });
        }
        Ok(Self { reader, known: HashMap::new(), metrics: None })
    }

    /// Walks through the whole file, as looking up every address would.
    ///
    /// # Errors
    /// Some of it is damaged.
    pub fn verify(&self, path: &Path) -> Result<(), GeoError> {
        self.reader.verify().map_err(|source| GeoError::Unusable { path: path.to_owned(), source })
    }

    /// Counts look-ups from now on, and tells of the file's age.
    #[must_use]
    pub fn measured(self, metrics: GeoMetrics) -> Self {
        metrics.build.set(self.reader.metadata().build_epoch as f64);
        Self { metrics: Some(metrics), ..self }
    }

    /// The type that the file gives itself, as `GeoLite2-City`.
    #[must_use]
    pub fn kind(&self) -> &str {
        &self.reader.metadata().database_type
    }

    /// When the file was built.
    #[must_use]
    pub fn built(&self) -> Timestamp {
        let micros = self.reader.metadata().build_epoch.saturating_mul(1_000_000);
        Timestamp::from_micros(i64::try_from(micros).unwrap_or(i64::MAX))
    }

    /// Says in an event where its address is, unless the event does.
    pub fn locate(&mut self, event: &mut Event) {
        if let (None, Some(ip)) = (&event.geo, event.ip) {
            event.geo = self.place(ip);
        }
    }

    fn place(&mut self, ip: IpAddr) -> Option<Geo> {
        if let Some(known) = self.known.get(&ip) {
            return known.clone();
        }
        let found = look_up(&self.reader, ip);
        if let Some(metrics) = &self.metrics {
            match &found {
                Ok(Some(_)) => metrics.found.inc(),
                Ok(None) => metrics.unknown.inc(),
                Err(_) => metrics.failed.inc(),
            }
        }
        let place = found.unwrap_or_default();
        if self.known.len() >= CACHED_MAX {
            self.known.clear();
        }
        self.known.insert(ip, place.clone());
        place
    }
}

fn look_up(reader: &Reader<Vec<u8>>, ip: IpAddr) -> Result<Option<Geo>, MaxMindDbError> {
    let Some(record) = reader.lookup(ip)?.decode::<Record<'_>>()? else { return Ok(None) };
    let at = record.location;
    let near = at.accuracy_radius.is_none_or(|radius| radius <= RADIUS_KM_MAX);
    let inside = |lat: f64, lon: f64| (-90.0..=90.0).contains(&lat) && (-180.0..=180.0).contains(&lon);
    let place = at.latitude.zip(at.longitude).filter(|&(lat, lon)| near && inside(lat, lon));
    let geo = Geo {
        country: record.country.iso_code.map(Into::into),
        lat: place.map(|(lat, _)| lat),
        lon: place.map(|(_, lon)| lon),
    };
    Ok((geo.country.is_some() || place.is_some()).then_some(geo))
}
