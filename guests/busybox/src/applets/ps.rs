//! `ps`: the processes of this container.

use peapod_guest::process;

use super::io::print;

/// Whatever its options: `PID USER TIME COMMAND`. There are no processor times, so TIME is how long the process has been there.
pub(super) fn ps(_: &[String]) -> i32 {
    let mut text = "PID   USER     TIME  COMMAND\n".to_owned();
    let mut all = process::list();
    all.sort_by_key(|process| process.pid);
    for process in all {
        let seconds = process.age_ms / 1000;
        text += &format!(
            "{:>5} root     {:>2}:{:02} {}\n",
            process.pid,
            seconds / 60,
            seconds % 60,
            process.arguments.join(" ")
        );
    }
    print(text.as_bytes())
}
