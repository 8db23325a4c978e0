//! What a column's type means for showing, comparing and patching its values.

use std::collections::BTreeMap;

use synapsor_core::value::{Cell, Kind, Limits, Native};

use super::run::Rows;

/// The catalog's own schema.
const SYSTEM: &str = "pg_catalog";

/// Types by their object id.
pub(super) struct Types(BTreeMap<u32, Type>);

/// One type as the catalog has it.
struct Type {
    schema: String,
    name: String,
    /// `d` domain, `e` enum, `c` composite, `r` range, `m` multirange, `b` base.
    form: String,
    /// `S` for strings.
    category: String,
    /// Under a domain.
    base: u32,
    /// Of a domain: the modifier for its base.
    modifier: i32,
    not_null: bool,
    /// Of an array: its element; otherwise 0.
    element: u32,
    /// The function that gives a value's bytes, quoted and qualified.
    send: Option<String>,
    labels: Vec<String>,
    /// Digits that this session gives money after the point.
    money_scale: Option<u32>,
}

/// What a column's type means.
pub(super) struct Kept {
    pub(super) kind: Kind,
    pub(super) limits: Limits,
    pub(super) native: Native,
    /// Whether a domain forbids NULL.
    pub(super) not_null: bool,
}

/// Through what a value is compared.
struct Identity {
    cast: String,
    send: String,
}

impl Types {
    /// Reads the rows of the catalog look-up; a row that does not read is a type that is not there.
    pub(super) fn read(rows: &Rows) -> Self {
        Self(rows.iter().filter_map(|row| read_type(row)).collect())
    }

    /// What a column of this type and modifier holds.
    pub(super) fn column(&self, oid: u32, modifier: i32) -> Option<Kept> {
        let (base, modifier, not_null) = self.under_domains(oid, modifier)?;
        let Identity { cast, send } = self.identity(base);
        let native = Native::Postgres { own: base.quoted(), cast, send };
        Some(Kept { kind: self.kind(base), limits: limits(base, modifier), native, not_null })
    }

    fn under_domains(&self, oid: u32, modifier: i32) -> Option<(&Type, i32, bool)> {
        let (mut found, mut modifier, mut not_null) = (self.0.get(&oid)?, modifier, false);
        while found.form == "d" {
            not_null |= found.not_null;
            modifier = if modifier < 0 { found.modifier } else { modifier };
            found = self.0.get(&found.base)?;
        }
        Some((found, modifier, not_null))
    }

    fn element(&self, array: &Type) -> Option<&Type> {
        self.under_domains(array.element, -1).map(|(element, ..)| element)
    }

    fn kind(&self, of: &Type) -> Kind {
        if let Some(element) = self.element(of) {
            return Kind::Array(Box::new(self.kind(element)));
        }
        match (of.form.as_str(), of.system_name()) {
            ("e", _) => Kind::Enum,
            ("b", Some("int2" | "int4" | "int8" | "oid")) => Kind::Integer,
            ("b", Some("numeric" | "money")) => Kind::Decimal,
            ("b", Some("float4" | "float8")) => Kind::Float,
            ("b", Some("bool")) => Kind::Boolean,
            ("b", Some("char")) => Kind::Text,
            ("b", Some("uuid")) => Kind::Uuid,
            ("b", Some("timestamptz")) => Kind::Instant,
            ("b", Some("timestamp")) => Kind::DateTime,
            ("b", Some("date")) => Kind::Date,
            ("b", Some("time" | "timetz")) => Kind::Time,
            ("b", Some("interval")) => Kind::Interval,
            ("b", Some("json" | "jsonb")) => Kind::Json,
            ("b", Some("bytea")) => Kind::Bytes,
            ("b", Some("bit" | "varbit")) => Kind::Bits,
            ("b", _) if of.category == "S" => Kind::Text,
            _ => Kind::Other,
        }
    }

    /// Text stands for types that cut, pad or cannot send their values: a longer name must not find its stump.
    fn identity(&self, of: &Type) -> Identity {
        if let Some(element) = self.element(of) {
            let through = self.identity(element);
            let cast = match () {
                () if through.cast == element.quoted() => of.quoted(),
                () if through.cast == system("numeric") => system("_numeric"),
                () => system("_text"),
            };
            return Identity { cast, send: system("array_send") };
        }
        let text = || Identity { cast: system("text"), send: system("textsend") };
        match (of.system_name(), &of.send) {
            (Some("bpchar" | "name" | "char" | "xml"), _) | (_, None) => text(),
            (Some("money"), _) => Identity { cast: system("numeric"), send: system("numeric_send") },
            (None, _) if of.category == "S" => text(),
            (_, Some(send)) => Identity { cast: of.quoted(), send: send.clone() },
        }
    }
}

impl Type {
    fn system_name(&self) -> Option<&str> {
        (self.schema == SYSTEM).then_some(self.name.as_str())
    }

    fn quoted(&self) -> String {
        qualified(&self.schema, &self.name)
    }
}

fn limits(of: &Type, modifier: i32) -> Limits {
    let mut limits = Limits { labels: of.labels.clone(), ..Limits::default() };
    let given = u32::try_from(modifier).ok();
    // The header that some modifiers count in.
    let sized = given.and_then(|modifier| modifier.checked_sub(4));
    match of.system_name() {
        Some("int2") => limits.range = Some((i16::MIN.into(), i16::MAX.into())),
        Some("int4") => limits.range = Some((i32::MIN.into(), i32::MAX.into())),
        Some("int8") => limits.range = Some((i64::MIN.into(), i64::MAX.into())),
        Some("oid") => limits.range = Some((0, u32::MAX.into())),
        Some("varchar" | "bpchar") => limits.chars = sized.map(u64::from),
        Some("name") => limits.bytes = Some(63),
        Some("char") => limits.bytes = Some(1),
        Some("bit" | "varbit") => limits.chars = given.map(u64::from),
        Some("numeric") => {
            if let Some(sized) = sized {
                // The scale is a signed number of eleven bits; below zero, digits before the point are rounded away.
                let scale = i64::from((sized & 0x7ff) ^ 0x400) - 0x400;
                let digits = i64::from(sized >> 16) - scale.min(0);
                limits.precision = u32::try_from(digits).ok();
                limits.scale = Some(u32::try_from(scale).unwrap_or(0));
            }
        }
        Some("money") => {
            limits.precision = Some(19);
            limits.scale = of.money_scale;
        }
        Some("timestamp" | "timestamptz" | "time" | "timetz" | "interval") => {
            // Intervals keep their fields in the upper half; no precision is all ones.
            let digits = given.map_or(6, |modifier| modifier & 0xffff);
            limits.fraction = Some(u8::try_from(digits).unwrap_or(6).min(6));
        }
        _ => {}
    }
    limits
}

fn read_type(row: &[Cell]) -> Option<(u32, Type)> {
    let text = |index: usize| row.get(index).and_then(Cell::text);
    let owned = |index| text(index).map(str::to_owned);
    let send = text(9).zip(text(10)).map(|(schema, name)| qualified(schema, name));
    let found = Type {
        schema: owned(1)?,
        name: owned(2)?,
        form: owned(3)?,
        category: owned(4)?,
        base: number(text(5)?)?,
        modifier: number(text(6)?)?,
        not_null: text(7)? == "true",
        element: number(text(8)?)?,
        send,
        labels: serde_json::from_str(text(11)?).ok()?,
        money_scale: number(text(12)?),
    };
    Some((number(text(0)?)?, found))
}

/// Reads a number of the catalog.
pub(super) fn number<N: std::str::FromStr>(text: &str) -> Option<N> {
    text.parse().ok()
}

fn system(name: &str) -> String {
    qualified(SYSTEM, name)
}

fn qualified(schema: &str, name: &str) -> String {
    let quote = |name: &str| format!("\"{}\"", name.replace('"', "\"\""));
    format!("{}.{}", quote(schema), quote(name))
}
