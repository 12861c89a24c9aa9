//! The table of permissions, walked over the compiled services: each method, each kind of key, a real collector.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;

use prost::Message as _;
use prost_types::FileDescriptorSet;
use tacita_collector::access::{Act, Reach, Role, TABLE};
use tacita_proto::v1;
use tonic::{Code, Request, Status};
use tonic_prost::ProstCodec;
use tonic_types::StatusExt as _;

use crate::support::{self, Cast, House};

/// Every method of every service that a collector offers, as the compiled descriptors have them.
fn methods() -> BTreeSet<String> {
    let sets = [
        tacita_proto::DESCRIPTORS,
        tonic_health::pb::FILE_DESCRIPTOR_SET,
        tonic_reflection::pb::v1::FILE_DESCRIPTOR_SET,
    ];
    let mut methods = BTreeSet::new();
    for file in sets.into_iter().flat_map(|set| FileDescriptorSet::decode(set).unwrap().file) {
        for service in &file.service {
            let names = service.method.iter().map(|method| method.name());
            methods.extend(names.map(|name| format!("{}.{}/{name}", file.package(), service.name())));
        }
    }
    methods
}

/// Calls a method with an empty request. A stream counts as answered once it begins.
async fn call(house: &House, key: &str, method: &str) -> Result<(), Status> {
    let mut client = tonic::client::Grpc::new(house.caller(key));
    client.ready().await.unwrap();
    let path = format!("/{method}").parse().unwrap();
    let request = Request::new(tokio_stream::once(()));
    client.streaming(request, path, ProstCodec::<(), ()>::default()).await.map(drop)
}

/// Why the guard sends a call away; `None` if it lets it in, whatever becomes of it then.
async fn turned_away(house: &House, key: &str, method: &str) -> Option<String> {
    let status = call(house, key, method).await.err()?;
    let reason = status.get_details_error_info().map(|info| info.reason)?;
    let of_the_guard = ["KEY_MISSING", "KEY_INVALID", "KEY_EXPIRED", "WRONG_ROLE", "READ_ONLY_KEY"];
    of_the_guard.contains(&reason.as_str()).then(|| {
        let missing = ["KEY_MISSING", "KEY_INVALID", "KEY_EXPIRED"].contains(&reason.as_str());
        assert_eq!(status.code(), if missing { Code::Unauthenticated } else { Code::PermissionDenied }, "{method}");
        assert!(!status.message().is_empty(), "{method}");
        reason
    })
}

fn asked(role: Role) -> v1::CreateApiKeyRequest {
    let (role, subject) = match role {
        Role::Operator => (v1::Role::Operator, ""),
        Role::Publisher => (v1::Role::Publisher, "daily"),
        Role::Brand => (v1::Role::Brand, "acme"),
        Role::Auditor => (v1::Role::Auditor, ""),
    };
    v1::CreateApiKeyRequest { role: role.into(), subject: subject.into(), ..Default::default() }
}

#[test]
fn every_method_of_every_service_has_its_row_in_the_table() {
    let rows: BTreeSet<_> = TABLE.iter().map(|row| row.method.to_owned()).collect();
    assert_eq!(methods(), rows);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_kind_of_key_may_call_what_the_table_says_and_nothing_else() {
    let Cast { house, .. } = Cast::assemble().await;
    let mut keys = Vec::new();
    for role in Role::ALL {
        keys.push((role, false, house.make_key(asked(role)).await.1));
    }
    for role in [Role::Operator, Role::Brand, Role::Auditor] {
        let request = v1::CreateApiKeyRequest { read_only: true, ..asked(role) };
        keys.push((role, true, house.make_key(request).await.1));
    }
    for row in TABLE {
        for (role, read_only, key) in &keys {
            let expected = match (row.admits(*role, *read_only), row.admits(*role, false)) {
                (true, _) => None,
                (false, true) => Some("READ_ONLY_KEY".to_owned()),
                (false, false) => Some("WRONG_ROLE".to_owned()),
            };
            let (role, method) = (role.name(), row.method);
            assert_eq!(turned_away(&house, key, method).await, expected, "{method} by {role}, read-only: {read_only}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_that_is_missing_wrong_revoked_or_expired_opens_nothing_but_what_is_open_to_everyone() {
    let Cast { house, daily, .. } = Cast::assemble().await;
    let mut keys = vec![("KEY_MISSING", String::new())];
    let (head, _) = daily.key.rsplit_once('_').unwrap();
    let wrong = ["nonsense".into(), "tacita_99_x".into(), format!("{head}_{}", "A".repeat(43)), "tacita_1_".into()];
    keys.extend(wrong.map(|key| ("KEY_INVALID", key)));
    for role in Role::ALL {
        let (id, revoked) = house.make_key(asked(role)).await;
        house.revoke(id).await;
        keys.push(("KEY_INVALID", revoked));
        let (_, expired) = house.make_key(v1::CreateApiKeyRequest { valid_seconds: 60, ..asked(role) }).await;
        keys.push(("KEY_EXPIRED", expired));
    }
    house.clock.set(support::NOON.plus(60));
    for row in TABLE {
        for (reason, key) in &keys {
            let expected = (!row.open).then(|| (*reason).to_owned());
            assert_eq!(turned_away(&house, key, row.method).await, expected, "{} with {reason}", row.method);
        }
    }
}

#[tokio::test]
async fn what_is_not_in_the_table_is_there_for_nobody() {
    let house = House::open(|_| ()).await;
    for method in ["tacita.v1.AdminService/GetEverything", "tacita.v1.Nothing/Get"] {
        assert_eq!(call(&house, &house.operator, method).await.unwrap_err().code(), Code::Unimplemented);
    }
}

/// `spec/administration.md` prints the table as the code has it.
#[test]
fn the_specification_prints_the_table() {
    let reach = |reach| match reach {
        Reach::No => "",
        Reach::Own => "own",
        Reach::All => "all",
    };
    let mut printed = Vec::new();
    for row in TABLE {
        let method = row.method.trim_start_matches("tacita.v1.");
        let cells = match row.open {
            true => ["everyone"; 4],
            false => Role::ALL.map(|role| reach(row.reach(role))),
        };
        let act = if row.act == Act::Read { "reads" } else { "changes" };
        printed.push(format!("| `{method}` | {} | {act} | {} |", row.resource.name(), cells.join(" | ")));
    }
    let spec = include_str!("../../../spec/administration.md");
    let section = spec.split("## 2. Who may call what").nth(1).unwrap().split("\n## ").next().unwrap();
    let is_row = |line: &&str| line.starts_with("| `") && line.split('`').nth(1).is_some_and(|cell| cell.contains('/'));
    let lines: Vec<_> = section.lines().filter(is_row).collect();
    assert_eq!(lines, printed, "copy into the specification:\n{}", printed.join("\n"));
}
