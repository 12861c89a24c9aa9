//! Processors for the servers and others for the sender, so that sending does not take from what is measured.

use std::{
    fs,
    process::{Command, Stdio},
};

use anyhow::{Context as _, Result, ensure};

/// The halves of the processors that this process may run on, as lists that `taskset` reads.
pub(super) struct Processors {
    pub(super) servers: String,
    pub(super) sender: String,
}

impl Processors {
    /// `None` where there is one processor only, or where `taskset` (util-linux) is not.
    pub(super) fn halves() -> Option<Self> {
        let said = Command::new("taskset").arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
        said.ok().filter(std::process::ExitStatus::success)?;
        Self::halves_of(&fs::read_to_string("/proc/self/status").ok()?)
    }

    fn halves_of(status: &str) -> Option<Self> {
        let allowed = status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:"))?;
        let mut all = Vec::new();
        for range in allowed.trim().split(',') {
            let (first, last) = range.split_once('-').unwrap_or((range, range));
            all.extend(first.parse::<u32>().ok()?..=last.parse().ok()?);
        }
        let (sender, servers) = all.split_at(all.len() / 2);
        let list = |half: &[u32]| half.iter().map(u32::to_string).collect::<Vec<_>>().join(",");
        (!sender.is_empty()).then(|| Self { servers: list(servers), sender: list(sender) })
    }
}

/// Puts this process, and what it starts from now on, on these processors.
pub(super) fn run_on(list: &str) -> Result<()> {
    let process = std::process::id().to_string();
    let mut command = Command::new("taskset");
    command.args(["--all-tasks", "--cpu-list", "--pid", list, &process]).stdout(Stdio::null());
    let status = command.status().context("cannot start taskset")?;
    ensure!(status.success(), "taskset cannot put this process on processors {list}");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processors_are_shared_out_as_the_system_lists_them() {
        let halves = |list: &str| {
            let halves = Processors::halves_of(&format!("Name:\ttacita\nCpus_allowed_list:\t{list}\n"))?;
            Some((halves.sender, halves.servers))
        };
        let lists = |sender: &str, servers: &str| Some((sender.to_owned(), servers.to_owned()));
        assert_eq!(halves("0-1"), lists("0", "1"));
        assert_eq!(halves("0,2-3,8-9"), lists("0,2", "3,8,9"));
        assert_eq!(halves("3"), None);
        assert_eq!(halves("?"), None);
    }
}
