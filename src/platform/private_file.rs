//! Files with secrets: created new, and readable only by their owner.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use rustix::fs::{CWD, Mode, RenameFlags};

/// Creates a file with mode 0600. Fails if the path exists, also as a symbolic link.
pub fn create(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)
}

/// Renames a file. Fails if the new path exists, also as a symbolic link.
pub fn rename_new(from: &Path, to: &Path) -> io::Result<()> {
    match rustix::fs::renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE) {
        // Some file systems, such as NFS, have only hard links for this.
        Err(rustix::io::Errno::INVAL) => {
            std::fs::hard_link(from, to)?;
            std::fs::remove_file(from)
        }
        renamed => Ok(renamed?),
    }
}

/// From here on, files that this process creates are private: a store and queued mails contain
/// secrets, too.
pub fn make_new_files_private() {
    rustix::process::umask(Mode::RWXG | Mode::RWXO);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_existing_path_is_never_written() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        std::os::unix::fs::symlink(path("target"), path("link")).unwrap();
        let new = create(&path("new")).unwrap();
        drop(new);
        for taken in ["link", "new"] {
            let refused = create(&path(taken)).unwrap_err();
            assert_eq!(refused.kind(), io::ErrorKind::AlreadyExists, "{taken}");
        }
        let refused = rename_new(&path("new"), &path("link")).unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::AlreadyExists);
        rename_new(&path("new"), &path("renamed")).unwrap();
        assert!(path("renamed").exists() && !path("new").exists() && !path("target").exists());
    }
}
