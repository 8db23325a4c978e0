//! Bound values on their way in, rows on their way out.

use mysql_async::{Params, Row, Value};
use synapsor_core::sql::{Bind, Sql};
use synapsor_core::value::normalise::mysql_float;
use synapsor_core::value::{Cell, Kind};

use crate::fault::{Class, Fault};

/// A statement with its values and what its columns are, free of any borrow.
#[derive(Clone)]
pub(super) struct Statement {
    pub(super) text: String,
    pub(super) params: Params,
    pub(super) outputs: Vec<Kind>,
}

impl From<&Sql> for Statement {
    fn from(sql: &Sql) -> Self {
        let values: Vec<Value> = sql.binds().iter().map(value).collect();
        let params = if values.is_empty() { Params::Empty } else { Params::Positional(values) };
        Self { text: sql.text().to_owned(), params, outputs: sql.outputs().to_vec() }
    }
}

fn value(bind: &Bind) -> Value {
    match bind {
        Bind::Null => Value::NULL,
        Bind::Text(text) => Value::Bytes(text.clone().into_bytes()),
        Bind::Int(number) => Value::Int(*number),
        Bind::Uint(number) => Value::UInt(*number),
        Bind::Real(number) => Value::Double(*number),
        Bind::Bytes(bytes) => Value::Bytes(bytes.clone()),
    }
}

/// Rows as cells. Every output is text but for bytes, which come in upper-case hex, plain integers, and doubles.
pub(super) fn cells(rows: Vec<Row>, outputs: &[Kind]) -> Result<Vec<Vec<Cell>>, Fault> {
    rows.into_iter().map(|row| cells_of(row, outputs)).collect()
}

fn cells_of(row: Row, outputs: &[Kind]) -> Result<Vec<Cell>, Fault> {
    let values = row.unwrap();
    if values.len() != outputs.len() {
        return Err(Fault::new(Class::Other, "the source database returned another number of columns than asked for"));
    }
    values.into_iter().zip(outputs).map(|(value, kind)| cell(value, kind)).collect()
}

fn cell(value: Value, kind: &Kind) -> Result<Cell, Fault> {
    let text = match value {
        Value::NULL => None,
        Value::Bytes(bytes) => {
            let text = String::from_utf8(bytes)
                .map_err(|_| Fault::new(Class::Other, "the source database returned text that is not UTF-8"))?;
            Some(if *kind == Kind::Bytes { format!("\\x{}", text.to_lowercase()) } else { text })
        }
        Value::Int(number) => Some(number.to_string()),
        Value::UInt(number) => Some(number.to_string()),
        Value::Double(number) => Some(mysql_float(number)),
        Value::Float(_) | Value::Date(..) | Value::Time(..) => {
            return Err(Fault::new(Class::Other, "the source database returned a value in a form that is not exact"));
        }
    };
    Ok(Cell::new(kind.clone(), text))
}
