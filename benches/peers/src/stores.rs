//! Stores that answer without a proof. Each gets its keys in the order and in the portions that suit it best.

use std::path::Path;

use anyhow::Result;
use postgres::{Client, NoTls};
use redb::{ReadableDatabase as _, TableDefinition};

use crate::{Figures, disk, keys, peak, questions, timed};

/// Keys of one transaction: larger ones gained nothing here and cost memory.
const PORTION: usize = 100_000;

pub fn sqlite(n: u64, dir: &Path) -> Result<Figures> {
    std::fs::create_dir_all(dir)?;
    let mut keys = keys(n);
    let mut connection = rusqlite::Connection::open(dir.join("keys.sqlite"))?;
    let (made, build) = timed(|| -> Result<()> {
        keys.sort_unstable();
        connection.execute_batch(
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA cache_size = -262144;
             CREATE TABLE keys (key BLOB PRIMARY KEY) WITHOUT ROWID;",
        )?;
        for portion in keys.chunks(PORTION) {
            let transaction = connection.transaction()?;
            {
                let mut insert = transaction.prepare_cached("INSERT INTO keys VALUES (?1)")?;
                for key in portion {
                    insert.execute([key.as_slice()])?;
                }
            }
            transaction.commit()?;
        }
        connection.execute_batch("PRAGMA wal_checkpoint(TRUNCATE);")?;
        Ok(())
    });
    made?;
    let asked = questions(n);
    let mut select = connection.prepare("SELECT 1 FROM keys WHERE key = ?1")?;
    let (right, took) = timed(|| asked.iter().filter(|(k, there)| select.exists([k.as_slice()]).ok() == Some(*there)).count());
    assert_eq!(right, asked.len());
    let asks = asked.len() as f64 / took;
    Ok(Figures { build, asks, disk: Some(disk(dir)), note: "WITHOUT ROWID, sorted, WAL", ..Figures::default() })
}

pub fn redb(n: u64, dir: &Path) -> Result<Figures> {
    const KEYS: TableDefinition<&[u8; 32], ()> = TableDefinition::new("keys");
    std::fs::create_dir_all(dir)?;
    let mut keys = keys(n);
    let database = redb::Database::builder().set_cache_size(256 << 20).create(dir.join("keys.redb"))?;
    let (made, build) = timed(|| -> Result<()> {
        keys.sort_unstable();
        for portion in keys.chunks(PORTION) {
            let transaction = database.begin_write()?;
            {
                let mut table = transaction.open_table(KEYS)?;
                for key in portion {
                    table.insert(key, ())?;
                }
            }
            transaction.commit()?;
        }
        Ok(())
    });
    made?;
    let asked = questions(n);
    let table = database.begin_read()?.open_table(KEYS)?;
    let found = |key: &[u8; 32]| table.get(key).ok().map(|found| found.is_some());
    let (right, took) = timed(|| asked.iter().filter(|(key, there)| found(key) == Some(*there)).count());
    assert_eq!(right, asked.len());
    let asks = asked.len() as f64 / took;
    Ok(Figures { build, asks, disk: Some(disk(dir)), note: "sorted", ..Figures::default() })
}

pub fn sled(n: u64, dir: &Path) -> Result<Figures> {
    std::fs::create_dir_all(dir)?;
    let mut keys = keys(n);
    let database = sled::Config::new().path(dir).cache_capacity(256 << 20).flush_every_ms(None).open()?;
    let (made, build) = timed(|| -> Result<()> {
        keys.sort_unstable();
        for portion in keys.chunks(1000) {
            let mut batch = sled::Batch::default();
            portion.iter().for_each(|key| batch.insert(key, &[]));
            database.apply_batch(batch)?;
        }
        database.flush()?;
        Ok(())
    });
    made?;
    let asked = questions(n);
    let (right, took) = timed(|| asked.iter().filter(|(k, there)| database.contains_key(k).ok() == Some(*there)).count());
    assert_eq!(right, asked.len());
    let asks = asked.len() as f64 / took;
    Ok(Figures { build, asks, disk: Some(disk(dir)), note: "sorted, batches of 1,000", ..Figures::default() })
}

/// `connection` is that of a server which nobody else uses. The keys are copied in as they come; the B-tree sorts them.
pub fn postgres(n: u64, connection: &str) -> Result<Figures> {
    let keys = keys(n);
    let mut client = Client::connect(connection, NoTls)?;
    let (made, build) = timed(|| -> Result<()> {
        client.batch_execute("DROP TABLE IF EXISTS keys; CREATE UNLOGGED TABLE keys (key bytea NOT NULL)")?;
        let mut copy = client.copy_in("COPY keys FROM STDIN (FORMAT binary)")?;
        let mut rows = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0".to_vec();
        for portion in keys.chunks(PORTION) {
            for key in portion {
                rows.extend_from_slice(&1i16.to_be_bytes());
                rows.extend_from_slice(&32i32.to_be_bytes());
                rows.extend_from_slice(key);
            }
            std::io::Write::write_all(&mut copy, &rows)?;
            rows.clear();
        }
        std::io::Write::write_all(&mut copy, &(-1i16).to_be_bytes())?;
        copy.finish()?;
        // One by one: several at once would be one transaction, in which there is no VACUUM.
        for command in ["CREATE UNIQUE INDEX keys_key ON keys (key)", "VACUUM ANALYZE keys", "CHECKPOINT"] {
            client.batch_execute(command)?;
        }
        Ok(())
    });
    made?;
    let size: i64 = client.query_one("SELECT pg_total_relation_size('keys')", &[])?.get(0);
    let asked = questions(n);
    let select = client.prepare("SELECT 1 FROM keys WHERE key = $1")?;
    let mut found = |key: &[u8; 32]| client.query_opt(&select, &[&key.as_slice()]).ok().map(|row| row.is_some());
    let (right, took) = timed(|| asked.iter().filter(|(key, there)| found(key) == Some(*there)).count());
    assert_eq!(right, asked.len());
    let pid: i32 = client.query_one("SELECT pg_backend_pid()", &[])?.get(0);
    let asks = asked.len() as f64 / took;
    let note = "unlogged, COPY, B-tree, VACUUM; memory with its backend's; loopback, prepared";
    Ok(Figures { build, asks, disk: Some(size as u64), server: Some(peak(&pid.to_string())), note, ..Figures::default() })
}
