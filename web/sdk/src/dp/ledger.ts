// The privacy budget of a device: integer micro-ε per querier and epoch, spent all or nothing
// (crates/dp/src/ledger.rs).
//
// The filter of Cookie Monster (Tholoniat et al., SOSP 2024, §4). Micro-ε are whole numbers far below 2⁵³.

export interface Spent {
  /** Whose budget: a brand's number, or `c` and a campaign's. */
  readonly querier: string | number;
  readonly epoch: number;
  micro: number;
}

export type Charge = Readonly<Spent>;

/** Pays for all charges, or for none: false, and nothing is spent, if any budget is short. */
export function charge(ledger: Spent[], capacity: number, charges: readonly Charge[]): boolean {
  const entryOf = ({ querier, epoch }: Charge) =>
    ledger.find((spent) => spent.querier === querier && spent.epoch === epoch);
  const isSame = (one: Charge, other: Charge) => one.querier === other.querier && one.epoch === other.epoch;
  const asked = (charge: Charge) =>
    charges.filter((other) => isSame(charge, other)).reduce((sum, { micro }) => sum + micro, 0);
  if (charges.some((charge) => (entryOf(charge)?.micro ?? 0) + asked(charge) > capacity)) return false;
  for (const charge of charges) {
    const entry = entryOf(charge);
    if (entry) entry.micro += charge.micro;
    else ledger.push({ ...charge });
  }
  return true;
}
