//! Reports over facts made by hand.
