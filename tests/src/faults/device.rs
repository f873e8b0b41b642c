//! A file system on an image that loses power: ext4 or XFS, mounted from a file, shut down while it is written to.
//!
//! The shutdown makes the kernel drop everything that the file system has not committed, as the end of power does,
//! while the rest of the machine goes on. Needs root, `mount` with loop devices, the file system's `mkfs`, and
//! `xfs_io`, whose `shutdown` works on ext4 too.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::Outcome;

/// XFS takes no image under 300 MiB.
const IMAGE_BYTES: u64 = 320 << 20;

/// Which file system.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileSystem {
    /// ext4.
    Ext4,
    /// XFS.
    Xfs,
}

/// An image and where it is mounted. Dropping it unmounts it.
#[derive(Debug)]
pub struct Device {
    image: PathBuf,
    mounted: PathBuf,
}

/// What is missing to make such a device here, if anything is.
pub fn missing(kind: FileSystem) -> Option<String> {
    let root = std::fs::metadata("/proc/self").is_ok_and(|me| std::os::unix::fs::MetadataExt::uid(&me) == 0);
    if !root {
        return Some("root".to_owned());
    }
    let tools = [kind.mkfs(), "xfs_io", "mount", "umount"];
    let absent = tools.into_iter().find(|tool| !installed(tool))?;
    Some(absent.to_owned())
}

/// Whether a program is on the path, or where a system keeps its own.
pub fn installed(tool: &str) -> bool {
    let path = std::env::var("PATH").unwrap_or_default();
    path.split(':').chain(["/usr/sbin", "/sbin"]).any(|folder| Path::new(folder).join(tool).is_file())
}

impl FileSystem {
    fn mkfs(self) -> &'static str {
        match self {
            Self::Ext4 => "mkfs.ext4",
            Self::Xfs => "mkfs.xfs",
        }
    }
}

impl Device {
    /// A fresh file system, mounted under `folder`.
    pub fn new(kind: FileSystem, folder: &Path) -> Outcome<Self> {
        let device = Self { image: folder.join("image"), mounted: folder.join("mounted") };
        File::create(&device.image)?.set_len(IMAGE_BYTES)?;
        run(Command::new(kind.mkfs()).arg("-q").arg(&device.image))?;
        std::fs::create_dir(&device.mounted)?;
        device.mount()?;
        Ok(device)
    }

    /// The root of the file system.
    pub fn path(&self) -> &Path {
        &self.mounted
    }

    /// What is not on the disk is gone; every later call on the file system fails until it is mounted again.
    pub fn cut_power(&self) -> Outcome {
        run(Command::new("xfs_io").args(["-x", "-c", "shutdown"]).arg(&self.mounted))
    }

    /// What a start of the machine does. Nobody may have a file open on it any more.
    pub fn mount_again(&self) -> Outcome {
        run(Command::new("umount").arg(&self.mounted))?;
        self.mount()
    }

    fn mount(&self) -> Outcome {
        run(Command::new("mount").args(["-o", "loop"]).arg(&self.image).arg(&self.mounted))
    }
}

impl Drop for Device {
    fn drop(&mut self) {
        // It may not be mounted; the temporary folder around it is removed by whoever made it.
        let _ = Command::new("umount").arg(&self.mounted).output();
    }
}

/// A small file system in memory, to be filled up.
#[derive(Debug)]
pub struct SmallDisk {
    mounted: PathBuf,
}

impl SmallDisk {
    /// One of so many MiB, mounted under `folder`.
    pub fn new(mebibytes: u32, folder: &Path) -> Outcome<Self> {
        let mounted = folder.join("small");
        std::fs::create_dir(&mounted)?;
        run(Command::new("mount").args(["-t", "tmpfs", "-o", &format!("size={mebibytes}m"), "none"]).arg(&mounted))?;
        Ok(Self { mounted })
    }

    /// The root of the file system.
    pub fn path(&self) -> &Path {
        &self.mounted
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(&self.mounted).output();
    }
}

fn run(command: &mut Command) -> Outcome {
    let output = command.output()?;
    if output.status.success() {
        return Ok(());
    }
    Err(format!("{command:?}: {}{}", String::from_utf8_lossy(&output.stderr), String::from_utf8_lossy(&output.stdout))
        .into())
}
