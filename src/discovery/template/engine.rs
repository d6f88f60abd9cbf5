//! The engine behind templates: what bounds it, and the words that Home Assistant adds to the
//! language, as far as configurations of things use them. Pure.

use std::sync::LazyLock;

use minijinja::value::{Kwargs, ValueKind};
use minijinja::{Environment, Error, ErrorKind, State, UndefinedBehavior, Value};

use serde_json::Value as Json;

use super::super::number::{nearest, of_text};
use super::super::payload::{self, quoted};
use super::OUTPUT_BYTES_MAX;

/// One is an instruction, or 64 bytes that are read or made: 256 KB, or some milliseconds at most.
/// A usual template takes less than a hundred; the longest message through two filters 2,000.
const FUEL: u64 = 4_000;
/// Deepest nesting while a template runs. Configurations nest once or twice.
const DEPTH_MAX: usize = 32;

/// The one engine: it holds no template, so nothing of one thing reaches another.
static ENGINE: LazyLock<Environment<'static>> = LazyLock::new(|| {
    let mut engine = Environment::new();
    engine.set_fuel(Some(FUEL));
    engine.set_recursion_limit(DEPTH_MAX);
    engine.set_undefined_behavior(UndefinedBehavior::Chainable);
    engine.set_formatter(|out, _, value| {
        let written = if value.is_none() {
            out.write_str("None")
        } else if value.kind() == ValueKind::Bool {
            out.write_str(if value.is_true() { "True" } else { "False" })
        } else {
            out.write_fmt(format_args!("{value}"))
        };
        written.map_err(|_| Error::new(ErrorKind::WriteFailure, "its text is too long"))
    });
    engine.set_unknown_method_callback(method);
    engine.add_filter("is_defined", is_defined);
    engine.add_filter("from_json", from_json);
    engine.add_filter("to_json", minijinja::filters::tojson);
    engine.add_filter("float", float);
    engine.add_function("float", float);
    engine.add_filter("int", int);
    engine.add_function("int", int);
    engine.add_filter("bool", truth);
    engine.add_function("bool", truth);
    engine.add_filter("iif", iif);
    engine.add_function("iif", iif);
    engine.add_filter("is_number", is_number);
    engine.add_function("is_number", is_number);
    engine.add_filter("multiply", multiply);
    engine.add_filter("add", add);
    engine.add_filter("bitwise_and", |one: i64, other: i64| one & other);
    engine.add_filter("bitwise_or", |one: i64, other: i64| one | other);
    engine
});

/// Whether it is a template at all.
pub(super) fn check(source: &str) -> Result<(), String> {
    match ENGINE.template_from_str(source) {
        Ok(_) => Ok(()),
        Err(error) => Err(format!("isn't a template that the house knows: {}", words(&error))),
    }
}

/// Follows a template. What the template asks for and isn't there makes nothing.
pub(super) fn render(source: &str, given: Vec<(&str, Value)>) -> Result<String, String> {
    match ENGINE.render_str(source, Value::from_pairs(given)) {
        Ok(text) if text.len() > OUTPUT_BYTES_MAX => {
            Err(format!("its template makes more than {OUTPUT_BYTES_MAX} bytes of it"))
        }
        Ok(text) => Ok(text.trim().to_owned()),
        Err(error) if error.kind() == ErrorKind::UndefinedError => Ok(String::new()),
        Err(error) => Err(format!("its template can't be followed: {}", words(&error))),
    }
}

/// A number as a template sees it: whole if it is.
pub(super) fn number(number: f64) -> Value {
    let whole = nearest(number);
    #[expect(clippy::cast_precision_loss, reason = "beyond 2^53 it only has to stay a float")]
    let same = (whole as f64).to_bits() == number.to_bits();
    if same { Value::from(whole) } else { Value::from(number) }
}

/// JSON as a template sees it. The parser of JSON has bounded how deep it is.
pub(in super::super) fn of_json(json: &Json) -> Value {
    match json {
        Json::Null => Value::from(()),
        Json::Bool(truth) => Value::from(*truth),
        Json::String(text) => Value::from(text.as_str()),
        Json::Array(items) => items.iter().map(of_json).collect(),
        Json::Object(map) => {
            Value::from_pairs(map.iter().map(|(key, it)| (key.as_str(), of_json(it))))
        }
        Json::Number(number) => match (number.as_i64(), number.as_u64()) {
            (Some(whole), _) => Value::from(whole),
            (None, Some(whole)) => Value::from(whole),
            (None, None) => number.as_f64().map_or_else(|| Value::from(()), Value::from),
        },
    }
}

/// What went wrong, without where: templates are one line.
fn words(error: &Error) -> String {
    quoted(&error.detail().map_or_else(|| error.kind().to_string(), ToOwned::to_owned))
}

fn missing() -> Error {
    Error::new(ErrorKind::UndefinedError, "it isn't there")
}

fn wrong(value: &Value, what: &str) -> Error {
    let detail = format!("{} isn't {what}", quoted(&value.to_string()));
    Error::new(ErrorKind::InvalidOperation, detail)
}

/// The number that a value is, or that its text is.
fn as_number(value: &Value) -> Option<f64> {
    if let Some(text) = value.as_str() {
        return of_text(text);
    }
    if value.kind() == ValueKind::Bool {
        return Some(f64::from(u8::from(value.is_true())));
    }
    let number = value.is_number().then(|| f64::try_from(value.clone()).ok()).flatten();
    number.filter(|number| number.is_finite())
}

/// A number, or the default; without one, what isn't a number is an error, as in Home Assistant.
fn numeric(value: &Value, default: Option<Value>, kwargs: &Kwargs) -> Result<Option<f64>, Error> {
    let default = default.map_or_else(|| kwargs.get::<Option<Value>>("default"), |it| Ok(Some(it)));
    match (as_number(value), default?) {
        (Some(number), _) => Ok(Some(number)),
        (None, Some(_)) => Ok(None),
        (None, None) if value.is_undefined() => Err(missing()),
        (None, None) => Err(wrong(value, "a number")),
    }
}

/// The default that [`numeric`] found was there.
fn otherwise(default: Option<Value>, kwargs: &Kwargs) -> Result<Value, Error> {
    default.map_or_else(|| kwargs.get("default"), Ok)
}

#[expect(clippy::needless_pass_by_value, reason = "the engine gives them so")]
fn float(value: &Value, default: Option<Value>, kwargs: Kwargs) -> Result<Value, Error> {
    match numeric(value, default.clone(), &kwargs)? {
        Some(number) => Ok(Value::from(number)),
        None => otherwise(default, &kwargs),
    }
}

#[expect(clippy::needless_pass_by_value, reason = "the engine gives them so")]
fn int(
    value: &Value,
    default: Option<Value>,
    base: Option<u32>,
    kwargs: Kwargs,
) -> Result<Value, Error> {
    let base = base.or(kwargs.get::<Option<u32>>("base")?).unwrap_or(10);
    if base != 10 && (2..=36).contains(&base) {
        let digits = value.as_str().map(|text| text.trim().trim_start_matches("0x"));
        if let Some(whole) = digits.and_then(|digits| i64::from_str_radix(digits, base).ok()) {
            return Ok(Value::from(whole));
        }
    }
    match numeric(value, default.clone(), &kwargs)? {
        Some(number) => Ok(Value::from(nearest(number.trunc()))),
        None => otherwise(default, &kwargs),
    }
}

fn truth(value: &Value, default: Option<Value>) -> Result<Value, Error> {
    let text = value.as_str().map(str::to_ascii_lowercase);
    match text.as_deref().map(str::trim) {
        None if value.is_undefined() => default.ok_or_else(missing),
        None => Ok(Value::from(value.is_true())),
        Some(word) => payload::truth(word)
            .map(Value::from)
            .or(default)
            .ok_or_else(|| wrong(value, "true or false")),
    }
}

fn iif(value: &Value, yes: Option<Value>, no: Option<Value>, none: Option<Value>) -> Value {
    match none {
        Some(none) if value.is_none() => none,
        _ if value.is_true() => yes.unwrap_or_else(|| Value::from(true)),
        _ => no.unwrap_or_else(|| Value::from(false)),
    }
}

fn is_defined(value: Value) -> Result<Value, Error> {
    if value.is_undefined() { Err(missing()) } else { Ok(value) }
}

fn is_number(value: &Value) -> bool {
    as_number(value).is_some()
}

fn from_json(text: &str) -> Result<Value, Error> {
    let json: Json = serde_json::from_str(text)
        .map_err(|_| Error::new(ErrorKind::InvalidOperation, "it isn't JSON"))?;
    Ok(of_json(&json))
}

fn multiply(value: &Value, by: f64, default: Option<Value>) -> Result<Value, Error> {
    let product = as_number(value).map(|number| Value::from(number * by));
    product.or(default).ok_or_else(|| wrong(value, "a number"))
}

fn add(value: &Value, more: f64, default: Option<Value>) -> Result<Value, Error> {
    let sum = as_number(value).map(|number| Value::from(number + more));
    sum.or(default).ok_or_else(|| wrong(value, "a number"))
}

/// The methods of Python's texts and dictionaries that templates of things use.
fn method(
    state: &mut State<'_, '_>,
    value: &Value,
    name: &str,
    args: &[Value],
) -> Result<Value, Error> {
    let text = value.as_str();
    let first = args.first().and_then(Value::as_str);
    match (text, name, args.len()) {
        (Some(text), "startswith", 1) => Ok(first.is_some_and(|it| text.starts_with(it)).into()),
        (Some(text), "endswith", 1) => Ok(first.is_some_and(|it| text.ends_with(it)).into()),
        (Some(text), "strip", 0) => Ok(text.trim().into()),
        (Some(_), "upper" | "lower" | "title" | "capitalize", 0)
        | (Some(_), "split", _)
        | (Some(_), "replace", 2) => {
            let all: Vec<Value> = std::iter::once(value).chain(args).cloned().collect();
            state.apply_filter(name, &all)
        }
        (None, "get", 1 | 2) if value.kind() == ValueKind::Map => {
            let key = args.first().ok_or_else(missing)?;
            let found = value.get_item(key)?;
            let other = || args.get(1).cloned().unwrap_or_else(|| Value::from(()));
            Ok(if found.is_undefined() { other() } else { found })
        }
        (None, "items" | "keys" | "values", 0) if value.kind() == ValueKind::Map => {
            let pairs = state.apply_filter("items", std::slice::from_ref(value))?;
            let at = match name {
                "keys" => 0,
                "values" => 1,
                _ => return Ok(pairs),
            };
            let part = |pair: Value| pair.get_item_by_index(at);
            Ok(Value::from(pairs.try_iter()?.map(part).collect::<Result<Vec<_>, _>>()?))
        }
        _ => Err(Error::from(ErrorKind::UnknownMethod)),
    }
}
