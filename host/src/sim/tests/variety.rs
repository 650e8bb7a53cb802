//! A simulation that never gets anywhere keeps every promise too: the stories must show everything the engine can do.

use crate::sim::Simulation;

#[test]
fn the_stories_show_everything_the_engine_can_do() {
    let scenes = [
        "Publish Running",
        "Publish Succeeded",
        "Publish Failed",
        "CrashLoopBackOff",
        "ErrImagePull",
        "ImagePullBackOff",
        "ErrImageNeverPull",
        "CreateContainerError",
        "PostStartHookError",
        "FailedPreStopHook",
        "FailedMount",
        "FailedCreatePodSandBox",
        "FailedKillPod",
        "DeadlineExceeded",
        "Evicted: it used too much",
        "failed liveness probe",
        "failed startup probe",
        "RestartingAllContainers",
        "ContainerStatusUnknown",
        "OOMKilled",
        "Abandon",
        "Kill {",
        "ReleaseHost",
        "Forget",
    ];
    let mut missing: Vec<&str> = scenes.to_vec();
    for seed in 0..2_000 {
        let story = Simulation::run(seed).expect("the seed passes").to_string();
        missing.retain(|scene| !story.contains(scene));
        if missing.is_empty() {
            return;
        }
    }
    panic!("never seen: {missing:?}");
}
