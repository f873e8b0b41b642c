//! Keys at rest: PKCS#8 in PEM, encrypted with scrypt and AES-256 unless somebody says otherwise.
//!
//! A key named `lab` is two files in the folder of keys: `lab.pem`, which `openssl pkey -in lab.pem` opens with the
//! same password, and `lab.pub`, its public half, so that listing keys asks for nothing. A key may also be given as
//! the path of a PEM file made elsewhere. What signs is [`ledger::record::PrivateKey`]; this module only stores it.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use ledger::Code;
use ledger::record::key::{Algorithm, PrivateKey, PublicKey};
use pkcs8::der::asn1::OctetStringRef;
use pkcs8::der::pem::{LineEnding, PemLabel};
use pkcs8::der::{Decode, Encode, SecretDocument};
use pkcs8::{
    AlgorithmIdentifierRef, DecodePrivateKey, EncodePrivateKey, EncryptedPrivateKeyInfoRef, ObjectIdentifier,
    PrivateKeyInfoRef,
};
use zeroize::Zeroizing;

use crate::config::Config;
use crate::failure::{At, CliError, Result};
use crate::files;
use crate::passwords::Passwords;
use crate::refusal;

/// RFC 8410: id-Ed25519.
const ED25519_OID: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.101.112");

/// A key file is under 500 bytes; more is another file.
const MAX_KEY_FILE: u64 = 64 * 1024;

/// Long enough for `team-release-2026-11`, short enough for a table.
const MAX_NAME: usize = 64;

/// A new key from the system's randomness.
pub(crate) fn generate(algorithm: Algorithm) -> Result<PrivateKey> {
    // A P-256 scalar must be between 1 and the group order; the chance that 32 random bytes are not is 2^-32.
    loop {
        let mut bytes = Zeroizing::new([0u8; 32]);
        random(bytes.as_mut())?;
        match algorithm {
            Algorithm::Ed25519 => return Ok(PrivateKey::from_ed25519_seed(*bytes)),
            Algorithm::P256 => {
                if let Ok(key) = PrivateKey::from_p256_scalar(*bytes) {
                    return Ok(key);
                }
            }
        }
    }
}

/// PKCS#8 in PEM: version 1 without the public key, the form that every OpenSSL reads.
pub(crate) fn to_pem(key: &PrivateKey, password: Option<&str>) -> Result<Zeroizing<String>> {
    let der = to_der(key)?;
    let encoded = match password {
        None => der.to_pem(PrivateKeyInfoRef::PEM_LABEL, LineEnding::LF),
        Some(password) => {
            let info = PrivateKeyInfoRef::try_from(der.as_bytes()).map_err(not_written)?;
            let sealed = info.encrypt(password).map_err(not_written)?;
            sealed.to_pem(EncryptedPrivateKeyInfoRef::PEM_LABEL, LineEnding::LF)
        }
    };
    encoded.map_err(not_written)
}

/// Reads PKCS#8 in PEM; `password` is called if it is encrypted.
pub(crate) fn from_pem(pem: &str, password: impl FnOnce() -> Result<Zeroizing<String>>) -> Result<PrivateKey> {
    let (label, document) =
        SecretDocument::from_pem(pem).map_err(|_| unreadable("the file is not PEM, or not of one key"))?;
    if label == EncryptedPrivateKeyInfoRef::PEM_LABEL {
        let sealed = EncryptedPrivateKeyInfoRef::from_der(document.as_bytes())
            .map_err(|_| unreadable("the encrypted key is damaged"))?;
        let open = sealed.decrypt(password()?.as_bytes()).map_err(|_| {
            unreadable("the password does not open the key").hint("Give the password of this key again.")
        })?;
        from_der(open.as_bytes())
    } else if label == PrivateKeyInfoRef::PEM_LABEL {
        from_der(document.as_bytes())
    } else {
        let hint = "Convert it with `openssl pkcs8 -topk8 -in OLD -out NEW`.";
        Err(unreadable(format!("the file holds a {label}, not a PKCS#8 private key")).hint(hint))
    }
}

fn to_der(key: &PrivateKey) -> Result<SecretDocument> {
    let secret = key.secret_bytes();
    match key.algorithm() {
        Algorithm::Ed25519 => {
            // RFC 8410: the private key is an OCTET STRING inside of the OCTET STRING of PKCS#8.
            let inner = OctetStringRef::new(secret.as_ref()).and_then(|seed| seed.to_der()).map(Zeroizing::new);
            let inner = inner.map_err(not_written)?;
            let octets = OctetStringRef::new(&inner).map_err(not_written)?;
            let algorithm = AlgorithmIdentifierRef { oid: ED25519_OID, parameters: None };
            SecretDocument::encode_msg(&PrivateKeyInfoRef::new(algorithm, octets)).map_err(not_written)
        }
        Algorithm::P256 => {
            let key = p256::SecretKey::from_slice(secret.as_ref()).map_err(not_written)?;
            key.to_pkcs8_der().map_err(not_written)
        }
    }
}

fn from_der(der: &[u8]) -> Result<PrivateKey> {
    let info = PrivateKeyInfoRef::from_der(der).map_err(|_| unreadable("the key is not PKCS#8"))?;
    if info.algorithm.oid == ED25519_OID {
        let seed = <&OctetStringRef>::from_der(info.private_key.as_bytes())
            .ok()
            .and_then(|seed| <[u8; 32]>::try_from(seed.as_bytes()).ok())
            .map(Zeroizing::new)
            .ok_or_else(|| unreadable("an Ed25519 key has 32 bytes"))?;
        return Ok(PrivateKey::from_ed25519_seed(*seed));
    }
    let key = p256::SecretKey::from_pkcs8_der(der)
        .map_err(|_| unreadable("the key is neither Ed25519 nor on the curve P-256"))?;
    let scalar: Zeroizing<[u8; 32]> = Zeroizing::new(key.to_bytes().into());
    Ok(PrivateKey::from_p256_scalar(*scalar)?)
}

fn not_written(source: impl std::fmt::Display) -> CliError {
    CliError::new(Code::Internal, format!("the key could not be written: {source}"))
}

fn unreadable(found: impl Into<String>) -> CliError {
    CliError::new(Code::KeyUnreadable, found)
}

/// Fills a buffer from the system's randomness.
pub(crate) fn random(buffer: &mut [u8]) -> Result<()> {
    getrandom::fill(buffer).map_err(|source| CliError::new(Code::Internal, format!("no randomness: {source}")))
}

/// A key of the folder, as far as it can be told without its password.
#[derive(Debug)]
pub(crate) struct StoredKey {
    /// Its name.
    pub name: String,
    /// The file with the private half.
    pub path: PathBuf,
    /// The public half.
    pub public: PublicKey,
    /// Whether a password protects it.
    pub encrypted: bool,
}

/// The folder of keys.
#[derive(Debug, Clone)]
pub(crate) struct KeyStore {
    dir: PathBuf,
}

impl KeyStore {
    /// The folder that the settings name.
    pub(crate) fn of(config: &Config) -> Self {
        Self { dir: config.keys.value.clone() }
    }

    /// A folder of keys.
    pub(crate) fn at(dir: impl Into<PathBuf>) -> Self {
        Self { dir: dir.into() }
    }

    /// Stores a new key. Nothing that exists is ever overwritten.
    pub(crate) fn create(&self, name: &str, key: &PrivateKey, password: Option<&str>) -> Result<StoredKey> {
        check_name(name)?;
        let (private, public_path) = self.paths(name);
        let public = key.public_key().clone();
        make_private_dir(&self.dir)?;
        write_new(&private, 0o600, to_pem(key, password)?.as_bytes()).map_err(|error| taken(error, name))?;
        if let Err(error) = write_new(&public_path, 0o644, public_pem(&public).as_bytes()) {
            // Half a key is in the way of a whole one.
            files::remove(&private)?;
            return Err(error);
        }
        Ok(StoredKey { name: name.to_owned(), path: private, public, encrypted: password.is_some() })
    }

    /// Every key of the folder, by name.
    pub(crate) fn list(&self) -> Result<Vec<StoredKey>> {
        let entries = match fs::read_dir(&self.dir) {
            Ok(entries) => entries,
            Err(source) if source.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(source) => return Err(CliError::io(&self.dir, "list the keys", source)),
        };
        let mut names = Vec::new();
        for entry in entries {
            let entry = entry.map_err(|source| CliError::io(&self.dir, "list the keys", source))?;
            let file = entry.file_name();
            if let Some(name) = file.to_str().and_then(|file| file.strip_suffix(".pem"))
                && check_name(name).is_ok()
            {
                names.push(name.to_owned());
            }
        }
        names.sort();
        names.iter().map(|name| self.find(name)).collect()
    }

    /// A key by its name, or by the path of its private PEM file with the public one beside it.
    pub(crate) fn find(&self, name: &str) -> Result<StoredKey> {
        let (path, public_path) = self.resolve(name)?;
        let pem = read_key_file(&path)?;
        if !public_path.exists() {
            let (private, public) = (refusal::shell(&path), refusal::shell(&public_path));
            return Err(CliError::new(Code::KeyUnreadable, "the public half of the key is missing")
                .at(public_path.display().to_string())
                .hint(format!("Make it again: `openssl pkey -in {private} -pubout -out {public}`")));
        }
        let public_text = read_key_file(&public_path)?;
        Ok(StoredKey {
            name: name.to_owned(),
            path,
            public: public_from_pem(&public_text).at(public_path.display())?,
            encrypted: pem.contains(EncryptedPrivateKeyInfoRef::PEM_LABEL),
        })
    }

    /// The key that signs, by its name or by the path of a PEM file.
    pub(crate) fn open(&self, name: &str, passwords: &mut Passwords) -> Result<PrivateKey> {
        let (path, _) = self.resolve(name)?;
        let pem = read_key_file(&path)?;
        let place = path.display();
        if !pem.contains(EncryptedPrivateKeyInfoRef::PEM_LABEL) {
            let mode = fs::metadata(&path).map_err(|source| CliError::io(&path, "read", source))?.permissions().mode();
            if mode & 0o077 != 0 {
                return Err(unreadable("others on this machine may read this unprotected key")
                    .at(place.to_string())
                    .hint(format!("chmod 600 {place}")));
            }
        }
        from_pem(&pem, || passwords.open(name)).at(place)
    }

    fn paths(&self, name: &str) -> (PathBuf, PathBuf) {
        (self.dir.join(format!("{name}.pem")), self.dir.join(format!("{name}.pub")))
    }

    fn resolve(&self, name: &str) -> Result<(PathBuf, PathBuf)> {
        if check_name(name).is_ok() {
            let (private, public) = self.paths(name);
            if private.exists() {
                return Ok((private, public));
            }
        }
        let path = PathBuf::from(name);
        if path.is_file() {
            let public = path.with_extension("pub");
            return Ok((path, public));
        }
        Err(CliError::new(Code::NotFound, format!("there is no key {name:?}"))
            .at(self.dir.display().to_string())
            .hint(format!("Make it with `colophon key new {name}`, or see `colophon key list`.")))
    }
}

/// The public half in PEM (`BEGIN PUBLIC KEY`).
pub(crate) fn public_pem(key: &PublicKey) -> String {
    let base64 = key.to_base64();
    let mut pem = String::from("-----BEGIN PUBLIC KEY-----\n");
    for line in base64.as_bytes().chunks(64) {
        pem.push_str(&String::from_utf8_lossy(line));
        pem.push('\n');
    }
    pem.push_str("-----END PUBLIC KEY-----\n");
    pem
}

/// Reads a public key in PEM.
pub(crate) fn public_from_pem(pem: &str) -> Result<PublicKey> {
    let mut lines = pem.lines().map(str::trim).filter(|line| !line.is_empty());
    let begins = lines.next() == Some("-----BEGIN PUBLIC KEY-----");
    let mut base64: Vec<&str> = lines.collect();
    if !begins || base64.pop() != Some("-----END PUBLIC KEY-----") {
        return Err(unreadable("this is not a public key in PEM"));
    }
    Ok(PublicKey::from_base64(&base64.concat())?)
}

fn check_name(name: &str) -> Result<()> {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if name.is_empty() || name.len() > MAX_NAME || name.starts_with('.') || !name.chars().all(plain) {
        return Err(CliError::usage(format!("{name:?} is not a name for a key"))
            .hint("Use letters, digits, '-', '_' and '.', at most 64 of them."));
    }
    Ok(())
}

fn read_key_file(path: &Path) -> Result<Zeroizing<String>> {
    let length = fs::metadata(path).map_err(|source| CliError::io(path, "read the key", source))?.len();
    if length > MAX_KEY_FILE {
        return Err(unreadable("the file is too large for a key").at(path.display().to_string()));
    }
    fs::read_to_string(path).map(Zeroizing::new).map_err(|source| CliError::io(path, "read the key", source))
}

fn make_private_dir(dir: &Path) -> Result<()> {
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(dir)
        .map_err(|source| CliError::io(dir, "make the folder", source))
}

/// Writes a file that must not exist yet, with these permissions from the first byte on.
pub(crate) fn write_new(path: &Path, mode: u32, bytes: &[u8]) -> Result<()> {
    let failed = |source| CliError::io(path, "write", source);
    let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(path).map_err(failed)?;
    let written = file.write_all(bytes).and_then(|()| file.sync_all());
    if written.is_err() {
        let _ = fs::remove_file(path);
    }
    written.map_err(failed)
}

fn taken(error: CliError, name: &str) -> CliError {
    error.hint(format!("Choose another name; `colophon key show {name}` shows the key that has this one."))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use super::*;
    use std::process::Command;

    fn store() -> (tempfile::TempDir, KeyStore) {
        let dir = tempfile::tempdir().unwrap();
        let store = KeyStore::at(dir.path().join("keys"));
        (dir, store)
    }

    fn has_openssl() -> bool {
        let there = Command::new("openssl").arg("version").output().is_ok();
        if !there {
            assert_ne!(std::env::var("COLOPHON_REQUIRE").as_deref(), Ok("all"), "openssl is missing");
            println!("skipped: needs openssl");
        }
        there
    }

    #[test]
    fn a_public_half_that_is_gone_comes_back_by_the_command_that_is_named() {
        if !has_openssl() {
            return;
        }
        let (_dir, store) = store();
        let key = generate(Algorithm::Ed25519).unwrap();
        let stored = store.create("lab", &key, None).unwrap();
        fs::remove_file(stored.path.with_extension("pub")).unwrap();
        let error = store.list().unwrap_err();
        let command = error.first_hint().split('`').nth(1).unwrap().to_owned();
        assert!(Command::new("sh").args(["-c", &command]).status().unwrap().success(), "{command}");
        assert_eq!(store.list().unwrap()[0].public, stored.public);
    }

    #[test]
    fn a_key_that_could_not_be_written_whole_leaves_nothing_in_its_way() {
        let (dir, store) = store();
        let in_the_way = dir.path().join("keys/lab.pub");
        fs::create_dir_all(in_the_way.parent().unwrap()).unwrap();
        fs::write(&in_the_way, "of somebody else").unwrap();
        let key = crate::keys::generate(Algorithm::Ed25519).unwrap();
        assert!(store.create("lab", &key, None).is_err());
        assert!(!dir.path().join("keys/lab.pem").exists());
        fs::remove_file(&in_the_way).unwrap();
        store.create("lab", &key, None).unwrap();
        assert_eq!(store.list().unwrap().len(), 1);
    }

    #[test]
    fn a_key_comes_back_as_it_was_stored_for_both_algorithms_with_and_without_a_password() {
        let (_dir, store) = store();
        for algorithm in [Algorithm::Ed25519, Algorithm::P256] {
            for password in [None, Some("s3cret")] {
                let secret = generate(algorithm).unwrap();
                let name = format!("{algorithm:?}-{}", password.is_some());
                let stored = store.create(&name, &secret, password).unwrap();
                assert_eq!(stored.encrypted, password.is_some());
                let opened = store.open(&name, &mut Passwords::fixed("s3cret")).unwrap();
                assert_eq!(opened.public_key().key_id(), stored.public.key_id());
                assert_eq!(store.find(&name).unwrap().public.key_id(), stored.public.key_id());
                let signature = opened.sign(b"message");
                stored.public.verify(b"message", &signature).unwrap();
            }
        }
        assert_eq!(store.list().unwrap().len(), 4);
    }

    #[test]
    fn a_wrong_password_is_not_a_damaged_key() {
        let (_dir, store) = store();
        store.create("a", &generate(Algorithm::Ed25519).unwrap(), Some("right")).unwrap();
        let error = store.open("a", &mut Passwords::fixed("wrong")).err().unwrap();
        assert_eq!(error.code(), Code::KeyUnreadable);
        assert!(error.to_string().contains("does not open"), "{error}");
    }

    #[test]
    fn nothing_is_overwritten_and_files_are_for_the_owner_alone() {
        let (_dir, store) = store();
        let secret = generate(Algorithm::Ed25519).unwrap();
        let stored = store.create("a", &secret, None).unwrap();
        assert_eq!(fs::metadata(&stored.path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(store.create("a", &secret, None).unwrap_err().exit(), 2);
        fs::set_permissions(&stored.path, fs::Permissions::from_mode(0o644)).unwrap();
        let error = store.open("a", &mut Passwords::fixed("")).err().unwrap();
        assert!(error.first_hint().starts_with("chmod 600 "), "{error}");
    }

    #[test]
    fn names_that_leave_the_folder_are_refused() {
        let (_dir, store) = store();
        let secret = generate(Algorithm::Ed25519).unwrap();
        for name in ["", "../a", "a/b", ".hidden", "ключ", &"a".repeat(65)] {
            assert!(store.create(name, &secret, None).is_err(), "{name:?}");
        }
    }

    #[test]
    fn openssl_opens_our_keys_and_we_open_those_of_openssl() {
        if !has_openssl() {
            return;
        }
        let (dir, store) = store();
        for algorithm in [Algorithm::Ed25519, Algorithm::P256] {
            for password in [None, Some("pw")] {
                let name = format!("{algorithm:?}-{}", password.is_some());
                let stored = store.create(&name, &generate(algorithm).unwrap(), password).unwrap();
                let mut run = Command::new("openssl");
                run.arg("pkey").arg("-in").arg(&stored.path).arg("-pubout").arg("-passin").arg("pass:pw");
                let out = run.output().unwrap();
                assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
                assert_eq!(String::from_utf8(out.stdout).unwrap(), public_pem(&stored.public));
            }
        }
        for (file, args) in [
            ("e.pem", vec!["-algorithm", "ed25519"]),
            ("p.pem", vec!["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-aes256", "-pass", "pass:pw"]),
        ] {
            let path = dir.path().join(file);
            let out = Command::new("openssl").arg("genpkey").args(args).arg("-out").arg(&path).output().unwrap();
            assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
            fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
            let key = store.open(path.to_str().unwrap(), &mut Passwords::fixed("pw")).unwrap();
            key.public_key().verify(b"m", &key.sign(b"m")).unwrap();
        }
    }
}
