//! The build script: packs the word lists of the password rules into fst sets.

use std::error::Error;
use std::path::{Path, PathBuf};

fn main() -> Result<(), Box<dyn Error>> {
    let out = PathBuf::from(std::env::var("OUT_DIR")?);
    for name in ["dictionary", "worst"] {
        let list = Path::new("src/messages/passwords/rules/lists").join(name).with_extension("txt");
        println!("cargo::rerun-if-changed={}", list.display());
        // The list must be sorted by bytes; `from_iter` fails if it is not.
        let words = std::fs::read_to_string(list)?;
        let packed = fst::Set::from_iter(words.lines())?;
        std::fs::write(out.join(name).with_extension("fst"), packed.as_fst().as_bytes())?;
    }
    Ok(())
}
