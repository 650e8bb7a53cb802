//! What a container is started with: argument vector (rules H1, H2), environment (rule H3), directory.

use crate::model::{Container, expand};
use crate::ports::{Image, LogicalHost};

/// A start, resolved.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Invocation {
    pub(super) args: Vec<String>,
    pub(super) env: Vec<(String, String)>,
    /// The variables that `$(NAME)` knows: the container's own, not the image's (rules H2, G12).
    pub(super) own: Vec<(String, String)>,
    pub(super) working_dir: String,
}

/// Resolves what the pod and the image say.
pub(super) fn resolve(
    container: &Container,
    image: &Image,
    host: &LogicalHost,
) -> Result<Invocation, String> {
    let own = own_variables(container);
    let lookup = |name: &str| value(&own, name);
    let expanded = |words: &[String]| -> Vec<String> {
        words.iter().map(|word| expand(word, lookup)).collect()
    };
    let args = match (&container.command, &container.args) {
        (None, None) => [&image.entrypoint[..], &image.cmd].concat(),
        (None, Some(args)) => [&image.entrypoint[..], &expanded(args)].concat(),
        (Some(command), None) => expanded(command),
        (Some(command), Some(args)) => [expanded(command), expanded(args)].concat(),
    };
    if args.is_empty() {
        return Err("no command specified".into());
    }
    let working_dir = container
        .working_dir
        .as_ref()
        .or(image.working_dir.as_ref())
        .map_or_else(
            || "/".to_owned(),
            |dir| format!("/{}", dir.trim_start_matches('/')),
        );
    Ok(Invocation {
        args,
        env: environment(&own, image, host),
        own,
        working_dir,
    })
}

/// The container's variables in order, each of which sees the earlier ones.
fn own_variables(container: &Container) -> Vec<(String, String)> {
    let mut own: Vec<(String, String)> = Vec::new();
    for variable in &container.env {
        let value = expand(&variable.value, |name| value(&own, name));
        set(&mut own, &variable.name, value);
    }
    own
}

/// The image's variables, then HOSTNAME, then the container's: later wins.
fn environment(
    own: &[(String, String)],
    image: &Image,
    host: &LogicalHost,
) -> Vec<(String, String)> {
    let mut env = image.env.clone();
    set(&mut env, "HOSTNAME", host.hostname.clone());
    for (name, value) in own {
        set(&mut env, name, value.clone());
    }
    env
}

fn value<'a>(env: &'a [(String, String)], name: &str) -> Option<&'a str> {
    let found = env.iter().find(|(key, _)| key == name);
    found.map(|(_, value)| value.as_str())
}

fn set(env: &mut Vec<(String, String)>, name: &str, value: String) {
    match env.iter_mut().find(|(key, _)| key == name) {
        Some(found) => found.1 = value,
        None => env.push((name.to_owned(), value)),
    }
}

#[cfg(test)]
mod tests {
    use super::resolve;
    use crate::model::testing;
    use crate::model::{Container, EnvVar};
    use crate::ports::{Image, LogicalHost};

    fn words(text: &str) -> Option<Vec<String>> {
        (text != "-").then(|| text.split_whitespace().map(str::to_owned).collect())
    }

    fn run(container: &Container) -> super::Invocation {
        let image = Image {
            entrypoint: vec!["entry".into()],
            cmd: vec!["cmd".into()],
            env: vec![("PATH".into(), "/bin".into()), ("A".into(), "image".into())],
            ..Image::nowhere()
        };
        resolve(container, &image, &LogicalHost::of(&testing::pod())).expect("resolved")
    }

    #[test]
    fn h1_command_and_args_replace_entrypoint_and_cmd() {
        for (command, args, expected) in [
            ("-", "-", "entry cmd"),
            ("-", "a b", "entry a b"),
            ("c d", "-", "c d"),
            ("c", "a b", "c a b"),
        ] {
            let mut container = testing::container("c");
            container.command = words(command);
            container.args = words(args);
            assert_eq!(
                run(&container).args.join(" "),
                expected,
                "{command} / {args}"
            );
        }
    }

    #[test]
    fn h3_a_variable_sees_only_earlier_ones() {
        let mut container = testing::container("c");
        let pairs = [("A", "1"), ("B", "$(A)-$(C)"), ("C", "3"), ("A", "$(A)+")];
        container.env = pairs
            .map(|(name, value)| EnvVar {
                name: name.into(),
                value: value.into(),
            })
            .to_vec();
        container.args = words("$(B) $(PATH) $(HOSTNAME) $$(A)");
        let start = run(&container);
        let get = |name| {
            super::value(&start.env, name)
                .unwrap_or("(unset)")
                .to_owned()
        };
        assert_eq!([get("A"), get("B"), get("C")], ["1+", "1-$(C)", "3"]);
        assert_eq!(get("HOSTNAME"), "pod");
        assert_eq!(
            start.args[1..],
            ["1-$(C)", "$(PATH)", "$(HOSTNAME)", "$(A)"],
            "H2: what the image brings is not known to the pod"
        );
    }
}
