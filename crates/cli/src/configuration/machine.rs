//! Whether the machine has what settings name: folders, files, addresses. Looking leaves nothing behind.

use std::{
    fs::{self, File},
    io::ErrorKind,
    net::SocketAddr,
    os::unix::fs::PermissionsExt as _,
    path::Path,
};

use anyhow::{Context as _, Result};
use rustix::fs::Mode;
use tokio::net::TcpSocket;

use super::Misfit;
use crate::logs::announce;

/// What keeps a folder from being written in, or made.
pub(crate) fn writable_folder(path: &Path) -> Result<(), String> {
    let there = path.ancestors().find(|part| part.exists() || part.as_os_str().is_empty()).unwrap_or(path);
    let there = if there.as_os_str().is_empty() { Path::new(".") } else { there };
    if !there.is_dir() {
        return Err(format!("'{}' is a file: name a folder", there.display()));
    }
    // A file without a name, where the file system has such: rights alone do not tell of /proc, or of a disk that is read only.
    match tempfile::tempfile_in(there) {
        Ok(_) => Ok(()),
        // A server starts on a full disk, says so, and goes on when there is room.
        Err(error) if matches!(error.kind(), ErrorKind::StorageFull | ErrorKind::QuotaExceeded) => Ok(()),
        Err(error) => Err(format!(
            "'{}' cannot be written in ({}): give its rights to this user, or name another folder",
            there.display(),
            error.kind()
        )),
    }
}

/// Makes a server's folder for state, for this user alone, and has the process make whatever it makes for this user
/// alone. A folder that is there already is its owner's affair; it is remarked upon where others may look into it.
pub(crate) fn own_folder(path: &Path) -> Result<()> {
    rustix::process::umask(Mode::RWXG | Mode::RWXO);
    fs::create_dir_all(path).with_context(|| format!("cannot make {}", path.display()))?;
    let mode = fs::metadata(path).with_context(|| format!("cannot look at {}", path.display()))?.permissions().mode();
    if mode & 0o077 != 0 {
        announce(&format!(
            "warning: others than this user may look into '{}' (mode {:o}): chmod 700 it, unless that is meant",
            path.display(),
            mode & 0o777
        ));
    }
    Ok(())
}

/// What keeps a file from being read.
pub(crate) fn readable_file(path: &Path) -> Result<(), String> {
    let remedy = |error: std::io::Error| {
        format!("cannot read '{}' ({error}): name a file that this user may read", path.display())
    };
    let is_file = File::open(path).and_then(|file| Ok(file.metadata()?.is_file())).map_err(remedy)?;
    if is_file { Ok(()) } else { Err(format!("'{}' is no file: name a file", path.display())) }
}

/// What keeps a server from listening at its two addresses. Whoever listens there now is no fault: it may be this very server.
pub(crate) fn unusable_addresses(listen: Option<SocketAddr>, metrics: Option<SocketAddr>) -> Vec<Misfit> {
    let given = [("listen", listen), ("metrics", metrics)];
    let mut misfits: Vec<Misfit> =
        given.into_iter().filter_map(|(setting, address)| Some(Misfit::new(setting, unusable(address?)?))).collect();
    if let (Some(listen), Some(metrics)) = (listen, metrics)
        && is_in_the_way(listen, metrics)
    {
        misfits.push(Misfit::new("metrics", format!("it is the port of listen ({listen}): choose another")));
    }
    misfits
}

fn unusable(address: SocketAddr) -> Option<String> {
    let bind = || {
        let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
        socket.set_reuseaddr(true)?;
        socket.bind(address)
    };
    let error = bind().err().filter(|error| error.kind() != ErrorKind::AddrInUse)?;
    Some(format!(
        "cannot listen on {address} ({}): choose an address of this machine, and a port that this user may take",
        error.kind()
    ))
}

/// Whether one of two listeners would find the other in its place.
fn is_in_the_way(one: SocketAddr, other: SocketAddr) -> bool {
    let takes = |all: SocketAddr, of: SocketAddr| {
        // On all addresses of IPv6 are those of IPv4, too.
        all.ip().is_unspecified() && (all.is_ipv6() || of.is_ipv4())
    };
    let meet = one.ip() == other.ip() || takes(one, other) || takes(other, one);
    one.port() != 0 && one.port() == other.port() && meet
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_writable_if_something_can_be_made_in_it() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(writable_folder(&folder.path().join("new/one")), Ok(()));
        assert_eq!(folder.path().read_dir().unwrap().count(), 0, "nothing is left");
        for none in ["/proc/x", "/proc/self/x"] {
            assert!(writable_folder(Path::new(none)).unwrap_err().contains("cannot be written in"), "{none}");
        }
        let file = folder.path().join("file");
        std::fs::write(&file, "").unwrap();
        assert!(writable_folder(&file.join("x")).unwrap_err().contains("is a file"));
    }

    #[test]
    fn addresses_that_no_server_could_take_are_named() {
        let named = |listen: &str, metrics: &str| {
            let [listen, metrics] = [listen, metrics].map(|text| text.parse().ok());
            unusable_addresses(listen, metrics).into_iter().map(|misfit| misfit.setting).collect::<Vec<_>>()
        };
        assert_eq!(named("127.0.0.1:0", "127.0.0.1:0"), [""; 0]);
        // 192.0.2.0/24 is nobody's (RFC 5737).
        assert_eq!(named("192.0.2.1:0", ""), ["listen"]);
        let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = taken.local_addr().unwrap().to_string();
        assert_eq!(named(&address, ""), [""; 0], "a server that runs may be this one");
        assert_eq!(named(&address, &address), ["metrics"]);
        assert_eq!(named(&address, &format!("0.0.0.0:{}", taken.local_addr().unwrap().port())), ["metrics"]);
    }
}
