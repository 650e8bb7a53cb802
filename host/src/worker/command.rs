//! What a container is started with: argument vector (rules H1, H2), environment (rule H3), directory.

use super::environment::Variables;
use crate::model::{Container, expand};
use crate::ports::{Image, LogicalHost};

/// All words of a command together, which may each hold variables. Linux gives a program 2 MiB in all.
const ARGS_BYTES_MAX: usize = 2 << 20;

/// A start, resolved.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Invocation {
    pub(super) args: Vec<String>,
    pub(super) env: Vec<(String, String)>,
    pub(super) working_dir: String,
}

/// Resolves what the pod and the image say. `own` is what `$(NAME)` knows: the variables the pod gives, not the image's (rules H2, G12).
pub(super) fn resolve(
    container: &Container,
    image: &Image,
    host: &LogicalHost,
    own: &Variables,
) -> Result<Invocation, String> {
    let lookup = |name: &str| own.get(name).map(String::as_str);
    let (mut args, words) = match (&container.command, &container.args) {
        (None, None) => ([&image.entrypoint[..], &image.cmd].concat(), Vec::new()),
        (None, args) => (image.entrypoint.clone(), args.iter().flatten().collect()),
        (Some(command), args) => {
            let words = command.iter().chain(args.iter().flatten());
            (Vec::new(), words.collect())
        }
    };
    let mut bytes = 0_usize;
    for word in words {
        let word = expand(word, lookup).map_err(|error| error.to_string())?;
        bytes = bytes.saturating_add(word.len());
        if bytes > ARGS_BYTES_MAX {
            return Err("argument list too long".into());
        }
        args.push(word);
    }
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
        env: environment(own, image, host),
        working_dir,
    })
}

/// The image's variables, then HOSTNAME, then the pod's: later wins.
fn environment(own: &Variables, image: &Image, host: &LogicalHost) -> Vec<(String, String)> {
    let mut env: Variables = image.env.iter().cloned().collect();
    env.insert("HOSTNAME".to_owned(), host.hostname.clone());
    env.extend(
        own.iter()
            .map(|(name, value)| (name.clone(), value.clone())),
    );
    env.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::resolve;
    use crate::model::Container;
    use crate::model::testing;
    use crate::ports::{Image, LogicalHost};

    fn words(text: &str) -> Option<Vec<String>> {
        (text != "-").then(|| text.split_whitespace().map(str::to_owned).collect())
    }

    fn run(container: &Container) -> super::Invocation {
        let image = Image {
            entrypoint: vec!["entry".into()],
            cmd: vec!["$(A)".into()],
            env: vec![("PATH".into(), "/bin".into()), ("A".into(), "image".into())],
            ..Image::nowhere()
        };
        let own = [("B", "1-$(C)"), ("A", "1+")].map(|(k, v)| (k.to_owned(), v.to_owned()));
        let host = LogicalHost::of(&testing::pod());
        resolve(container, &image, &host, &own.into()).expect("resolved")
    }

    #[test]
    fn h1_command_and_args_replace_entrypoint_and_cmd() {
        for (command, args, expected) in [
            ("-", "-", "entry $(A)"),
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
    fn h2_the_pods_variables_are_known_in_command_and_args_and_the_images_are_not() {
        let mut container = testing::container("c");
        container.command = words("$(A)");
        container.args = words("$(B) $(PATH) $(HOSTNAME) $$(A)");
        let start = run(&container);
        assert_eq!(
            start.args,
            ["1+", "1-$(C)", "$(PATH)", "$(HOSTNAME)", "$(A)"]
        );
        let mut plain = testing::container("c");
        plain.args = None;
        assert_eq!(
            run(&plain).args,
            ["entry", "$(A)"],
            "nor is the image's cmd expanded"
        );
    }

    #[test]
    fn a_command_that_comes_to_more_than_any_program_could_be_given_is_refused() {
        let mut container = testing::container("c");
        let image = Image::nowhere();
        let own = [("A".to_owned(), "x".repeat(1 << 20))].into();
        let host = LogicalHost::of(&testing::pod());
        container.args = words("$(A) $(A)");
        resolve(&container, &image, &host, &own).expect("2 MiB");
        for args in ["$(A) $(A) x", "x$(A)"] {
            container.args = words(args);
            let refused = resolve(&container, &image, &host, &own).expect_err(args);
            assert!(refused.starts_with("argument list too long"), "{refused}");
        }
    }

    #[test]
    fn h3_the_pods_variables_win_over_the_images() {
        let start = run(&testing::container("c"));
        let env: Vec<_> = start.env.iter().map(|(k, v)| format!("{k}={v}")).collect();
        assert_eq!(env, ["A=1+", "B=1-$(C)", "HOSTNAME=pod", "PATH=/bin"]);
    }

    #[test]
    fn a_working_directory_is_the_containers_or_the_images_and_absolute() {
        let mut container = testing::container("c");
        assert_eq!(run(&container).working_dir, "/");
        container.working_dir = Some("srv".into());
        assert_eq!(run(&container).working_dir, "/srv");
    }
}
