//! What the tools of a table are called.

use super::{Flaws, NameWish};
use crate::args::RESERVED;
use crate::id::{CapabilityName, Ident};
use crate::inspection::object_name;

/// What the tools of a table are called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Names {
    /// What one row is called, such as `invoice`.
    pub object: Ident,
    /// The argument that holds the row's key, such as `invoice_id`.
    pub lookup_arg: Ident,
    /// The reading tool, such as `billing.inspect_invoice`.
    pub read_tool: CapabilityName,
    /// The proposing tool, such as `billing.propose_invoice_update`.
    pub proposal_tool: CapabilityName,
}

impl Names {
    /// The names that a table's tools would get; `None` if none can be made of its name.
    #[must_use]
    pub fn usual(wish: &NameWish, table: &str) -> Option<Self> {
        Self::settle(wish, table, &mut Flaws::default())
    }

    /// The names that are wished for a table, and customary ones for the rest.
    pub(super) fn settle(wish: &NameWish, table: &str, flaws: &mut Flaws) -> Option<Self> {
        let object = match &wish.object_name {
            Some(object) => object.to_string(),
            None => object_name(table),
        };
        let first = object.split('_').find(|part| !part.is_empty()).unwrap_or("record");
        let namespace = wish.namespace.as_ref().map_or(first, Ident::as_str);
        let tool = |named: &Option<CapabilityName>, action: String| {
            named.clone().or_else(|| CapabilityName::parse(&format!("{namespace}.{action}")).ok())
        };
        // A model may not name a tenant, a source and the like, whatever is meant by it.
        let id = format!("{object}_id");
        let usual = if RESERVED.contains(&id.as_str()) { format!("{object}_key") } else { id };
        let named = (
            Ident::parse(&object),
            wish.lookup_arg.clone().map_or_else(|| Ident::parse(&usual), Ok),
            tool(&wish.read_tool, format!("inspect_{object}")),
            tool(&wish.proposal_tool, format!("propose_{object}_update")),
        );
        let (Ok(object), Ok(lookup_arg), Some(read_tool), Some(proposal_tool)) = named else {
            flaws.add(format!("no names can be made of `{table}`"), "name one row with `object_name`");
            return None;
        };
        Some(Self { object, lookup_arg, read_tool, proposal_tool })
    }

    /// What one row is called in sentences.
    #[must_use]
    pub fn noun(&self) -> String {
        self.object.as_str().replace('_', " ")
    }
}
