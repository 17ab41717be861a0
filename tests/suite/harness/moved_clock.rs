//! A gateway process whose wall clock a test can move.

use std::path::{Path, PathBuf};

use super::gateway::{GatewayProcess, Home};

/// A gateway whose wall clock follows an offset in a file (libfaketime).
pub struct MovedClock {
    pub home: Home,
    pub gateway: GatewayProcess,
    pub offset: PathBuf,
}

impl MovedClock {
    pub fn start(configuration: &str) -> Self {
        let home = Home::new(configuration);
        let offset = home.path().join("offset");
        std::fs::write(&offset, "+0").unwrap();
        let gateway = Self::spawn(&home, &offset);
        Self { home, gateway, offset }
    }

    /// Starts a gateway. The file `offset` has the offset of its wall clock in seconds.
    pub fn spawn(home: &Home, offset: &Path) -> GatewayProcess {
        let found = ["x86_64", "aarch64"].map(|machine| {
            PathBuf::from(format!("/usr/lib/{machine}-linux-gnu/faketime/libfaketimeMT.so.1"))
        });
        let library = found
            .iter()
            .find(|path| path.exists())
            .expect("libfaketime is not installed: tests/run installs it");
        let mut command = home.command(&["serve", "--listen", "127.0.0.1:0"]);
        command.env("LD_PRELOAD", library).env("FAKETIME_TIMESTAMP_FILE", offset);
        command.env("FAKETIME_NO_CACHE", "1").env("FAKETIME_DONT_FAKE_MONOTONIC", "1");
        GatewayProcess::spawn(&mut command).expect("the gateway did not start")
    }

    /// Sets the wall clock to the real time plus `seconds`.
    pub fn jump(&self, seconds: i64) {
        std::fs::write(&self.offset, format!("{seconds:+}")).unwrap();
    }
}
