//! A configuration to begin with, where nothing says which table.

use synapsor_core::contract::{EngineKind, Mode, TenantRule};
use synapsor_core::draft::{self, Draft, Frame, Guard, TableWish, Wish};
use synapsor_core::id::{EnvName, Ident};
use synapsor_core::refusal::Refusal;

use crate::cli::database::Database;

/// One tool that reads a table `records`.
pub fn draft(database: &Database, frame: Frame) -> Result<Draft, Refusal> {
    let engine = database.engine_word().unwrap_or(EngineKind::Postgres);
    let (schema, source, read, write) = match engine {
        EngineKind::Postgres => ("public", "app_postgres", "APP_POSTGRES_READ_URL", "APP_POSTGRES_WRITE_URL"),
        EngineKind::Mysql => ("app", "app_mysql", "APP_MYSQL_READ_URL", "APP_MYSQL_WRITE_URL"),
        EngineKind::Sqlite => ("main", "app_sqlite", "APP_SQLITE_READ_URL", "APP_SQLITE_WRITE_URL"),
    };
    let ident = |name: &str| Ident::parse(name).ok();
    let column = |name: &str| ident(name).map(TenantRule::Column);
    let table = TableWish {
        schema: Some(schema.to_owned()),
        table: Some("records".to_owned()),
        primary_key: ident("id"),
        tenant: column("tenant_id"),
        guard: ident("updated_at").map(Guard::Column),
        visible_columns: Some(["id", "tenant_id", "status", "updated_at"].into_iter().filter_map(ident).collect()),
        names: draft::NameWish { namespace: ident("records"), ..draft::NameWish::default() },
        ..TableWish::default()
    };
    let mode = frame.mode.unwrap_or(Mode::Review);
    let writer = frame.write_url_env.clone().or_else(|| EnvName::parse(write).ok());
    let frame = Frame {
        engine: Some(engine),
        source_name: frame.source_name.or_else(|| ident(source)),
        read_url_env: frame.read_url_env.or_else(|| EnvName::parse(read).ok()),
        mode: None,
        ..frame
    };
    let mut draft = draft::settle(Wish { frame, tables: vec![table] }, None, mode)?;
    // It holds no proposal yet; the mode is for those to come.
    draft.frame.mode = mode;
    draft.frame.write_url_env = writer.filter(|_| mode == Mode::Review);
    draft
        .remarks
        .push("the table `records` is an example: put your own into `target` and `visible_columns`".to_owned());
    Ok(draft)
}
