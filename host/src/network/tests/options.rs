//! Socket options as wasi:sockets wants them.

use std::time::Duration;

use crate::network::{NetError, TcpOptions};

#[test]
fn options_are_kept_as_they_were_set() {
    let mut options = TcpOptions::default();
    options.set_keep_alive(true);
    options
        .set_keep_alive_idle(Duration::from_secs(10))
        .unwrap();
    options
        .set_keep_alive_interval(Duration::from_millis(1500))
        .unwrap();
    options.set_keep_alive_count(3).unwrap();
    options.set_hop_limit(42).unwrap();
    options.set_receive_buffer(0x1_0000).unwrap();
    options.set_send_buffer(0x1_0000).unwrap();
    assert!(options.keep_alive());
    assert_eq!(options.keep_alive_idle(), Duration::from_secs(10));
    assert_eq!(
        options.keep_alive_interval(),
        Duration::from_secs(2),
        "whole seconds"
    );
    assert_eq!(options.keep_alive_count(), 3);
    assert_eq!(options.hop_limit(), 42);
    assert_eq!(options.receive_buffer(), 0x1_0000);
    assert_eq!(options.send_buffer(), 0x1_0000);
}

#[test]
fn nothing_is_an_invalid_argument_and_too_much_is_the_most() {
    let mut options = TcpOptions::default();
    let before = options;
    let invalid = Err(NetError::InvalidArgument);
    assert_eq!(options.set_keep_alive_idle(Duration::ZERO), invalid);
    assert_eq!(options.set_keep_alive_interval(Duration::ZERO), invalid);
    assert_eq!(options.set_keep_alive_count(0), invalid);
    assert_eq!(options.set_hop_limit(0), invalid);
    assert_eq!(options.set_receive_buffer(0), invalid);
    assert_eq!(options.set_send_buffer(0), invalid);
    assert_eq!(options, before);
    options.set_keep_alive_idle(Duration::MAX).unwrap();
    options.set_keep_alive_count(u32::MAX).unwrap();
    options.set_receive_buffer(u64::MAX).unwrap();
    assert_eq!(options.keep_alive_idle(), Duration::from_secs(32_767));
    assert_eq!(options.keep_alive_count(), 127);
    assert_eq!(options.receive_buffer(), 4 * 1024 * 1024);
}
