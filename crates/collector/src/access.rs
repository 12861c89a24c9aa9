//! The one table of permissions: every method of every service has a row, and what has none is refused to everybody.
//!
//! It is enforced by the guard, before a method reads its request. `spec/administration.md` §2 prints it, and
//! a test calls each method with each kind of key.

/// Who a key makes its holder. The columns of the table, in this order.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Role {
    /// The neutral party: runs the collector, and administers it.
    Operator,
    /// One publisher, or its relay.
    Publisher,
    /// One brand.
    Brand,
    /// Watches the operator.
    Auditor,
}

impl Role {
    /// All of them, in the order of the columns.
    pub const ALL: [Self; 4] = [Self::Operator, Self::Publisher, Self::Brand, Self::Auditor];

    /// In words.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Operator => "operator",
            Self::Publisher => "publisher",
            Self::Brand => "brand",
            Self::Auditor => "auditor",
        }
    }
}

/// How far a role reaches into the resource of a method.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Reach {
    /// It may not call the method.
    No,
    /// What belongs to the key's publisher or brand. What belongs to others is answered as if it did not exist.
    Own,
    /// Everybody's.
    All,
}

/// What a method is about.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Resource {
    /// What a publisher's devices are told.
    Manifest,
    /// Blinded tokens.
    Tokens,
    /// Sealed reports.
    Reports,
    /// A brand's campaigns: their numbers, surges, and what was declared of them.
    Campaigns,
    /// Publishers, brands, and which campaigns and measures there are.
    Catalogue,
    /// API keys.
    ApiKeys,
    /// The epochs and their keys.
    Epochs,
    /// All that the store holds, but what is spent.
    Store,
    /// How the collector fares.
    Status,
    /// What became of a publisher's reports, by period.
    Record,
    /// What was done, by whom.
    AuditLog,
    /// The service itself: whether it is ready, what it offers.
    Service,
}

impl Resource {
    /// In words.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Manifest => "manifest",
            Self::Tokens => "tokens",
            Self::Reports => "reports",
            Self::Campaigns => "campaigns",
            Self::Catalogue => "catalogue",
            Self::ApiKeys => "API keys",
            Self::Epochs => "epochs",
            Self::Store => "store",
            Self::Status => "status",
            Self::Record => "record",
            Self::AuditLog => "audit log",
            Self::Service => "service",
        }
    }
}

/// Whether a method changes anything. A read-only key may call those that do not.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Act {
    /// It answers.
    Read,
    /// It makes a change that outlasts the call, if only in the audit log.
    Change,
}

/// A row.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Permission {
    /// `package.Service/Method`, as in the path of a call.
    pub method: &'static str,
    /// What it is about.
    pub resource: Resource,
    /// Whether it changes anything.
    pub act: Act,
    /// Open to everyone, without a key.
    pub open: bool,
    reaches: [Reach; 4],
}

impl Permission {
    /// How far a role reaches.
    pub const fn reach(&self, role: Role) -> Reach {
        self.reaches[role as usize]
    }

    /// Whether a key of this role may call it, and one that is `read_only`.
    pub fn admits(&self, role: Role, read_only: bool) -> bool {
        self.open || self.reach(role) != Reach::No && (!read_only || self.act == Act::Read)
    }

    /// The roles that may call it, for people.
    pub(crate) fn holders(&self) -> String {
        let holders = Role::ALL.into_iter().filter(|&role| self.reach(role) != Reach::No).map(|role| match role {
            Role::Operator => "an operator's",
            Role::Publisher => "a publisher's",
            Role::Brand => "a brand's",
            Role::Auditor => "an auditor's",
        });
        holders.collect::<Vec<_>>().join(" or ")
    }
}

/// The row of a method, by the path of a call: `/package.Service/Method`.
pub(crate) fn permission(path: &str) -> Option<&'static Permission> {
    let method = path.strip_prefix('/')?;
    TABLE.iter().find(|row| row.method == method)
}

const fn may(method: &'static str, resource: Resource, act: Act, reaches: [Reach; 4]) -> Permission {
    Permission { method, resource, act, open: false, reaches }
}

const fn open(method: &'static str) -> Permission {
    Permission { method, resource: Resource::Service, act: Act::Read, open: true, reaches: [Reach::No; 4] }
}

use Act::{Change, Read};
use Reach::{All, No, Own};
use Resource::{ApiKeys, AuditLog, Campaigns, Catalogue, Epochs, Manifest, Record, Reports, Status, Store, Tokens};

/// The table.
#[rustfmt::skip]
pub const TABLE: &[Permission] = &[
    //   method                                             resource   act     operator publisher brand auditor
    may("tacita.v1.ManifestService/GetManifest",           Manifest,  Read,   [All,     Own,      No,   All]),
    may("tacita.v1.ManifestService/GetCatalogue",          Manifest,  Read,   [All,     Own,      No,   No ]),
    may("tacita.v1.TokenService/IssueTokens",              Tokens,    Change, [No,      Own,      No,   No ]),
    may("tacita.v1.CollectionService/SubmitReports",       Reports,   Change, [No,      Own,      No,   No ]),
    may("tacita.v1.CollectionService/UploadReports",       Reports,   Change, [No,      Own,      No,   No ]),

    may("tacita.v1.ReportingService/ListCampaigns",        Campaigns, Read,   [All,     No,       Own,  No ]),
    may("tacita.v1.ReportingService/Query",                Campaigns, Read,   [All,     No,       Own,  No ]),
    may("tacita.v1.ReportingService/WatchQuery",           Campaigns, Read,   [All,     No,       Own,  No ]),
    may("tacita.v1.ReportingService/GetFunnel",            Campaigns, Read,   [All,     No,       Own,  No ]),
    may("tacita.v1.ReportingService/GetReconciliation",    Campaigns, Read,   [All,     No,       Own,  No ]),
    may("tacita.v1.ReportingService/GetPrivacy",           Campaigns, Read,   [All,     No,       Own,  No ]),
    may("tacita.v1.ReportingService/PlanMeasure",          Campaigns, Read,   [All,     No,       Own,  No ]),
    may("tacita.v1.ReportingService/DeclareCampaign",      Campaigns, Change, [All,     No,       Own,  No ]),
    may("tacita.v1.ReportingService/ListAlerts",           Campaigns, Read,   [All,     No,       Own,  No ]),
    may("tacita.v1.ReportingService/WatchAlerts",          Campaigns, Read,   [All,     No,       Own,  No ]),

    may("tacita.v1.AdminService/CreatePublisher",          Catalogue, Change, [All,     No,       No,   No ]),
    may("tacita.v1.AdminService/ListPublishers",           Catalogue, Read,   [All,     No,       No,   No ]),
    may("tacita.v1.AdminService/CreateBrand",              Catalogue, Change, [All,     No,       No,   No ]),
    may("tacita.v1.AdminService/ListBrands",               Catalogue, Read,   [All,     No,       No,   No ]),
    may("tacita.v1.AdminService/CreateCampaign",           Catalogue, Change, [All,     No,       No,   No ]),
    may("tacita.v1.AdminService/CreateMeasure",            Catalogue, Change, [All,     No,       No,   No ]),
    may("tacita.v1.AdminService/CreateApiKey",             ApiKeys,   Change, [All,     No,       No,   No ]),
    may("tacita.v1.AdminService/ListApiKeys",              ApiKeys,   Read,   [All,     No,       No,   No ]),
    may("tacita.v1.AdminService/RevokeApiKey",             ApiKeys,   Change, [All,     No,       No,   No ]),
    may("tacita.v1.AdminService/RotateEpoch",              Epochs,    Change, [All,     No,       No,   No ]),
    may("tacita.v1.AdminService/GetStatus",                Status,    Read,   [All,     No,       No,   All]),
    may("tacita.v1.AdminService/SetLogFilter",             Status,    Change, [All,     No,       No,   No ]),
    may("tacita.v1.AdminService/Backup",                   Store,     Change,  [All,     No,       No,   No ]),

    may("tacita.v1.TransparencyService/ListRecord",        Record,    Read,   [All,     Own,      No,   All]),

    may("tacita.v1.AuditService/GetAuditHead",             AuditLog,  Read,   [All,     No,       No,   All]),
    may("tacita.v1.AuditService/ListAuditEntries",         AuditLog,  Read,   [All,     No,       No,   All]),

    open("grpc.health.v1.Health/Check"),
    open("grpc.health.v1.Health/Watch"),
    open("grpc.reflection.v1.ServerReflection/ServerReflectionInfo"),
];

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn each_method_has_one_row() {
        let methods: HashSet<_> = TABLE.iter().map(|row| row.method).collect();
        assert_eq!(methods.len(), TABLE.len());
        assert!(permission("/tacita.v1.AdminService/GetStatus").is_some());
        assert!(permission("/tacita.v1.AdminService/GetEverything").is_none());
        assert!(permission("tacita.v1.AdminService/GetStatus").is_none());
    }

    #[test]
    fn an_auditor_changes_nothing_and_sees_no_brands_numbers() {
        for row in TABLE.iter().filter(|row| row.admits(Role::Auditor, false) && !row.open) {
            assert_eq!(row.act, Act::Read, "{}", row.method);
            assert_ne!(row.resource, Resource::Campaigns, "{}", row.method);
        }
    }

    #[test]
    fn publishers_and_brands_reach_their_own_only() {
        for row in TABLE {
            for role in [Role::Publisher, Role::Brand] {
                assert_ne!(row.reach(role), Reach::All, "{}", row.method);
            }
        }
    }
}
