//! Where a thread's rows go: into its share of the memory, and from there into sorted runs.

use std::collections::HashMap;
use std::sync::Mutex;
use std::sync::atomic::Ordering;

use super::found::Tables;
use super::{BATCH_BYTES, Shared, lock};
use crate::error::Result;
use crate::ids::ContentKey;
use crate::manifest::build::work::run_path;
use crate::manifest::builder::{Row, Run, Space, Width};
use crate::manifest::kind::Spec;
use crate::manifest::meta::Meta;

/// The rows of a thread that are not in a run yet, and its runs.
pub(super) struct Sorting<'t, 's> {
    shared: &'s Shared<'t>,
    rows: Rows<'s>,
    /// What was written, each with its number, or sorted in memory.
    pub(super) runs: Vec<(Option<u32>, Run)>,
}

/// The rows of a thread, and what it knows of the tables.
struct Rows<'s> {
    rows: Vec<Row>,
    /// How many are held.
    most: usize,
    width: Width,
    tables: &'s Mutex<Tables>,
    spaces: Vec<(Spec, Space)>,
    licenses: HashMap<String, u16>,
    pushed: Vec<u64>,
}

impl<'t, 's> Sorting<'t, 's> {
    pub(super) fn new(shared: &'s Shared<'t>) -> Self {
        let (width, most) = (shared.options.width(), shared.options.rows_per_thread());
        let rows = Rows {
            // Pages that nothing was written to cost nothing.
            rows: Vec::with_capacity(most),
            most,
            width,
            tables: &shared.tables,
            spaces: Vec::new(),
            licenses: HashMap::new(),
            pushed: Vec::new(),
        };
        Self { shared, rows, runs: Vec::new() }
    }

    /// How many keys each keyspace got since this was last asked.
    pub(super) fn counted(&mut self) -> Vec<u64> {
        core::mem::take(&mut self.rows.pushed)
    }

    /// The place of a license; that of the whole source where an item states none.
    pub(super) fn license(&mut self, stated: Option<&str>) -> Result<u16> {
        self.rows.license(stated)
    }

    /// Sorts the rows and keeps them in memory.
    pub(super) fn keep(&mut self) {
        let rows = core::mem::take(&mut self.rows.rows);
        self.runs.push((None, Run::in_memory(rows)));
    }

    /// Whether the next batch might not fit.
    pub(super) fn is_nearly_full(&self) -> bool {
        self.rows.rows.len() + BATCH_BYTES / 32 > self.rows.most
    }

    pub(super) fn push(&mut self, spec: Spec, key: ContentKey, meta: Meta) -> Result<()> {
        if self.rows.rows.len() == self.rows.most {
            // A single item may have more keys than there is room for.
            self.shared.full.store(true, Ordering::Relaxed);
            self.spill()?;
        }
        self.rows.push(spec, key, meta)
    }

    /// Sorts the rows and writes them to a run.
    pub(super) fn spill(&mut self) -> Result<()> {
        if self.rows.rows.is_empty() {
            return Ok(());
        }
        let number = self.shared.next_run.fetch_add(1, Ordering::Relaxed);
        let path = run_path(&self.shared.folder, number);
        self.runs.push((Some(number), Run::write(path, &mut self.rows.rows, self.rows.width)?));
        Ok(())
    }
}

impl Rows<'_> {
    fn push(&mut self, spec: Spec, key: ContentKey, meta: Meta) -> Result<()> {
        let space = match self.spaces.iter().find(|(known, _)| *known == spec) {
            Some((_, space)) => *space,
            None => {
                let space = lock(self.tables).space(spec)?;
                self.spaces.push((spec, space));
                space
            }
        };
        let place = usize::from(space.0);
        if self.pushed.len() <= place {
            self.pushed.resize(place + 1, 0);
        }
        self.pushed[place] += 1;
        self.rows.push(Row::new(space, &key, self.width.key_len, meta));
        Ok(())
    }

    /// The place of a license; that of the whole source where an item states none.
    fn license(&mut self, stated: Option<&str>) -> Result<u16> {
        let Some(stated) = stated else { return Ok(0) };
        if let Some(place) = self.licenses.get(stated) {
            return Ok(*place);
        }
        let place = lock(self.tables).license(stated)?;
        self.licenses.insert(stated.to_owned(), place);
        Ok(place)
    }
}
