//! Embeds what `cargo xtask dashboard` built in `web/dashboard/dist`. Without it the crate still builds, and the page
//! says what to do.

use std::{
    env, fs, io,
    path::{Path, PathBuf},
};

use sha2::{Digest as _, Sha256};

fn main() -> io::Result<()> {
    // Asked for at run time: a build script that was compiled for one checkout may run for another.
    let variable = |name| env::var_os(name).map(PathBuf::from).ok_or(io::ErrorKind::NotFound);
    let web = variable("CARGO_MANIFEST_DIR")?.join("../../web/dashboard");
    let dist = web.join("dist");
    // A path that is not there would have every build run this again.
    let watched = if dist.is_dir() { &dist } else { &web };
    println!("cargo:rerun-if-changed={}", watched.display());
    fs::write(variable("OUT_DIR")?.join("files.rs"), listed(&dist)?)
}

/// A Rust expression: the files, each with its compressed forms.
fn listed(dist: &Path) -> io::Result<String> {
    let mut files = String::from("&[\n");
    if dist.join("index.html").is_file() {
        let mut names: Vec<PathBuf> = fs::read_dir(dist)?.map(|entry| Ok(entry?.path())).collect::<io::Result<_>>()?;
        names.sort();
        for path in names.iter().filter(|path| !is_compressed(path)) {
            files += &entry(path)?;
        }
    }
    Ok(files + "]\n")
}

fn is_compressed(path: &Path) -> bool {
    path.extension().is_some_and(|ending| ending == "gz" || ending == "br")
}

fn entry(path: &Path) -> io::Result<String> {
    let path = path.canonicalize()?;
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let hash = hex::encode(&Sha256::digest(fs::read(&path)?)[..8]);
    let embedded = |ending: &str| format!("include_bytes!({:?})", format!("{}{ending}", path.display()));
    Ok(format!(
        "    File {{ name: {name:?}, hash: {hash:?}, plain: {}, gzip: {}, brotli: {} }},\n",
        embedded(""),
        embedded(".gz"),
        embedded(".br"),
    ))
}
