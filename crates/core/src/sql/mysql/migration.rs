//! The receipt table's statements on MySQL and MariaDB, from nothing or from a table of the reference program.

use crate::sql::receipts::Place;

/// Columns that a table of the reference program lacks.
const ADDED: [(&str, &str); 5] = [
    ("proposal_hash", "varchar(128)"),
    ("ledger_id", "varchar(64)"),
    ("ledger_head", "varchar(255)"),
    ("server_id", "varchar(128)"),
    ("new_version", "varchar(255)"),
];

/// Creates the table and its identity where they are missing, and completes an older table. `tables` are both qualified,
/// quoted names.
pub(in crate::sql) fn migration(place: &Place, tables: &[String; 2], receipts_id: &str) -> Vec<String> {
    let [table, id_table] = tables;
    let create = format!(
        "CREATE TABLE IF NOT EXISTS {table} (\n  \
         idempotency_key varchar(255) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin PRIMARY KEY,\n  \
         job_id varchar(255) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL UNIQUE,\n  \
         proposal_id varchar(512) NOT NULL,\n  proposal_hash varchar(128),\n  ledger_id varchar(64),\n  \
         ledger_head varchar(255),\n  server_id varchar(128),\n  \
         status varchar(64) NOT NULL CHECK (status IN ('applied', 'canceled')),\n  new_version varchar(255),\n  \
         result_hash varchar(128),\n  created_at timestamp NOT NULL DEFAULT CURRENT_TIMESTAMP,\n  \
         completed_at timestamp NULL\n) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4;"
    );
    let mut statements = vec![create];
    statements.extend(completion(place, table));
    statements.push(format!(
        "CREATE TABLE IF NOT EXISTS {id_table} (\n  only_row tinyint PRIMARY KEY DEFAULT 1 CHECK (only_row = 1),\n  \
         receipts_id varchar(64) NOT NULL\n) ENGINE=InnoDB;"
    ));
    statements.push(format!("INSERT IGNORE INTO {id_table} (only_row, receipts_id) VALUES (1, '{receipts_id}');"));
    statements
}

/// MySQL has no ADD COLUMN IF NOT EXISTS, so the statement is put together from what the catalog lacks.
fn completion(place: &Place, table: &str) -> [String; 5] {
    let there =
        |alias: &str| format!("{alias}.TABLE_SCHEMA = '{}' AND {alias}.TABLE_NAME = '{}'", place.schema, place.table);
    let columns: Vec<String> = ADDED
        .iter()
        .map(|(name, sql_type)| {
            format!(
                "  SELECT 'ADD COLUMN {name} {sql_type}' AS clause FROM DUAL WHERE NOT EXISTS (SELECT 1 FROM \
                 information_schema.COLUMNS c WHERE {} AND c.COLUMN_NAME = '{name}')\n  UNION ALL\n",
                there("c")
            )
        })
        .collect();
    [
        format!(
            "SET @synapsor_missing = (SELECT GROUP_CONCAT(clause SEPARATOR ', ') FROM (\n{}  SELECT 'ADD UNIQUE KEY (job_id)' FROM \
             DUAL WHERE NOT EXISTS (SELECT 1 FROM information_schema.STATISTICS s WHERE {} AND s.NON_UNIQUE = 0 GROUP BY \
             s.INDEX_NAME HAVING COUNT(*) = 1 AND MAX(s.COLUMN_NAME) = 'job_id' AND MAX(s.SUB_PART) IS NULL)\n) missing);",
            columns.concat(),
            there("s")
        ),
        format!(
            "SET @synapsor_alter = IF(@synapsor_missing IS NULL, 'DO 0', CONCAT('ALTER TABLE {table} ', @synapsor_missing));"
        ),
        "PREPARE synapsor_alter FROM @synapsor_alter;".to_owned(),
        "EXECUTE synapsor_alter;".to_owned(),
        "DEALLOCATE PREPARE synapsor_alter;".to_owned(),
    ]
}
