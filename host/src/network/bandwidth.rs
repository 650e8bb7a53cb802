//! The bandwidth a pod asks for in its annotations (rules O1–O3).

use std::collections::BTreeMap;

use crate::model::Amount;

/// Towards the pod.
pub const INGRESS_BANDWIDTH: &str = "kubernetes.io/ingress-bandwidth";
/// From the pod.
pub const EGRESS_BANDWIDTH: &str = "kubernetes.io/egress-bandwidth";

/// Bits per second.
const LEAST: u64 = 1_000;
/// Bits per second.
const MOST: u64 = 1_000_000_000_000_000;

/// How many bits a second may cross the pod's boundary; none is no limit (rule O1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Bandwidth {
    /// Towards the pod.
    pub ingress_bits_per_second: Option<u64>,
    /// From the pod.
    pub egress_bits_per_second: Option<u64>,
}

/// Why a pod's network cannot be made as its annotations ask, in the words of rule O2.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BandwidthError {
    /// Below 1k.
    #[error("resource is unreasonably small (< 1kbit)")]
    Small,
    /// Above 1P.
    #[error("resource is unreasonably large (> 1Pbit)")]
    Large,
    /// No quantity.
    #[error("{0}")]
    Quantity(&'static str),
}

impl Bandwidth {
    /// Reads a pod's annotations; the first fault counts, ingress before egress.
    pub fn of(annotations: &BTreeMap<String, String>) -> Result<Self, BandwidthError> {
        let read = |key| annotations.get(key).map(|text| bits(text)).transpose();
        Ok(Self {
            ingress_bits_per_second: read(INGRESS_BANDWIDTH)?,
            egress_bits_per_second: read(EGRESS_BANDWIDTH)?,
        })
    }
}

/// A fraction of a bit counts as a whole one.
fn bits(text: &str) -> Result<u64, BandwidthError> {
    let amount = Amount::parse(text).map_err(BandwidthError::Quantity)?;
    match amount.units() {
        None => Err(BandwidthError::Small),
        Some(bits) if bits < LEAST => Err(BandwidthError::Small),
        Some(bits) if bits > MOST => Err(BandwidthError::Large),
        Some(bits) => Ok(bits),
    }
}

#[cfg(test)]
mod tests {
    use super::{Bandwidth, BandwidthError, EGRESS_BANDWIDTH, INGRESS_BANDWIDTH};
    use crate::model::QUANTITY_FORM;

    fn read(pairs: &[(&str, &str)]) -> Result<Bandwidth, BandwidthError> {
        let pairs = pairs.iter().map(|(k, v)| ((*k).into(), (*v).into()));
        Bandwidth::of(&pairs.collect())
    }

    #[test]
    fn o1_annotations_are_bits_per_second() {
        assert_eq!(read(&[("app", "web")]), Ok(Bandwidth::default()));
        for (text, bits) in [
            ("1M", 1_000_000),
            ("1Mi", 1 << 20),
            ("1k", 1_000),
            ("1P", 1_000_000_000_000_000),
            ("1e6", 1_000_000),
            ("1500.5", 1_501),
        ] {
            let both = read(&[(INGRESS_BANDWIDTH, text)]).unwrap();
            assert_eq!(both.ingress_bits_per_second, Some(bits), "{text}");
            assert_eq!(both.egress_bits_per_second, None);
            let both = read(&[(EGRESS_BANDWIDTH, text)]).unwrap();
            assert_eq!(both.egress_bits_per_second, Some(bits), "{text}");
        }
    }

    #[test]
    fn o2_unreasonable_values_are_refused_in_the_kubelets_words() {
        let message = |text| read(&[(EGRESS_BANDWIDTH, text)]).unwrap_err().to_string();
        for small in ["0", "1", "999", "-1M", "1m"] {
            assert_eq!(message(small), "resource is unreasonably small (< 1kbit)");
        }
        for large in ["1.1P", "1Pi", "9E", "1e30"] {
            assert_eq!(message(large), "resource is unreasonably large (> 1Pbit)");
        }
        for text in ["", "fast", "10 M", "10MBit"] {
            assert_eq!(message(text), QUANTITY_FORM, "{text}");
        }
        assert_eq!(message("1K"), "unable to parse quantity's suffix");
    }

    #[test]
    fn o2_ingress_is_checked_before_egress() {
        let both = read(&[(EGRESS_BANDWIDTH, "1"), (INGRESS_BANDWIDTH, "2P")]);
        assert_eq!(both, Err(BandwidthError::Large));
    }
}
