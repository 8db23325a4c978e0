//! One column of the catalog, as core knows columns.

use synapsor_core::id::Ident;
use synapsor_core::value::{Column, Kind, Limits, Native};

/// A row of `information_schema.COLUMNS`.
#[derive(Default)]
pub(super) struct Described {
    pub(super) name: String,
    data_type: String,
    column_type: String,
    nullable: bool,
    generated: bool,
    chars: Option<u64>,
    bytes: Option<u64>,
    precision: Option<u32>,
    scale: Option<u32>,
    fraction: Option<u8>,
    charset: Option<String>,
    collation: Option<String>,
}

impl Described {
    /// Reads a row in the order of the catalog's statement; `None` if it has no name or type.
    pub(super) fn read(row: &[Option<String>]) -> Option<Self> {
        let text = |index: usize| row.get(index).cloned().flatten();
        let extra = text(4).unwrap_or_default().to_ascii_uppercase();
        Some(Self {
            name: text(0)?,
            data_type: text(1)?,
            column_type: text(2)?,
            nullable: text(3).as_deref() == Some("YES"),
            // MySQL's DEFAULT_GENERATED is only a default.
            generated: extra.contains("VIRTUAL GENERATED") || extra.contains("STORED GENERATED"),
            chars: text(5).and_then(|number| number.parse().ok()),
            bytes: text(6).and_then(|number| number.parse().ok()),
            precision: text(7).and_then(|number| number.parse().ok()),
            scale: text(8).and_then(|number| number.parse().ok()),
            fraction: text(9).and_then(|number| number.parse().ok()),
            charset: text(10),
            collation: text(11),
        })
    }

    /// The column under the name it was asked for.
    pub(super) fn column(&self, name: Ident) -> Column {
        let unsigned = self.column_type.to_ascii_lowercase().contains(" unsigned");
        let kind = self.kind();
        let limits = self.limits(&kind, unsigned);
        let native = Native::Mysql {
            data_type: self.data_type.clone(),
            unsigned,
            charset: self.charset.clone(),
            collation: self.collation.clone(),
        };
        Column { name, kind, nullable: self.nullable, generated: self.generated, limits, native }
    }

    fn kind(&self) -> Kind {
        match self.data_type.as_str() {
            "tinyint" | "smallint" | "mediumint" | "int" | "bigint" | "year" => Kind::Integer,
            "decimal" => Kind::Decimal,
            "float" | "double" => Kind::Float,
            "char" | "varchar" | "tinytext" | "text" | "mediumtext" | "longtext" => Kind::Text,
            "enum" => Kind::Enum,
            "date" => Kind::Date,
            "time" => Kind::Time,
            "datetime" => Kind::DateTime,
            "timestamp" => Kind::Instant,
            "json" => Kind::Json,
            "bit" => Kind::Bits,
            "uuid" => Kind::Uuid,
            "binary" | "varbinary" | "tinyblob" | "blob" | "mediumblob" | "longblob" | "vector" => Kind::Bytes,
            "geometry" | "point" | "linestring" | "polygon" | "multipoint" | "multilinestring" | "multipolygon"
            | "geometrycollection" | "geomcollection" => Kind::Bytes,
            _ => Kind::Other,
        }
    }

    fn limits(&self, kind: &Kind, unsigned: bool) -> Limits {
        let none = Limits::default();
        match kind {
            Kind::Integer => Limits { range: integer_range(&self.data_type, unsigned), ..none },
            Kind::Decimal => Limits { precision: self.precision, scale: self.scale, ..none },
            // FLOAT(m,d) and DOUBLE(m,d) round like decimals; without a scale the precision means nothing.
            Kind::Float if self.scale.is_some() => Limits { precision: self.precision, scale: self.scale, ..none },
            Kind::Text if matches!(self.data_type.as_str(), "char" | "varchar") => Limits { chars: self.chars, ..none },
            Kind::Text | Kind::Json | Kind::Bytes => Limits { bytes: self.bytes, ..none },
            Kind::Enum => Limits { labels: labels(&self.column_type), ..none },
            Kind::Instant | Kind::DateTime | Kind::Time => {
                Limits { fraction: Some(self.fraction.unwrap_or(0)), ..none }
            }
            Kind::Bits => Limits { chars: self.precision.map(u64::from), ..none },
            _ => none,
        }
    }
}

fn integer_range(data_type: &str, unsigned: bool) -> Option<(i128, i128)> {
    let bits = match data_type {
        "tinyint" => 8,
        "smallint" => 16,
        "mediumint" => 24,
        "int" => 32,
        "bigint" => 64,
        "year" => return Some((1901, 2155)),
        _ => return None,
    };
    Some(if unsigned { (0, (1 << bits) - 1) } else { (-(1 << (bits - 1)), (1 << (bits - 1)) - 1) })
}

/// The labels in `enum('a','it''s')`: quotes are doubled, and a backslash stands before what the server escapes.
fn labels(column_type: &str) -> Vec<String> {
    let Some(list) = column_type.split_once('(').and_then(|(_, list)| list.strip_suffix(')')) else {
        return Vec::new();
    };
    let mut labels = Vec::new();
    let mut label: Option<String> = None;
    let mut chars = list.chars().peekable();
    while let Some(c) = chars.next() {
        match (&mut label, c) {
            (None, '\'') => label = Some(String::new()),
            (None, _) => {}
            (Some(text), '\'') if chars.peek() == Some(&'\'') => {
                chars.next();
                text.push('\'');
            }
            (Some(_), '\'') => labels.extend(label.take()),
            (Some(text), '\\') => text.extend(chars.next().map(unescaped)),
            (Some(text), other) => text.push(other),
        }
    }
    labels
}

fn unescaped(c: char) -> char {
    match c {
        '0' => '\0',
        'n' => '\n',
        'r' => '\r',
        other => other,
    }
}

/// Whether MariaDB keeps the column as JSON: it is text there, with a check of its own.
pub(super) fn is_json_alias(definition: &str, column: &Ident) -> bool {
    let check = format!("CHECK (json_valid(`{column}`))").to_ascii_lowercase();
    let mine = format!("`{column}` longtext").to_ascii_lowercase();
    definition.lines().any(|line| {
        let line = line.trim_start().to_ascii_lowercase();
        line.starts_with(&mine) && line.contains(&check)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn enum_labels_read_back() {
        let check = |column_type: &str, expect: &[&str]| assert_eq!(labels(column_type), expect, "{column_type}");
        check("enum('a','b')", &["a", "b"]);
        check("enum('it''s','a,b','(c)','')", &["it's", "a,b", "(c)", ""]);
        check(r"enum('ba\\ck','new\nline','nul\0')", &[r"ba\ck", "new\nline", "nul\0"]);
        check("enum('''')", &["'"]);
    }

    #[test]
    fn ranges_of_integers() {
        assert_eq!(integer_range("tinyint", true), Some((0, 255)));
        assert_eq!(integer_range("mediumint", false), Some((-8_388_608, 8_388_607)));
        assert_eq!(integer_range("bigint", true), Some((0, i128::from(u64::MAX))));
        assert_eq!(integer_range("bigint", false), Some((i128::from(i64::MIN), i128::from(i64::MAX))));
    }
}
