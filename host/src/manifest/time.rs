//! Times of the model to times of Kubernetes objects.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time as ObjectTime;

use crate::model::Time;

/// Whole seconds, as every time in an object has (B17).
pub(super) fn object_time(time: Time) -> ObjectTime {
    let seconds = i64::try_from(time.unix_secs()).unwrap_or(i64::MAX);
    ObjectTime(jiff::Timestamp::from_second(seconds).unwrap_or(jiff::Timestamp::MAX))
}

/// The time of an RFC 3339 text; none before 1970 or where it is no time.
pub(super) fn model_time(text: &str) -> Option<Time> {
    let stamp: jiff::Timestamp = text.parse().ok()?;
    u64::try_from(stamp.as_nanosecond())
        .ok()
        .map(Time::from_unix_nanos)
}
