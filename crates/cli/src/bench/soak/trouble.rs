//! The faults that a soak goes through.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Duration,
};

use anyhow::{Context as _, Result, ensure};
use clap::ValueEnum as _;
use tokio::time::{Instant, sleep};

use super::{clock::FakeClock, servers::Deployment, text};

/// How long a killed server is away.
const AWAY: Duration = Duration::from_secs(1);
/// How far the clock jumps, ahead and back: less than the slack that windows and epochs have, or refusals would be right.
const JUMP: i64 = 1_200;
/// How much longer each fsync takes on the slow disk, in microseconds.
const SLOW: u32 = 100_000;
/// Bytes of the disk that is to be filled.
const DISK: u64 = 12 << 30;

/// One kind of fault.
#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Fault {
    KillCollector,
    KillRelay,
    FullDisk,
    ClockJump,
    SlowDisk,
    Resets,
}

impl Fault {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::KillCollector => "kill -9 of the collector",
            Self::KillRelay => "kill -9 of the relay",
            Self::FullDisk => "disk full",
            Self::ClockJump => "clock jumps 20 min, and back",
            Self::SlowDisk => "fsync takes 100 ms longer",
            Self::Resets => "connections reset",
        }
    }
}

/// What some faults take.
pub(super) struct Means {
    pub(super) disk: Option<Disk>,
    pub(super) clock: Option<FakeClock>,
}

impl Means {
    /// Of the wanted faults, or of all, those that can be done here, in turn. Names those that cannot.
    pub(super) fn possible(&self, wanted: &[Fault]) -> Vec<Fault> {
        let wanted = if wanted.is_empty() { Fault::value_variants() } else { wanted };
        let can = |&fault: &Fault| match self.missing(fault) {
            Some(why) => {
                println!("skipped: {} ({why})", fault.name());
                false
            }
            None => true,
        };
        wanted.iter().copied().filter(can).collect()
    }

    fn missing(&self, fault: Fault) -> Option<&'static str> {
        let why = match fault {
            Fault::FullDisk if self.disk.is_none() => "no file system can be mounted here, or --data was given",
            Fault::ClockJump if self.clock.is_none() => "libfaketime is not installed",
            Fault::SlowDisk if !has_strace() => "strace is not installed",
            _ => return None,
        };
        Some(why)
    }

    /// Lets it happen, for about `length` where it has one.
    pub(super) async fn strike(&mut self, fault: Fault, deployment: &mut Deployment, length: Duration) -> Result<()> {
        match fault {
            Fault::KillCollector => {
                deployment.collector.kill()?;
                sleep(AWAY).await;
                tokio::task::block_in_place(|| deployment.collector.restart())
            }
            Fault::KillRelay => {
                deployment.relay.kill()?;
                sleep(AWAY).await;
                tokio::task::block_in_place(|| deployment.relay.restart())
            }
            Fault::FullDisk => {
                let disk = self.disk.as_ref().context("there is no disk to fill")?;
                disk.fill()?;
                sleep(length).await;
                disk.free()
            }
            Fault::ClockJump => {
                let clock = self.clock.as_ref().context("there is no clock to set")?;
                clock.set(JUMP)?;
                sleep(length).await;
                clock.set(0)
            }
            Fault::SlowDisk => slow_disk(deployment, length).await,
            Fault::Resets => {
                let end = Instant::now() + length;
                while Instant::now() < end {
                    deployment.proxies.iter().for_each(super::proxy::Proxy::reset);
                    sleep(Duration::from_millis(300)).await;
                }
                Ok(())
            }
        }
    }
}

fn has_strace() -> bool {
    let status = Command::new("strace").arg("-V").stdout(Stdio::null()).stderr(Stdio::null()).status();
    status.is_ok_and(|status| status.success())
}

/// Has each fsync of both servers wait. The tracer stops them at every system call besides, so they are slow altogether.
async fn slow_disk(deployment: &Deployment, length: Duration) -> Result<()> {
    let delay = format!("inject=fsync,fdatasync:delay_exit={SLOW}");
    let mut tracers = Vec::new();
    for process in [deployment.collector.id(), deployment.relay.id()].into_iter().flatten() {
        let mut command = Command::new("strace");
        command.args(["-f", "-qq", "-e", "trace=fsync,fdatasync", "-e", &delay, "-o", "/dev/null", "-p"]);
        tracers.push(command.arg(process.to_string()).stderr(Stdio::null()).spawn()?);
    }
    sleep(length).await;
    for mut tracer in tracers {
        // Told to end, it lets go of the process.
        Command::new("kill").args(["-TERM", &tracer.id().to_string()]).status()?;
        let told = Instant::now();
        while tracer.try_wait()?.is_none() {
            ensure!(told.elapsed() < Duration::from_secs(60), "strace does not let go of its process");
            sleep(Duration::from_millis(50)).await;
        }
    }
    Ok(())
}

/// A file system of its own, on a file, that can be filled. Unmounted with this value.
pub(super) struct Disk {
    folder: PathBuf,
}

impl Disk {
    /// One below `scratch`; `None` where nobody may mount.
    pub(super) fn mount(scratch: &Path) -> Option<Self> {
        let (image, folder) = (scratch.join("disk.img"), scratch.join("disk"));
        fs::File::create(&image).ok()?.set_len(DISK).ok()?;
        fs::create_dir(&folder).ok()?;
        let done = |program: &str, args: &[&str]| {
            let status = Command::new(program).args(args).stdout(Stdio::null()).stderr(Stdio::null()).status();
            status.is_ok_and(|status| status.success()).then_some(())
        };
        done("mkfs.ext4", &["-q", "-F", "-m", "0", text(&image).ok()?])?;
        done("mount", &["-o", "loop", text(&image).ok()?, text(&folder).ok()?])?;
        Some(Self { folder })
    }

    pub(super) fn folder(&self) -> PathBuf {
        self.folder.join("data")
    }

    fn ballast(&self) -> PathBuf {
        self.folder.join("ballast")
    }

    /// Leaves not one byte.
    fn fill(&self) -> Result<()> {
        let ballast = self.ballast();
        // What is free changes meanwhile: first nearly all, then by ever smaller pieces until nothing goes in.
        let output = Command::new("df").args(["--output=avail", "-B1", text(&self.folder)?]).output()?;
        let free: u64 = String::from_utf8_lossy(&output.stdout).lines().last().unwrap_or("").trim().parse()?;
        let length = |bytes: u64| -> Result<bool> {
            let mut command = Command::new("fallocate");
            command.args(["-l", &bytes.to_string(), text(&ballast)?]).stderr(Stdio::null());
            Ok(command.status()?.success())
        };
        let (mut held, mut piece) = (0, free);
        while piece >= 4_096 {
            if length(held + piece)? {
                held += piece;
            }
            piece /= 2;
        }
        ensure!(held > 0, "the disk cannot be filled: is fallocate installed?");
        Ok(())
    }

    fn free(&self) -> Result<()> {
        Ok(fs::remove_file(self.ballast())?)
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // Lazily: the servers end after it. The folder that it was mounted on goes with the temporary one.
        let _ = Command::new("umount").arg("-l").arg(&self.folder).status();
    }
}
