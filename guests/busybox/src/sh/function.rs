//! Functions.

use std::rc::Rc;

use brush_parser::ast::FunctionDefinition;

use super::state::{Exec, Flow, Shell};

/// Calls within calls beyond this end with a message, before the sandbox's stack does without one.
const DEEPEST_CALL: usize = 200;

impl Shell {
    pub(crate) fn define(&mut self, function: &FunctionDefinition) {
        Rc::make_mut(&mut self.functions)
            .insert(function.fname.value.clone(), Rc::new(function.clone()));
    }

    /// Calls a function.
    pub(crate) fn call(&mut self, function: &FunctionDefinition, args: &[String]) -> Exec {
        if self.calls >= DEEPEST_CALL {
            self.complain(format_args!(
                "{}: functions call one another too deeply",
                function.fname.value
            ));
            return Err(Flow::Exit(2));
        }
        let outer_args = std::mem::replace(&mut self.args, Rc::new(args.to_vec()));
        let outer_loops = std::mem::take(&mut self.loops);
        self.calls += 1;
        self.vars.enter();
        let end = self.redirected(function.body.1.as_ref(), |shell| {
            shell.compound(&function.body.0)
        });
        self.vars.leave();
        self.calls -= 1;
        self.loops = outer_loops;
        self.args = outer_args;
        match end {
            Err(Flow::Return(status)) => Ok(status),
            end => end,
        }
    }
}
