//! "Did you mean …?"

/// The known name most like `name`, if any is like it at all.
pub(super) fn nearest<'a>(name: &str, known: &[&'a str]) -> Option<&'a str> {
    let lower = name.to_lowercase();
    let allowed = (name.chars().count() / 3).clamp(1, 3);
    known
        .iter()
        .map(|candidate| {
            let theirs = candidate.to_lowercase();
            let mut distance = strsim::damerau_levenshtein(&lower, &theirs);
            // `env` for `envs`, `volumeMount` for `volumeMounts`: a missing or added ending is one slip, however long.
            if distance > 1 && theirs.starts_with(&lower) && lower.len() >= 4 {
                distance = 1;
            }
            (distance, *candidate)
        })
        .filter(|(distance, _)| *distance <= allowed)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn slips_of_the_keyboard_find_their_field() {
        let known = [
            "args",
            "command",
            "env",
            "envFrom",
            "image",
            "name",
            "volumeMounts",
        ];
        assert_eq!(nearest("imagee", &known), Some("image"));
        assert_eq!(nearest("comand", &known), Some("command"));
        assert_eq!(nearest("volumemounts", &known), Some("volumeMounts"));
        assert_eq!(nearest("volumeMount", &known), Some("volumeMounts"));
        assert_eq!(nearest("evn", &known), Some("env"));
        assert_eq!(nearest("entrypoint", &known), None);
    }
}
