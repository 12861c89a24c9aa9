//! What Tacita is made of: licences, sources and advisories of the dependencies, and the bill of materials.

use std::{
    fs,
    path::Path,
    process::{Command, Stdio},
};

use anyhow::{Context as _, Result, bail, ensure};

use crate::tools::install;

/// Where the bill of materials is written.
const SBOM: &str = "target/sbom";

/// Holds the dependencies to `deny.toml`. Advisories need a database from outside: where it cannot be reached, that is said.
pub(crate) fn deny() -> Result<()> {
    install("cargo-deny")?;
    crate::cargo(&["deny", "check", "--hide-inclusion-graph", "--allow", "duplicate", "bans", "licenses", "sources"])?;
    let advisories = ["deny", "check", "--hide-inclusion-graph", "advisories"];
    let output = Command::new("cargo").args(advisories).output().context("cannot start cargo deny")?;
    let said = String::from_utf8_lossy(&output.stderr);
    if said.contains("failed to fetch advisory database") {
        println!("skipped: advisories (the advisory database cannot be reached)");
        return Ok(());
    }
    eprint!("{said}");
    ensure!(output.status.success(), "cargo deny check advisories failed");
    Ok(())
}

/// Writes what the binary and the web packages are made of to `target/sbom`, as CycloneDX.
pub(crate) fn sbom() -> Result<()> {
    install("cargo-cyclonedx")?;
    fs::create_dir_all(SBOM)?;
    let name = "tacita.cdx";
    let words = ["cyclonedx", "--manifest-path", "crates/cli/Cargo.toml", "--format", "json", "--all-features"];
    crate::run(Command::new("cargo").args(words).args(["--override-filename", name]).stderr(Stdio::null()))?;
    keep_binarys_bill(name)?;
    web_bill(&Path::new(SBOM).join("web.cdx.json"))
}

/// cargo-cyclonedx writes one file beside each manifest of the workspace: the binary's is kept.
fn keep_binarys_bill(name: &str) -> Result<()> {
    let file = format!("{name}.json");
    let manifests = Command::new("git").args(["ls-files", "*Cargo.toml"]).output()?;
    for manifest in String::from_utf8_lossy(&manifests.stdout).lines() {
        let bill = Path::new(manifest).with_file_name(&file);
        match (manifest, bill.exists()) {
            ("crates/cli/Cargo.toml", _) => fs::rename(&bill, Path::new(SBOM).join(&file))
                .with_context(|| format!("cargo cyclonedx wrote no {}", bill.display()))?,
            (_, true) => fs::remove_file(bill)?,
            (_, false) => {}
        }
    }
    println!("{SBOM}/{file}: {} components", components(&Path::new(SBOM).join(&file))?);
    Ok(())
}

fn web_bill(to: &Path) -> Result<()> {
    let words = ["sbom", "--sbom-format", "cyclonedx", "--package-lock-only"];
    let output = Command::new("npm").args(words).current_dir("web").stderr(Stdio::inherit()).output();
    let output = output.context("cannot start npm, which writes the bill of the web packages")?;
    ensure!(output.status.success(), "npm sbom failed");
    fs::write(to, &output.stdout)?;
    println!("{}: {} components", to.display(), components(to)?);
    Ok(())
}

/// How many components a bill lists; none means that it is no bill.
fn components(bill: &Path) -> Result<usize> {
    let bill: serde_json::Value = serde_json::from_slice(&fs::read(bill)?)?;
    match bill["components"].as_array().map_or(0, Vec::len) {
        0 => bail!("a bill of materials that lists nothing"),
        components => Ok(components),
    }
}
