//! The manifests that a log holds for others, in a folder each, named by the keyspace.
//!
//! What is held is checked whole before it is served, and names itself: its id is the digest of its header. Uploads are
//! gathered in a folder of their own, part by part; what is complete and sound is renamed into its place.
//!
//! ```text
//! manifests/<keyspace id>/header.json, keys.bin, …     held; roll-up runs of the operator too
//! manifests/.incoming/<keyspace id>/plan, parts/<n>    on its way
//! ```

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use super::Term;
use super::open::blame;
use super::reader::{Filter, Order};
use super::{Log, Published};
use crate::error::{Code, Error, Result};
use crate::ids::{KeyspaceId, LeafIndex, SubjectDigest, UnixMillis, from_hex};
use crate::manifest::upload::{PART_BYTES, Part, Plan, is_file_name};
use crate::manifest::{
    KeyspaceFiles, MAX_HEADER, Run, RunFiles, RunHeader, VerifiedRun, check, is_run_file_name, list, open, open_run,
    read_up_to,
};
use crate::record::kind::Kind;
use crate::record::subject_digest;
use crate::state::{Owner, Standing};

/// What a party may have on its way at once: half a billion keys.
pub const QUOTA_BYTES: u64 = 16 << 30;

const INCOMING: &str = ".incoming";

/// How an upload stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Upload {
    /// The keyspace.
    pub keyspace: KeyspaceId,
    /// The parts that are still to come, by their number in the plan.
    pub missing: Vec<usize>,
    /// Whether the log holds the keyspace already, so that nothing is to come.
    pub held: bool,
}

/// The folders of manifests, and those that are open.
#[derive(Debug)]
pub struct Manifests {
    root: PathBuf,
    open: RwLock<HashMap<KeyspaceId, Arc<KeyspaceFiles>>>,
    runs: RwLock<HashMap<KeyspaceId, Arc<RunFiles>>>,
    /// Uploads as they were signed, by keyspace, with the party that signed.
    uploads: Mutex<HashMap<KeyspaceId, (Plan, String)>>,
    /// Held while a whole keyspace is put together and checked: one at a time.
    checking: Mutex<()>,
}

impl Manifests {
    /// The manifests in a folder, which is made when it is needed.
    pub fn new(root: PathBuf) -> Self {
        Self {
            root,
            open: RwLock::default(),
            runs: RwLock::default(),
            uploads: Mutex::default(),
            checking: Mutex::default(),
        }
    }

    /// Whether the log holds this keyspace.
    pub fn holds(&self, id: &KeyspaceId) -> bool {
        self.root.join(id.to_hex()).join("header.json").is_file()
    }

    /// The files of a keyspace; `None` if the log does not hold it.
    ///
    /// # Errors
    /// `manifest_invalid` or `file_access` if the folder is there and cannot be opened as a keyspace.
    pub fn files(&self, id: &KeyspaceId) -> Result<Option<Arc<KeyspaceFiles>>> {
        if let Some(files) = self.open.read().unwrap_or_else(PoisonError::into_inner).get(id) {
            return Ok(Some(Arc::clone(files)));
        }
        if !self.holds(id) || self.is_run(id) {
            return Ok(None);
        }
        let files = Arc::new(open(&self.root.join(id.to_hex()))?);
        self.open.write().unwrap_or_else(PoisonError::into_inner).insert(*id, Arc::clone(&files));
        Ok(Some(files))
    }

    /// The files of a roll-up run, which stand among those of the keyspaces; `None` if the log does not hold it.
    ///
    /// # Errors
    /// `manifest_invalid` or `file_access` if the folder is there and cannot be opened as a run.
    pub fn run(&self, id: &KeyspaceId) -> Result<Option<Arc<RunFiles>>> {
        if let Some(files) = self.runs.read().unwrap_or_else(PoisonError::into_inner).get(id) {
            return Ok(Some(Arc::clone(files)));
        }
        if !self.is_run(id) {
            return Ok(None);
        }
        let files = Arc::new(open_run(&self.root.join(id.to_hex()))?);
        self.runs.write().unwrap_or_else(PoisonError::into_inner).insert(*id, Arc::clone(&files));
        Ok(Some(files))
    }

    /// Every folder that bears the name of a keyspace, whatever is in it, in order.
    pub(super) fn held(&self) -> Result<Vec<KeyspaceId>> {
        let entries = match fs::read_dir(&self.root) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            other => other.map_err(|error| broken(&self.root, &error))?,
        };
        let mut ids = Vec::new();
        for entry in entries {
            let name = entry.map_err(|error| broken(&self.root, &error))?.file_name();
            ids.extend(name.to_str().and_then(|name| from_hex(name).ok()).map(KeyspaceId::from_bytes));
        }
        ids.sort_unstable();
        Ok(ids)
    }

    /// Reads all files of a keyspace or of a run that is held. Of a run no more is known than what its record says.
    pub(super) fn check(&self, id: &KeyspaceId, run: Option<&Run>) -> Result<()> {
        let folder = self.root.join(id.to_hex());
        if run.is_none() && !self.is_run(id) {
            return check_as(&folder, *id);
        }
        let files = open_run(&folder)?;
        let Some(run) = run else { return Ok(()) };
        // Bucket by bucket, each under its own path: so every offset and every node of the tree is read too.
        let depth = files.keyspace().t();
        for prefix in 0..1u64 << depth {
            let reply = files.reply(depth, prefix)?;
            VerifiedRun::verify(run, depth, prefix, &reply)
                .map_err(|error| Error::new(error.code(), error.detail()).at(folder.display().to_string()))?;
        }
        Ok(())
    }

    fn is_run(&self, id: &KeyspaceId) -> bool {
        let header = read_up_to(&self.root.join(id.to_hex()).join("header.json"), MAX_HEADER as u64);
        header.is_ok_and(|bytes| RunHeader::parse(&bytes).is_ok())
    }

    /// Where a file of a held keyspace is; `None` for a name that no keyspace has, or a file that this one lacks.
    pub fn path(&self, id: &KeyspaceId, name: &str) -> Option<PathBuf> {
        let path = self.root.join(id.to_hex()).join(name);
        ((is_file_name(name) || is_run_file_name(name)) && path.is_file()).then_some(path)
    }

    /// Copies every keyspace of a folder into its place, after checking all of it. Returns their ids.
    ///
    /// For the operator, and while the log runs or not: a keyspace that is held is left as it is.
    ///
    /// # Errors
    /// `manifest_invalid` at the first keyspace that is not what its header says, and if there is none; `file_access` or
    /// `disk_full` if it cannot be copied. Those before it are in their places.
    pub fn add(&self, folder: &Path) -> Result<Vec<KeyspaceId>> {
        let mut ids = Vec::new();
        for source in list(folder)? {
            let id = check(&source)?.keyspace().id();
            ids.push(id);
            let staging = self.root.join(INCOMING).join(format!("{id}.copy"));
            if self.holds(&id) {
                continue;
            }
            remove(&staging)?;
            copy(&source, &staging).map_err(|error| broken(&staging, &error))?;
            // What was copied is checked, not what was read: a disk may lie.
            check_as(&staging, id)?;
            self.place(&staging, id)?;
        }
        Ok(ids)
    }

    /// Begins or resumes an upload. One that runs belongs to who began it; only the party that was the first to name the
    /// keyspace takes it over.
    fn begin(&self, plan: Plan, party: &str, is_first: bool, now: UnixMillis) -> Result<Upload> {
        let keyspace = plan.keyspace;
        if self.holds(&keyspace) {
            return Ok(Upload { keyspace, missing: Vec::new(), held: true });
        }
        let mut uploads = self.uploads();
        if let Some((running, owner)) = uploads.get(&keyspace)
            && owner != party
            && !is_first
            && !running.has_expired(now)
        {
            return Err(Error::new(Code::UploadTaken, format!("{owner} uploads keyspace {keyspace}")));
        }
        let others = uploads.iter().filter(|(id, (_, owner))| **id != keyspace && owner == party);
        let on_its_way: u64 = others.map(|(_, (plan, _))| plan.len()).sum();
        if on_its_way.saturating_add(plan.len()) > QUOTA_BYTES {
            let detail = format!("{} bytes, and {on_its_way} of {party} are on their way", plan.len());
            return Err(Error::new(Code::QuotaExceeded, detail));
        }
        let parts = self.parts(&keyspace);
        fs::create_dir_all(&parts).map_err(|error| broken(&parts, &error))?;
        uploads.insert(keyspace, (plan.clone(), party.to_owned()));
        drop(uploads);
        let missing = (0..plan.parts.len()).filter(|n| !has_part(&parts, *n, &plan)).collect();
        Ok(Upload { keyspace, missing, held: false })
    }

    /// Whether an upload was begun. Asked before a part is read.
    ///
    /// # Errors
    /// `not_found` if it was not.
    pub fn has_begun(&self, id: &KeyspaceId) -> Result<()> {
        if self.uploads().contains_key(id) { Ok(()) } else { Err(not_begun(id)) }
    }

    fn uploads(&self) -> MutexGuard<'_, HashMap<KeyspaceId, (Plan, String)>> {
        self.uploads.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes in a part of an upload that was begun. Repeating it is harmless.
    ///
    /// # Errors
    /// `not_found` if no upload was begun or its plan has no such part; `binding_mismatch` if the bytes are not those of
    /// the plan; `disk_full` or another code of the disk if they cannot be kept.
    pub fn put_part(&self, id: &KeyspaceId, number: usize, bytes: &[u8]) -> Result<()> {
        let uploads = self.uploads();
        let (plan, _) = uploads.get(id).ok_or_else(|| not_begun(id))?;
        let part = plan
            .parts
            .get(number)
            .ok_or_else(|| Error::new(Code::NotFound, format!("the plan has {} parts", plan.parts.len())))?;
        if subject_digest(bytes) != part.sha256 || bytes.len() as u64 != part.len {
            let detail = format!("the bytes are not those of part {number} of the signed plan");
            return Err(Error::new(Code::BindingMismatch, detail));
        }
        drop(uploads);
        let folder = self.parts(id);
        let path = folder.join(number.to_string());
        // Two writers of one part write the same bytes; each has a temporary of its own.
        let temporary = folder.join(format!("{number}.{:?}", std::thread::current().id()));
        let write = || -> io::Result<()> {
            let mut file = File::create(&temporary)?;
            file.write_all(bytes)?;
            file.sync_data()?;
            fs::rename(&temporary, &path)
        };
        write().map_err(|error| broken(&path, &error))
    }

    /// Puts the parts together, checks the whole keyspace, and serves it from then on.
    ///
    /// # Errors
    /// `not_found` if no upload was begun; `manifest_invalid` if a part has not come, or the whole is not the keyspace of
    /// the plan: then the upload is over, and another plan is needed. `disk_full` or another code of the disk leaves it
    /// as it was.
    pub fn complete(&self, id: &KeyspaceId) -> Result<()> {
        if self.holds(id) {
            return Ok(());
        }
        // Assembling and checking takes minutes for a large manifest; other uploads go on meanwhile.
        let (plan, _) = self.uploads().get(id).cloned().ok_or_else(|| not_begun(id))?;
        let _checking = self.checking.lock().unwrap_or_else(PoisonError::into_inner);
        if self.holds(id) {
            return Ok(());
        }
        let parts = self.parts(id);
        let has = |n: &usize| plan.parts[*n].len == 0 || parts.join(n.to_string()).is_file();
        if let Some(missing) = (0..plan.parts.len()).find(|n| !has(n)) {
            return Err(Error::new(Code::ManifestInvalid, format!("part {missing} has not come")));
        }
        let whole = self.root.join(INCOMING).join(format!("{id}.whole"));
        remove(&whole)?;
        let assemble = || -> io::Result<()> {
            fs::create_dir_all(whole.join("tree"))?;
            for (number, part) in plan.parts.iter().enumerate() {
                let mut file = File::options().create(true).append(true).open(whole.join(&part.file))?;
                if part.len > 0 {
                    io::copy(&mut File::open(parts.join(number.to_string()))?, &mut file)?;
                }
                file.sync_data()?;
            }
            // A keyspace of one bucket has no tree.
            let _ = fs::remove_dir(whole.join("tree"));
            Ok(())
        };
        assemble().map_err(|error| broken(&whole, &error))?;
        if let Err(error) = check_as(&whole, *id) {
            // The parts are those of the signed plan, so sending them again cannot help.
            remove(&whole)?;
            let mut uploads = self.uploads();
            // Unless another plan took its place meanwhile.
            if uploads.get(id).is_some_and(|(running, _)| *running == plan) {
                remove(&self.root.join(INCOMING).join(id.to_hex()))?;
                uploads.remove(id);
            }
            return Err(error);
        }
        self.place(&whole, *id)?;
        self.uploads().remove(id);
        remove(&self.root.join(INCOMING).join(id.to_hex()))
    }

    fn parts(&self, id: &KeyspaceId) -> PathBuf {
        self.root.join(INCOMING).join(id.to_hex()).join("parts")
    }

    /// Gives a checked folder its name, durably.
    fn place(&self, staging: &Path, id: KeyspaceId) -> Result<()> {
        let target = self.root.join(id.to_hex());
        let rename = || -> io::Result<()> {
            sync(staging)?;
            fs::rename(staging, &target)?;
            File::open(&self.root)?.sync_all()
        };
        rename().map_err(|error| broken(&target, &error))
    }
}

/// The plan to upload the keyspace in a folder, to be signed by the party that issued its `manifest` record.
///
/// Reads every byte once.
///
/// # Errors
/// `manifest_invalid` if the folder is no keyspace; `file_access` if a file cannot be read.
pub fn plan_upload(folder: &Path, origin: &str, expires: String) -> Result<Plan> {
    let keyspace = open(folder)?.keyspace().id();
    let known = ["header.json", "keys.bin", "offs.bin", "meta.bin", "universe.bin", "bitmap.bin"];
    let mut names: Vec<String> = known.map(str::to_owned).into();
    names.extend((0..10).map(|level| format!("tree/{level}")));
    let mut parts = Vec::new();
    for file in names {
        let path = folder.join(&file);
        let Ok(mut reader) = File::open(&path) else { continue };
        let mut offset = 0;
        loop {
            let mut bytes = Vec::new();
            let read = io::Read::read_to_end(&mut io::Read::take(&mut reader, PART_BYTES), &mut bytes);
            let len = read.map_err(|error| broken(&path, &error))? as u64;
            if len > 0 || offset == 0 {
                parts.push(Part { file: file.clone(), len, offset, sha256: subject_digest(&bytes) });
            }
            offset += len;
            if len < PART_BYTES {
                break;
            }
        }
    }
    Ok(Plan { expires, keyspace, origin: origin.to_owned(), parts })
}

impl Log {
    /// Begins or resumes the upload of a keyspace from a signed [`Plan`].
    ///
    /// # Errors
    /// `manifest_unknown` unless a `manifest` record in the view names the keyspace; `signer_unknown` unless a key in
    /// force of the party that issued that record signed the plan; `upload_taken` while another party's plan runs;
    /// `quota_exceeded`.
    pub fn begin_upload(&self, view: &Published, envelope: &[u8]) -> Result<Upload> {
        let state = &view.state;
        let (plan, signers) = Plan::open(envelope, &|id| state.key(id)?.public_key())?;
        if plan.origin != self.origin().as_str() {
            return Err(Error::new(Code::WrongLog, format!("this log is {}", self.origin())).at("/origin"));
        }
        if plan.has_expired(self.now()) {
            return Err(Error::new(Code::BadRequest, "the plan has expired; sign a new one").at("/expires"));
        }
        let subject = SubjectDigest::from_bytes(*plan.keyspace.as_bytes());
        let terms = vec![Term::Subject(subject), Term::Kind(Kind::Manifest.as_str().to_owned())];
        let records = self.page(view, &Filter { terms }, Order::From(LeafIndex(0)), super::MAX_PAGE)?.entries;
        if records.is_empty() {
            let detail = format!("no manifest record names keyspace {}", plan.keyspace);
            return Err(Error::new(Code::ManifestUnknown, detail));
        }
        let next = LeafIndex(view.size.0);
        let party = records.iter().map(|record| record.header.issuer.as_str()).find(|issuer| {
            signers.iter().any(|signer| {
                let owner = state.key(signer).map(|key| &key.owner);
                matches!(owner, Some(Owner::Party(party)) if party == issuer)
                    && matches!(state.standing(signer, next), Standing::InForce { .. })
            })
        });
        match party {
            Some(party) => {
                let is_first = records.first().is_some_and(|first| first.header.issuer == party);
                self.manifests().begin(plan, party, is_first, self.now())
            }
            None => Err(Error::new(Code::SignerUnknown, "no key in force of the manifest's issuer signed the plan")),
        }
    }
}

fn has_part(parts: &Path, number: usize, plan: &Plan) -> bool {
    let part = &plan.parts[number];
    part.len == 0 || fs::read(parts.join(number.to_string())).is_ok_and(|bytes| subject_digest(&bytes) == part.sha256)
}

fn check_as(folder: &Path, id: KeyspaceId) -> Result<()> {
    let found = check(folder)?.keyspace().id();
    if found == id {
        return Ok(());
    }
    Err(Error::new(Code::ManifestInvalid, format!("the header is that of keyspace {found}, not of {id}")))
}

fn not_begun(id: &KeyspaceId) -> Error {
    Error::new(Code::NotFound, format!("no upload of keyspace {id} was begun since the start; begin it again"))
}

fn broken(path: &Path, error: &io::Error) -> Error {
    Error::new(blame(error), error.to_string()).at(path.display().to_string())
}

fn remove(folder: &Path) -> Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(broken(folder, &error)),
        _ => Ok(()),
    }
}

fn copy(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() { copy(&entry.path(), &target)? } else { _ = fs::copy(entry.path(), target)? }
    }
    Ok(())
}

fn sync(folder: &Path) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() { sync(&entry.path())? } else { File::open(entry.path())?.sync_all()? }
    }
    File::open(folder)?.sync_all()
}
