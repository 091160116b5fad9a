//! From a condition as it is written to one that is checked.

use super::syntax;
use super::{Expression, Fault, Node, Operator};
use crate::config::document::{closest, shown};
use crate::signals::lists::{ListId, Lists};
use crate::signals::pattern::Budget;
use crate::signals::{Field, Type};
use cel::common::ast::{CallExpr, Expr, IdedExpr, LiteralValue, SourceInfo, operators};
use cel::parser::{ParseError, Parser};

/// The longest condition, in bytes.
const MAX_BYTES: usize = 4_096;
/// How deep operations may stand in one another.
pub(super) const MAX_DEPTH: u16 = 32;
/// How many operations and values a condition may have.
pub(super) const MAX_NODES: usize = 500;

/// What rules can call.
const CALLS: &str = "has, in, startsWith, endsWith, contains and matches";

impl Expression {
    /// Reads and checks a condition, whose patterns are taken from `budget`.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn compile(source: &str, lists: &Lists, budget: &mut Budget) -> Result<Expression, Vec<Fault>> {
        let one = |at, message: String| Err(vec![Fault { at, message }]);
        if source.len() > MAX_BYTES {
            return one(0, format!("a condition is {} bytes, over the limit of {MAX_BYTES}", source.len()));
        }
        if let Some(fault) = syntax::too_deep(source) {
            return Err(vec![fault]);
        }
        let parser = Parser::new().max_recursion_depth(MAX_DEPTH);
        let (expr, info) = match parser.parse_with_source_info(source) {
            Ok(parsed) => parsed,
            Err(errors) => {
                // What follows the one that went too deep is its echo.
                let is_too_deep = |error: &&ParseError| error.msg.contains("Recursion limit");
                return Err(match errors.errors.iter().find(is_too_deep) {
                    Some(error) => {
                        let message = format!("operations stand more than {MAX_DEPTH} deep");
                        vec![Fault { at: syntax::place(source, error.pos), message }]
                    }
                    None => syntax::faults(source, &errors.errors),
                });
            }
        };
        let (named, fields, faults) = (Vec::new(), Vec::new(), Vec::new());
        let mut compiler = Compiler { source, info, lists, budget, named, fields, nodes: 0, faults };
        let compiled = compiler.compile(&expr, 0);
        if let Some((node, kind)) = compiled.as_ref().filter(|(_, kind)| *kind != Type::Bool) {
            let hint = hint(Type::Bool, node, *kind);
            let message = format!("a condition must be true or false, not a {}{hint}", kind.name());
            compiler.faults.push(Fault { at: 0, message });
        }
        match compiled {
            Some((root, _)) if compiler.faults.is_empty() => {
                compiler.named.sort_unstable();
                compiler.named.dedup();
                compiler.fields.sort_unstable_by_key(|field| *field as u8);
                compiler.fields.dedup();
                Ok(Expression { root, lists: compiler.named, fields: compiler.fields })
            }
            _ => Err(compiler.faults),
        }
    }
}

struct Compiler<'a> {
    source: &'a str,
    info: SourceInfo,
    lists: &'a Lists,
    budget: &'a mut Budget,
    named: Vec<ListId>,
    fields: Vec<Field>,
    nodes: usize,
    faults: Vec<Fault>,
}

impl Compiler<'_> {
    fn fault<T>(&mut self, expr: &IdedExpr, message: impl Into<String>) -> Option<T> {
        let at = self.place(expr);
        self.faults.push(Fault { at, message: message.into() });
        None
    }

    /// Where an expression begins, in bytes.
    fn place(&self, expr: &IdedExpr) -> usize {
        match &expr.expr {
            Expr::Select(select) => self.place(&select.operand),
            Expr::Call(CallExpr { target: Some(target), .. }) => self.place(target),
            _ => {
                let (start, _) = self.info.offset_for(expr.id).unwrap_or_default();
                (start as usize).min(self.source.len())
            }
        }
    }

    fn compile(&mut self, expr: &IdedExpr, depth: u16) -> Option<(Node, Type)> {
        self.nodes += 1;
        if depth > MAX_DEPTH {
            return self.fault(expr, format!("operations stand more than {MAX_DEPTH} deep"));
        }
        if self.nodes > MAX_NODES {
            // Said once is enough.
            let first = self.nodes == MAX_NODES + 1;
            return first
                .then(|| self.fault(expr, format!("over the limit of {MAX_NODES} operations")))
                .flatten();
        }
        match &expr.expr {
            Expr::Literal(literal) => self.literal(expr, literal),
            Expr::Ident(_) => self.field(expr),
            Expr::Select(select) if select.test => {
                let name = path(&select.operand.expr).map(|before| format!("{before}.{}", select.field));
                match name.as_deref().and_then(Field::from_name) {
                    Some(field) => {
                        self.fields.push(field);
                        Some((Node::Has(field), Type::Bool))
                    }
                    None => self.known(expr, &name.unwrap_or_else(|| select.field.clone())),
                }
            }
            Expr::Select(_) => self.field(expr),
            Expr::Call(call) => self.call(expr, call, depth + 1),
            Expr::List(_) => self.fault(expr, "a list of values can only stand behind `in`"),
            Expr::Comprehension(_) => self.fault(expr, "rules have no loops (all, exists, map, filter)"),
            Expr::Map(_) | Expr::Struct(_) | Expr::Unspecified => {
                self.fault(expr, "rules have no maps and no messages")
            }
        }
    }

    fn literal(&mut self, expr: &IdedExpr, literal: &LiteralValue) -> Option<(Node, Type)> {
        match literal {
            LiteralValue::Boolean(value) => Some((Node::Bool(*value.inner()), Type::Bool)),
            LiteralValue::Int(value) => Some((Node::Number(*value.inner() as f64), Type::Number)),
            LiteralValue::UInt(value) => Some((Node::Number(*value.inner() as f64), Type::Number)),
            LiteralValue::Double(value) if value.inner().is_finite() => {
                Some((Node::Number(*value.inner()), Type::Number))
            }
            LiteralValue::String(value) => Some((Node::Text(value.inner().into()), Type::Text)),
            LiteralValue::Double(_) | LiteralValue::Bytes(_) | LiteralValue::Null => {
                self.fault(expr, "only numbers, texts, true and false can be written out")
            }
        }
    }

    fn field(&mut self, expr: &IdedExpr) -> Option<(Node, Type)> {
        let Some(name) = path(&expr.expr) else {
            return self.fault(expr, "only fields have names behind a dot");
        };
        if let Some(field) = Field::from_name(&name) {
            self.fields.push(field);
            return Some((Node::Field(field), field.kind()));
        }
        match name.split_once('.') {
            Some((group @ ("list" | "hits"), list)) if !list.contains('.') => {
                let id = self.list(expr, list)?;
                self.named.push(id);
                Some(match group {
                    "list" => (Node::Listed(id, list.into()), Type::Bool),
                    _ => (Node::Hits(id, list.into()), Type::Number),
                })
            }
            _ => self.unknown(expr, &name),
        }
    }

    fn list(&mut self, expr: &IdedExpr, list: &str) -> Option<ListId> {
        let id = self.lists.find_list(list);
        if id.is_none() {
            let names: Vec<&str> = self.lists.names().collect();
            let message = match (closest(list, &names), names.is_empty()) {
                (Some(candidate), _) => format!("unknown list {}; did you mean `{candidate}`?", shown(list)),
                (None, true) => format!("unknown list {}; there is no [lists.{list}]", shown(list)),
                (None, false) => format!("unknown list {}", shown(list)),
            };
            return self.fault(expr, message);
        }
        id
    }

    /// Refuses to ask whether something is known that is no field: of lists, it
    /// always is.
    fn known<T>(&mut self, expr: &IdedExpr, name: &str) -> Option<T> {
        match name.split_once('.') {
            Some((group @ ("list" | "hits"), list)) if !list.contains('.') => {
                self.list(expr, list)?;
                let rest = if group == "list" { "true or false" } else { "a number" };
                self.fault(expr, format!("`{name}` is always known; without `has`, it is {rest}"))
            }
            _ => self.unknown(expr, name),
        }
    }

    fn unknown<T>(&mut self, expr: &IdedExpr, name: &str) -> Option<T> {
        let groups = ["list", "hits"].into_iter();
        let lists = groups.flat_map(|group| self.lists.names().map(move |list| format!("{group}.{list}")));
        let lists: Vec<String> = lists.collect();
        let fields = Field::ALL.iter().map(|field| field.name());
        let known: Vec<&str> =
            fields.chain(["true", "false"]).chain(lists.iter().map(String::as_str)).collect();
        let message = match closest(name, &known) {
            Some(candidate) => format!("unknown field {}; did you mean `{candidate}`?", shown(name)),
            None => format!("unknown field {}; docs/policy.md lists them", shown(name)),
        };
        self.fault(expr, message)
    }

    fn call(&mut self, expr: &IdedExpr, call: &CallExpr, depth: u16) -> Option<(Node, Type)> {
        let operator = match call.func_name.as_str() {
            operators::LOGICAL_AND => Operator::And,
            operators::LOGICAL_OR => Operator::Or,
            operators::EQUALS => Operator::Equal,
            operators::NOT_EQUALS => Operator::NotEqual,
            operators::LESS => Operator::Less,
            operators::LESS_EQUALS => Operator::LessEqual,
            operators::GREATER => Operator::Greater,
            operators::GREATER_EQUALS => Operator::GreaterEqual,
            operators::ADD => Operator::Add,
            operators::SUBSTRACT => Operator::Subtract,
            operators::MULTIPLY => Operator::Multiply,
            operators::DIVIDE => Operator::Divide,
            "startsWith" if call.target.is_some() => Operator::StartsWith,
            "endsWith" if call.target.is_some() => Operator::EndsWith,
            "contains" if call.target.is_some() => Operator::Contains,
            name => return self.other_call(expr, call, name, depth),
        };
        let operands: Vec<&IdedExpr> = call.target.as_deref().into_iter().chain(&call.args).collect();
        let [left, right] = operands[..] else {
            return self.fault(expr, format!("`{}` takes one text", operator.sign()));
        };
        let (left, right) = (self.compile(left, depth), self.compile(right, depth));
        let ((left, left_type), (right, right_type)) = (left?, right?);
        let (wanted, result) = match operator {
            Operator::And | Operator::Or => (Some(Type::Bool), Type::Bool),
            Operator::Equal | Operator::NotEqual => (None, Type::Bool),
            Operator::Less | Operator::LessEqual | Operator::Greater | Operator::GreaterEqual => {
                (Some(Type::Number), Type::Bool)
            }
            Operator::Add | Operator::Subtract | Operator::Multiply | Operator::Divide => {
                (Some(Type::Number), Type::Number)
            }
            Operator::StartsWith | Operator::EndsWith | Operator::Contains => (Some(Type::Text), Type::Bool),
        };
        let sound = left_type == right_type && wanted.is_none_or(|wanted| wanted == left_type);
        if !sound {
            let sign = operator.sign();
            // Of two types that differ, that of a field is the one meant.
            let meant = if matches!(left, Node::Field(_)) { left_type } else { right_type };
            let odd = |kind: Type| kind != wanted.unwrap_or(meant);
            let (node, kind) = if odd(left_type) { (&left, left_type) } else { (&right, right_type) };
            let hint = hint(wanted.unwrap_or(meant), node, kind);
            let wanted =
                wanted.map_or("values of one type".to_owned(), |wanted| format!("two {}s", wanted.name()));
            let (left, right) = (left_type.name(), right_type.name());
            return self.fault(expr, format!("`{sign}` takes {wanted}, not a {left} and a {right}{hint}"));
        }
        if let (Node::Field(field), Node::Number(number)) | (Node::Number(number), Node::Field(field)) =
            (&left, &right)
            && operator.compares()
            && field.name().starts_with("score.")
            && !(0.0..=1.0).contains(number)
        {
            let hint = if (1.0..=100.0).contains(number) {
                format!("; did you mean {}?", number / 100.0)
            } else {
                String::new()
            };
            let name = field.name();
            return self.fault(expr, format!("`{name}` is a score in 0..=1, which {number} is not{hint}"));
        }
        Some((Node::Binary(operator, Box::new((left, right))), result))
    }

    fn other_call(
        &mut self,
        expr: &IdedExpr,
        call: &CallExpr,
        name: &str,
        depth: u16,
    ) -> Option<(Node, Type)> {
        match (name, call.target.as_deref(), &call.args[..]) {
            (operators::LOGICAL_NOT, None, [operand]) => {
                let node = self.typed(operand, Type::Bool, "!", depth)?;
                Some((Node::Not(Box::new(node)), Type::Bool))
            }
            (operators::NEGATE, None, [operand]) => {
                let node = match self.typed(operand, Type::Number, "-", depth)? {
                    Node::Number(number) => Node::Number(-number),
                    node => Node::Negate(Box::new(node)),
                };
                Some((node, Type::Number))
            }
            (operators::CONDITIONAL, None, [condition, yes, no]) => {
                let condition = self.typed(condition, Type::Bool, "?", depth);
                let (yes, no) = (self.compile(yes, depth), self.compile(no, depth));
                let (condition, (yes, yes_type), (no, no_type)) = (condition?, yes?, no?);
                if yes_type != no_type {
                    let (yes, no) = (yes_type.name(), no_type.name());
                    return self
                        .fault(expr, format!("`? :` takes values of one type, not a {yes} and a {no}"));
                }
                Some((Node::If(Box::new((condition, yes, no))), yes_type))
            }
            (operators::IN, None, [value, list]) => self.one_of(expr, value, list, depth),
            ("matches", Some(text), [pattern]) => self.matches(text, pattern, depth),
            (name, _, _) => {
                let name = name.trim_matches('_').trim_matches('@');
                self.fault(expr, format!("rules cannot do {}; they know {CALLS}", shown(name)))
            }
        }
    }

    fn typed(&mut self, expr: &IdedExpr, wanted: Type, sign: &str, depth: u16) -> Option<Node> {
        let (node, kind) = self.compile(expr, depth)?;
        if kind != wanted {
            let hint = hint(wanted, &node, kind);
            let (wanted, kind) = (wanted.name(), kind.name());
            return self.fault(expr, format!("`{sign}` takes a {wanted}, not a {kind}{hint}"));
        }
        Some(node)
    }

    fn one_of(
        &mut self,
        expr: &IdedExpr,
        value: &IdedExpr,
        list: &IdedExpr,
        depth: u16,
    ) -> Option<(Node, Type)> {
        let value = self.compile(value, depth);
        let Expr::List(list) = &list.expr else {
            return self.fault(
                list,
                "`in` takes a list of values in square brackets; lists of the policy are list.NAME",
            );
        };
        let (value, kind) = value?;
        let mut candidates = Vec::with_capacity(list.elements.len());
        for element in &list.elements {
            let (node, of) = self.compile(element, depth)?;
            if !matches!(node, Node::Bool(_) | Node::Number(_) | Node::Text(_)) {
                return self.fault(element, "behind `in` stand numbers and texts, written out");
            }
            if of != kind {
                return self
                    .fault(expr, format!("a {} is never in a list with a {}", kind.name(), of.name()));
            }
            candidates.push(node);
        }
        Some((Node::OneOf(Box::new(value), candidates.into()), Type::Bool))
    }

    fn matches(&mut self, text: &IdedExpr, pattern: &IdedExpr, depth: u16) -> Option<(Node, Type)> {
        let text = self.typed(text, Type::Text, "matches", depth);
        let Expr::Literal(LiteralValue::String(written)) = &pattern.expr else {
            return self.fault(pattern, "`matches` takes a regular expression, written out");
        };
        match self.budget.compile(written.inner(), true) {
            Ok(regex) => Some((Node::Matches(Box::new(text?), regex), Type::Bool)),
            Err(what) => self.fault(pattern, what),
        }
    }
}

/// What to write in the place of a value of another type than is wanted.
fn hint(wanted: Type, node: &Node, kind: Type) -> String {
    match (wanted, node, kind) {
        (Type::Bool, Node::Field(_) | Node::Hits(..), Type::Number) => {
            let limit = if matches!(node, Node::Field(field) if field.is_score()) { "0.5" } else { "0" };
            format!("; compare it, such as `{node} > {limit}`")
        }
        (Type::Bool, Node::Field(_), Type::Text) => format!("; compare it, such as `{node} == \"a\"`"),
        (Type::Number, Node::Text(text), _) if text.parse::<f64>().is_ok() => {
            format!("; numbers stand without quotes: `{text}`")
        }
        (Type::Text, Node::Number(_) | Node::Bool(_), _) => format!("; texts stand in quotes: `\"{node}\"`"),
        (Type::Number, Node::Listed(_, name), _) => format!("; how many entries there are is `hits.{name}`"),
        _ => String::new(),
    }
}

/// The name that an identifier or what is selected of one spells.
fn path(expr: &Expr) -> Option<String> {
    match expr {
        Expr::Ident(name) => Some(name.clone()),
        Expr::Select(select) if !select.test => {
            Some(format!("{}.{}", path(&select.operand.expr)?, select.field))
        }
        _ => None,
    }
}
