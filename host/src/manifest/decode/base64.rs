//! Bytes written as base64 (`binaryData`, a Secret's `data`).

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// The text without its line breaks, which the API server takes no notice of either, or what it says about a text that is no base64.
pub(super) fn check(text: &str) -> Result<Cow<'_, str>, String> {
    let plain: Cow<'_, str> = if text.contains(['\n', '\r']) {
        text.replace(['\n', '\r'], "").into()
    } else {
        text.into()
    };
    match STANDARD.decode(plain.as_bytes()) {
        Ok(_) => Ok(plain),
        Err(error) => {
            let at = match error {
                base64::DecodeError::InvalidByte(at, _)
                | base64::DecodeError::InvalidLastSymbol(at, _) => at,
                // Go names the start of the group of four that is not whole.
                base64::DecodeError::InvalidLength(length) => length / 4 * 4,
                base64::DecodeError::InvalidPadding => plain.len(),
            };
            Err(format!("illegal base64 data at input byte {at}"))
        }
    }
}
