//! Places on the earth: a name for one, and whether anything travels from one to the other in the time.

use serde::{Deserialize, Serialize};

use crate::event::{Geo, Text};
use crate::time::Timestamp;

/// Speed that nothing on the ground or in the air reaches, in km/h; airliners do about 900.
const SPEED_MAX_KMH: f64 = 1_000.0;
/// Distance in km below which addresses are not told apart: they are looked up, and wrong by the width of a country.
const APART_MIN_KM: f64 = 400.0;
/// Mean radius of the earth, in km.
const EARTH_RADIUS_KM: f64 = 6_371.0;

/// Where an identity was at a time.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(in crate::detect) struct Sighting {
    /// Seconds since 1970, which is as exact as places are.
    secs: u32,
    lat: f32,
    lon: f32,
}

/// A way that cannot have been travelled.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(in crate::detect) struct Travel {
    pub km: f32,
    pub minutes: f32,
}

/// The place of an event, to a degree; without coordinates its country.
pub(in crate::detect) fn name(geo: &Geo) -> Option<Text> {
    let country = geo.country.as_deref().unwrap_or("");
    match (geo.lat, geo.lon) {
        (Some(lat), Some(lon)) => Some(compact_str::format_compact!("{country} {lat:.0},{lon:.0}")),
        _ => geo.country.clone(),
    }
}

impl Sighting {
    /// A sighting, where the event has coordinates.
    pub(in crate::detect) fn new(ts: Timestamp, geo: &Geo) -> Option<Self> {
        let secs = ts.as_micros().div_euclid(1_000_000).clamp(0, i64::from(u32::MAX)) as u32;
        Some(Self { secs, lat: geo.lat? as f32, lon: geo.lon? as f32 })
    }

    /// The way to another sighting, if nothing travels it in the time between, whichever was first.
    pub(in crate::detect) fn impossible(&self, other: &Self) -> Option<Travel> {
        if self.lat.to_bits() == other.lat.to_bits() && self.lon.to_bits() == other.lon.to_bits() {
            return None;
        }
        let km = self.km(other);
        let hours = (f64::from(other.secs.abs_diff(self.secs)) / 3_600.0).max(1.0 / 3_600.0);
        (km >= APART_MIN_KM && km / hours > SPEED_MAX_KMH)
            .then_some(Travel { km: km as f32, minutes: (hours * 60.0) as f32 })
    }

    /// The distance along the surface (haversine formula).
    fn km(&self, other: &Self) -> f64 {
        let radians = |degrees: f32| f64::from(degrees).to_radians();
        let (lat_a, lat_b) = (radians(self.lat), radians(other.lat));
        let (dlat, dlon) = (lat_b - lat_a, radians(other.lon) - radians(self.lon));
        let a = (dlat / 2.0).sin().powi(2) + lat_a.cos() * lat_b.cos() * (dlon / 2.0).sin().powi(2);
        2.0 * EARTH_RADIUS_KM * a.clamp(0.0, 1.0).sqrt().asin()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Span;

    #[test]
    fn berlin_to_sydney_takes_longer_than_an_hour() {
        let geo = |lat, lon| Geo { country: Some("X".into()), lat: Some(lat), lon: Some(lon) };
        let at = |hours, geo: &Geo| {
            Sighting::new(Timestamp::from_micros(0) + Span::from_hours(hours), geo).expect("coordinates")
        };
        let (berlin, sydney, potsdam) = (geo(52.5, 13.4), geo(-33.9, 151.2), geo(52.4, 13.1));
        let travel = at(0, &berlin).impossible(&at(1, &sydney)).expect("impossible");
        assert!((16_000.0..16_200.0).contains(&travel.km), "{travel:?}");
        assert_eq!(at(0, &berlin).impossible(&at(24, &sydney)), None);
        assert_eq!(at(0, &berlin).impossible(&at(0, &potsdam)), None);
        assert_eq!(name(&berlin).as_deref(), Some("X 52,13"));
    }
}
