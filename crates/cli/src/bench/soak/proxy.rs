//! A TCP proxy that can reset every connection through it.

use std::{io, net::Ipv4Addr};

use anyhow::Result;
use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    sync::watch,
};

/// Connections pass through it until it is told to reset them.
pub(super) struct Proxy {
    port: u16,
    resets: watch::Sender<u64>,
}

impl Proxy {
    /// Listens for who wants to reach `port` of loopback.
    pub(super) async fn before(port: u16) -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let (resets, told) = watch::channel(0);
        let proxy = Self { port: listener.local_addr()?.port(), resets };
        tokio::spawn(async move {
            while let Ok((inside, _)) = listener.accept().await {
                tokio::spawn(pass(inside, port, told.clone()));
            }
        });
        Ok(proxy)
    }

    /// Its address.
    pub(super) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Resets every connection: both sides are told at once, and what was on its way is lost.
    pub(super) fn reset(&self) {
        self.resets.send_modify(|number| *number += 1);
    }
}

async fn pass(mut inside: TcpStream, port: u16, mut told: watch::Receiver<u64>) -> io::Result<()> {
    told.mark_unchanged();
    let mut outside = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await?;
    inside.set_nodelay(true)?;
    outside.set_nodelay(true)?;
    tokio::select! {
        passed = copy_bidirectional(&mut inside, &mut outside) => drop(passed?),
        _ = told.changed() => {
            // Closed without a linger, a socket says RST and not FIN.
            inside.set_zero_linger()?;
            outside.set_zero_linger()?;
        }
    }
    Ok(())
}
