//! `--node-label`: what pods that choose their node find here.

use crate::manifest::label_faults;

/// `KEY=VALUE`, as an API server takes a label.
pub(super) fn parse(text: &str) -> Result<(String, String), String> {
    let (key, value) = text
        .split_once('=')
        .ok_or("it looks like disktype=ssd or topology.kubernetes.io/zone=here")?;
    match label_faults(key, value).first() {
        None => Ok((key.to_owned(), value.to_owned())),
        Some(fault) => Err(fault.clone()),
    }
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn a_label_has_the_form_of_labels() {
        for (text, key, value) in [
            ("disktype=ssd", "disktype", "ssd"),
            ("example.com/gpu=", "example.com/gpu", ""),
        ] {
            assert_eq!(parse(text), Ok((key.to_owned(), value.to_owned())));
        }
        for bad in [
            "",
            "ssd",
            "=ssd",
            "disk type=ssd",
            "disk=a b",
            "disk=a=b",
            "/x=y",
        ] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }
}
