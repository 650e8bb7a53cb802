//! Arithmetic: `$(( … ))` over brush's grammar.

use brush_parser::ast::{
    ArithmeticExpr, ArithmeticTarget, BinaryOperator, UnaryAssignmentOperator, UnaryOperator,
};

use super::expand::Piece;
use super::state::{Flow, Shell};

/// Variables that hold expressions that name variables … end somewhere.
const DEEPEST: usize = 50;

impl Shell {
    /// The value of an arithmetic expression as it is written.
    pub(crate) fn arithmetic(&mut self, text: &str) -> Result<i64, Flow> {
        let text: String = if text.contains(['$', '`', '\\', '"']) {
            self.as_if_quoted(text)?
                .iter()
                .map(Piece::text)
                .collect::<String>()
                .replace('"', "")
        } else {
            text.to_owned()
        };
        match self.value_of(&text, 0) {
            Ok(value) => Ok(value),
            Err(Fault::Text(why)) => {
                self.complain(format_args!("arithmetic: {why}"));
                Err(Flow::Exit(2))
            }
            Err(Fault::Flow(flow)) => Err(flow),
        }
    }

    fn value_of(&mut self, text: &str, depth: usize) -> Result<i64, Fault> {
        if let Ok(number) = text.trim().parse::<i64>()
            && !text.trim().trim_start_matches('-').starts_with('0')
        {
            return Ok(number);
        }
        if text.trim().is_empty() {
            return Ok(0);
        }
        if depth > DEEPEST {
            return Err(Fault::Text(
                "expression recursion level exceeded".to_owned(),
            ));
        }
        let expression = super::parsed::expression(text)
            .ok_or_else(|| Fault::Text(format!("syntax error: \"{text}\"")))?;
        self.evaluate(&expression, depth)
    }

    fn evaluate(&mut self, expression: &ArithmeticExpr, depth: usize) -> Result<i64, Fault> {
        match expression {
            ArithmeticExpr::Literal(value) => Ok(*value),
            ArithmeticExpr::Reference(target) => self.look_up(name(target)?, depth),
            ArithmeticExpr::UnaryOp(operator, operand) => {
                let value = self.evaluate(operand, depth)?;
                Ok(match operator {
                    UnaryOperator::UnaryPlus => value,
                    UnaryOperator::UnaryMinus => value.wrapping_neg(),
                    UnaryOperator::BitwiseNot => !value,
                    UnaryOperator::LogicalNot => i64::from(value == 0),
                })
            }
            ArithmeticExpr::BinaryOp(BinaryOperator::LogicalAnd, left, right) => Ok(i64::from(
                self.evaluate(left, depth)? != 0 && self.evaluate(right, depth)? != 0,
            )),
            ArithmeticExpr::BinaryOp(BinaryOperator::LogicalOr, left, right) => Ok(i64::from(
                self.evaluate(left, depth)? != 0 || self.evaluate(right, depth)? != 0,
            )),
            ArithmeticExpr::BinaryOp(operator, left, right) => {
                let (left, right) = (self.evaluate(left, depth)?, self.evaluate(right, depth)?);
                binary(*operator, left, right)
            }
            ArithmeticExpr::Conditional(condition, yes, no) => {
                if self.evaluate(condition, depth)? != 0 {
                    self.evaluate(yes, depth)
                } else {
                    self.evaluate(no, depth)
                }
            }
            ArithmeticExpr::Assignment(target, value) => {
                let value = self.evaluate(value, depth)?;
                self.store(target, value)
            }
            ArithmeticExpr::BinaryAssignment(operator, target, operand) => {
                let before = self.look_up(name(target)?, depth)?;
                let operand = self.evaluate(operand, depth)?;
                self.store(target, binary(*operator, before, operand)?)
            }
            ArithmeticExpr::UnaryAssignment(operator, target) => {
                let before = self.look_up(name(target)?, depth)?;
                let (after, result_is_after) = match operator {
                    UnaryAssignmentOperator::PrefixIncrement => (before.wrapping_add(1), true),
                    UnaryAssignmentOperator::PrefixDecrement => (before.wrapping_sub(1), true),
                    UnaryAssignmentOperator::PostfixIncrement => (before.wrapping_add(1), false),
                    UnaryAssignmentOperator::PostfixDecrement => (before.wrapping_sub(1), false),
                };
                self.store(target, after)?;
                Ok(if result_is_after { after } else { before })
            }
        }
    }

    fn look_up(&mut self, name: &str, depth: usize) -> Result<i64, Fault> {
        match self.vars.get(name).cloned() {
            None if self.options.nounset => Err(Fault::Text(format!("{name}: parameter not set"))),
            None => Ok(0),
            Some(value) => self.value_of(&value, depth + 1),
        }
    }

    fn store(&mut self, target: &ArithmeticTarget, value: i64) -> Result<i64, Fault> {
        self.assign(name(target)?, &value.to_string())
            .map_err(Fault::Flow)?;
        Ok(value)
    }
}

/// Why there is no value.
enum Fault {
    Text(String),
    Flow(Flow),
}

fn name(target: &ArithmeticTarget) -> Result<&str, Fault> {
    match target {
        ArithmeticTarget::Variable(name) => Ok(name),
        ArithmeticTarget::ArrayElement(..) => {
            Err(Fault::Text("arrays are not supported".to_owned()))
        }
    }
}

fn binary(operator: BinaryOperator, left: i64, right: i64) -> Result<i64, Fault> {
    let by_zero = || Fault::Text("divide by zero".to_owned());
    // A shift's count is taken modulo the width, as the machines do.
    let count = u32::try_from(right & 63).unwrap_or(0);
    Ok(match operator {
        BinaryOperator::Power => left.wrapping_pow(
            u32::try_from(right).map_err(|_| Fault::Text("exponent out of range".to_owned()))?,
        ),
        BinaryOperator::Multiply => left.wrapping_mul(right),
        BinaryOperator::Divide if right == 0 => return Err(by_zero()),
        BinaryOperator::Divide => left.wrapping_div(right),
        BinaryOperator::Modulo if right == 0 => return Err(by_zero()),
        BinaryOperator::Modulo => left.wrapping_rem(right),
        BinaryOperator::Comma => right,
        BinaryOperator::Add => left.wrapping_add(right),
        BinaryOperator::Subtract => left.wrapping_sub(right),
        BinaryOperator::ShiftLeft => left.wrapping_shl(count),
        BinaryOperator::ShiftRight => left.wrapping_shr(count),
        BinaryOperator::LessThan => i64::from(left < right),
        BinaryOperator::LessThanOrEqualTo => i64::from(left <= right),
        BinaryOperator::GreaterThan => i64::from(left > right),
        BinaryOperator::GreaterThanOrEqualTo => i64::from(left >= right),
        BinaryOperator::Equals => i64::from(left == right),
        BinaryOperator::NotEquals => i64::from(left != right),
        BinaryOperator::BitwiseAnd => left & right,
        BinaryOperator::BitwiseXor => left ^ right,
        BinaryOperator::BitwiseOr => left | right,
        BinaryOperator::LogicalAnd => i64::from(left != 0 && right != 0),
        BinaryOperator::LogicalOr => i64::from(left != 0 || right != 0),
    })
}
