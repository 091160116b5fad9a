//! The conditions of rules: CEL, checked and compiled when the policy is read,
//! and evaluated without allocation.
//!
//! The syntax is that of the Common Expression Language
//! (<https://github.com/google/cel-spec>), as far as rules need it; whatever
//! else it has is refused by name. All numbers are of one kind.

mod compile;
mod syntax;

use crate::signals::lists::ListId;
use crate::signals::{Facts, Field, Value};
use regex::Regex;
use std::fmt;

/// Something wrong with a condition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fault {
    /// Where in the condition, in bytes.
    pub at: usize,
    /// What is wrong.
    pub message: String,
}

/// A condition that is true, false or unknown for any facts.
#[derive(Clone, Debug)]
pub(super) struct Expression {
    root: Node,
    lists: Vec<ListId>,
    fields: Vec<Field>,
}

impl Expression {
    /// Whether the condition is true; what is unknown is not.
    pub fn holds(&self, facts: &Facts<'_>) -> bool {
        self.root.value(facts) == Value::Bool(true)
    }

    /// Whether the condition is true; none when that is unknown.
    pub fn truth(&self, facts: &Facts<'_>) -> Option<bool> {
        match self.root.value(facts) {
            Value::Bool(value) => Some(value),
            _ => None,
        }
    }

    /// Hands on every field whose value the condition takes, as often as it does;
    /// not those of which it only asks whether there is one.
    pub fn reads(&self, to: &mut impl FnMut(Field)) {
        self.root.reads(to);
    }

    /// The fields that the condition names, each once, those included of which it
    /// only asks whether there is a value.
    pub fn fields(&self) -> &[Field] {
        &self.fields
    }

    /// The fields that the condition reads, each once, of which something has
    /// to be remembered.
    pub fn remembered(&self) -> impl Iterator<Item = Field> {
        self.fields.iter().copied().filter(|field| field.is_remembered())
    }

    /// The lists that the condition names, each once.
    pub fn lists(&self) -> &[ListId] {
        &self.lists
    }
}

impl fmt::Display for Expression {
    /// Writes the condition in one fixed way, every operation in brackets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.root, f)
    }
}

/// What stands between two values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operator {
    And,
    Or,
    Equal,
    NotEqual,
    Less,
    LessEqual,
    Greater,
    GreaterEqual,
    Add,
    Subtract,
    Multiply,
    Divide,
    StartsWith,
    EndsWith,
    Contains,
}

/// A checked expression: every operator has operands of its types, or unknown
/// ones.
#[derive(Clone, Debug)]
enum Node {
    Bool(bool),
    Number(f64),
    Text(Box<str>),
    Field(Field),
    Has(Field),
    /// Whether the comment holds an entry of the list.
    Listed(ListId, Box<str>),
    /// How many.
    Hits(ListId, Box<str>),
    Not(Box<Node>),
    Negate(Box<Node>),
    Binary(Operator, Box<(Node, Node)>),
    OneOf(Box<Node>, Box<[Node]>),
    If(Box<(Node, Node, Node)>),
    Matches(Box<Node>, Regex),
}

impl Node {
    fn reads(&self, to: &mut impl FnMut(Field)) {
        match self {
            Node::Field(field) => to(*field),
            Node::Not(node) | Node::Negate(node) | Node::Matches(node, _) => node.reads(to),
            Node::Binary(_, nodes) => {
                nodes.0.reads(to);
                nodes.1.reads(to);
            }
            Node::OneOf(node, candidates) => {
                node.reads(to);
                candidates.iter().for_each(|candidate| candidate.reads(to));
            }
            Node::If(nodes) => {
                nodes.0.reads(to);
                nodes.1.reads(to);
                nodes.2.reads(to);
            }
            Node::Has(_) | Node::Bool(_) | Node::Number(_) | Node::Text(_) => {}
            Node::Listed(..) | Node::Hits(..) => {}
        }
    }

    /// Evaluates by the rules of Kleene's three-valued logic: what depends on
    /// something unknown is unknown, unless it is settled without it.
    fn value<'v>(&'v self, facts: &Facts<'v>) -> Value<'v> {
        match self {
            Node::Bool(value) => Value::Bool(*value),
            Node::Number(value) => Value::Number(*value),
            Node::Text(value) => Value::Text(value),
            Node::Field(field) => facts.value(*field),
            Node::Has(field) => Value::Bool(facts.value(*field) != Value::Unknown),
            Node::Listed(list, _) => Value::Bool(facts.hits(*list) > 0),
            Node::Hits(list, _) => Value::Number(f64::from(facts.hits(*list))),
            Node::Not(node) => match node.value(facts) {
                Value::Bool(value) => Value::Bool(!value),
                _ => Value::Unknown,
            },
            Node::Negate(node) => match node.value(facts) {
                Value::Number(value) => Value::Number(-value),
                _ => Value::Unknown,
            },
            Node::Binary(operator, operands) => binary(*operator, &operands.0, &operands.1, facts),
            Node::OneOf(node, candidates) => match node.value(facts) {
                Value::Unknown => Value::Unknown,
                value => Value::Bool(candidates.iter().any(|candidate| candidate.value(facts) == value)),
            },
            Node::If(nodes) => match nodes.0.value(facts) {
                Value::Bool(true) => nodes.1.value(facts),
                Value::Bool(false) => nodes.2.value(facts),
                _ => Value::Unknown,
            },
            Node::Matches(node, pattern) => match node.value(facts) {
                Value::Text(text) => Value::Bool(pattern.is_match(text)),
                _ => Value::Unknown,
            },
        }
    }
}

fn binary<'v>(operator: Operator, left: &'v Node, right: &'v Node, facts: &Facts<'v>) -> Value<'v> {
    let left = left.value(facts);
    // What settles the operation alone.
    let settling = match operator {
        Operator::And => Some(Value::Bool(false)),
        Operator::Or => Some(Value::Bool(true)),
        _ => None,
    };
    if settling == Some(left) {
        return left;
    }
    let right = right.value(facts);
    match (operator, left, right) {
        // The left side is true, of an `or` false.
        (Operator::And | Operator::Or, Value::Bool(_), right) => right,
        (Operator::And | Operator::Or, _, right) if settling == Some(right) => right,
        (Operator::Equal, left, right) if left != Value::Unknown && right != Value::Unknown => {
            Value::Bool(left == right)
        }
        (Operator::NotEqual, left, right) if left != Value::Unknown && right != Value::Unknown => {
            Value::Bool(left != right)
        }
        (_, Value::Number(left), Value::Number(right)) => of_numbers(operator, left, right),
        (Operator::StartsWith, Value::Text(text), Value::Text(part)) => Value::Bool(text.starts_with(part)),
        (Operator::EndsWith, Value::Text(text), Value::Text(part)) => Value::Bool(text.ends_with(part)),
        (Operator::Contains, Value::Text(text), Value::Text(part)) => Value::Bool(text.contains(part)),
        _ => Value::Unknown,
    }
}

fn of_numbers<'v>(operator: Operator, left: f64, right: f64) -> Value<'v> {
    let number = match operator {
        Operator::Less => return Value::Bool(left < right),
        Operator::LessEqual => return Value::Bool(left <= right),
        Operator::Greater => return Value::Bool(left > right),
        Operator::GreaterEqual => return Value::Bool(left >= right),
        Operator::Add => left + right,
        Operator::Subtract => left - right,
        Operator::Multiply => left * right,
        Operator::Divide => left / right,
        _ => return Value::Unknown,
    };
    // A division by zero and what grew out of all bounds is no number.
    if number.is_finite() { Value::Number(number) } else { Value::Unknown }
}

impl Operator {
    /// Whether it says how two values stand to one another.
    fn compares(self) -> bool {
        matches!(self.sign(), "==" | "!=" | "<" | "<=" | ">" | ">=")
    }

    fn sign(self) -> &'static str {
        match self {
            Operator::And => "&&",
            Operator::Or => "||",
            Operator::Equal => "==",
            Operator::NotEqual => "!=",
            Operator::Less => "<",
            Operator::LessEqual => "<=",
            Operator::Greater => ">",
            Operator::GreaterEqual => ">=",
            Operator::Add => "+",
            Operator::Subtract => "-",
            Operator::Multiply => "*",
            Operator::Divide => "/",
            Operator::StartsWith => "startsWith",
            Operator::EndsWith => "endsWith",
            Operator::Contains => "contains",
        }
    }
}

impl fmt::Display for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Node::Bool(value) => write!(f, "{value}"),
            Node::Number(value) => write!(f, "{value}"),
            Node::Text(value) => write!(f, "{value:?}"),
            Node::Field(field) => f.write_str(field.name()),
            Node::Has(field) => write!(f, "has({})", field.name()),
            Node::Listed(_, name) => write!(f, "list.{name}"),
            Node::Hits(_, name) => write!(f, "hits.{name}"),
            Node::Not(node) => write!(f, "(!{node})"),
            Node::Negate(node) => write!(f, "(-{node})"),
            Node::Binary(
                operator @ (Operator::StartsWith | Operator::EndsWith | Operator::Contains),
                operands,
            ) => {
                write!(f, "{}.{}({})", operands.0, operator.sign(), operands.1)
            }
            Node::Binary(operator, operands) => {
                write!(f, "({} {} {})", operands.0, operator.sign(), operands.1)
            }
            Node::OneOf(node, candidates) => {
                write!(f, "({node} in [")?;
                for (i, candidate) in candidates.iter().enumerate() {
                    write!(f, "{}{candidate}", if i == 0 { "" } else { ", " })?;
                }
                f.write_str("])")
            }
            Node::If(nodes) => write!(f, "({} ? {} : {})", nodes.0, nodes.1, nodes.2),
            Node::Matches(node, pattern) => write!(f, "{node}.matches({:?})", pattern.as_str()),
        }
    }
}

#[cfg(test)]
mod tests;
