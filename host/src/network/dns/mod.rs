//! The name server of the pods: what `dns_ip` answers on port 53 to guests that speak DNS themselves.

mod answer;

pub(super) use answer::{Answer, Question, Transport, answer};
