//! Tests of whole fleets.
