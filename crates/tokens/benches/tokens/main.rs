//! What a token costs, beside its floor and its peers, in one run: `cargo bench -p tacita-tokens --bench tokens`.
//!
//! Each group is one figure, with the functions `tacita`, `floor`, `voprf` and `voprf-ng`. All start and end with
//! bytes, as a server does. Times are the thread's CPU time (`cpu.rs`). `floor` is the sum of the primitives that the
//! protocol cannot do without, called on `curve25519-dalek`, `sha2` and `aes-gcm` directly, with no checks and no types
//! (`floor.rs`). The peers run in VOPRF mode, the cheaper one for them: their POPRF inverts the key once per token.
//! They decrypt nothing in `open`.

mod cpu;
mod floor;
mod peers;

use std::hint::black_box;
use std::time::Duration;

use cpu::CpuTime;
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use rand::SeedableRng;
use rand_chacha::ChaCha20Rng;
use tacita_tokens::{BlindedBatch, Context, Envelope, EpochKey, IssuedBatch, Issuer, Opener, PAYLOAD_LEN, Pending};

const CONTEXT: Context = Context { publisher: 7, epoch: 2960, chain: [0x5a; 32] };
const BATCH: usize = 128;

fn rng() -> ChaCha20Rng {
    ChaCha20Rng::seed_from_u64(0)
}

fn key() -> EpochKey {
    EpochKey::generate(&mut rng()).expect("a key")
}

fn pending() -> (Pending, BlindedBatch) {
    Pending::new(&key().public_key(), &CONTEXT, BATCH, &mut rng()).expect("a request")
}

fn issue(c: &mut Criterion<CpuTime>) {
    let issuer = Issuer::new(&key(), &CONTEXT).expect("an issuer");
    let request = pending().1.to_bytes();
    let mut rng = rng();

    let mut group = c.benchmark_group("tokens/issue/128");
    group.throughput(Throughput::Elements(BATCH as u64));
    group.bench_function("tacita", |b| {
        b.iter(|| {
            let batch = BlindedBatch::from_bytes(black_box(&request)).expect("a request");
            issuer.issue(&batch, &mut rng).expect("a response").to_bytes()
        });
    });
    let floor = floor::Issue::new();
    group.bench_function("floor", |b| b.iter(|| floor.run(black_box(&request))));
    let mut peer = peers::old::Issue::new();
    group.bench_function("voprf", |b| b.iter(|| peer.run(black_box(&request))));
    let mut peer = peers::new::Issue::new();
    group.bench_function("voprf-ng", |b| b.iter(|| peer.run(black_box(&request))));
    group.finish();
}

fn finalize(c: &mut Criterion<CpuTime>) {
    let issuer = Issuer::new(&key(), &CONTEXT).expect("an issuer");
    let response = issuer.issue(&pending().1, &mut rng()).expect("a response").to_bytes();

    let mut group = c.benchmark_group("tokens/finalize/128");
    group.throughput(Throughput::Elements(BATCH as u64));
    group.bench_function("tacita", |b| {
        b.iter_batched(
            || pending().0,
            |pending| {
                pending.finish(&IssuedBatch::from_bytes(black_box(&response)).expect("a response")).expect("tokens")
            },
            BatchSize::PerIteration,
        );
    });
    let floor = floor::Finalize::new(&response);
    group.bench_function("floor", |b| b.iter(|| floor.run(black_box(&response))));
    let peer = peers::old::Finalize::new(BATCH);
    group.bench_function("voprf", |b| b.iter(|| peer.run()));
    let peer = peers::new::Finalize::new(BATCH);
    group.bench_function("voprf-ng", |b| b.iter(|| peer.run()));
    group.finish();
}

fn open(c: &mut Criterion<CpuTime>) {
    let opener = Opener::new(&key(), &CONTEXT).expect("an opener");
    let (pending, request) = pending();
    let response = Issuer::new(&key(), &CONTEXT).expect("an issuer").issue(&request, &mut rng()).expect("a response");
    let tokens = pending.finish(&response).expect("tokens");
    let sealed: Vec<_> = tokens.into_iter().map(|token| *token.seal(&[7; PAYLOAD_LEN]).as_bytes()).collect();

    for count in [16, 1] {
        let sealed = &sealed[..count];
        let mut group = c.benchmark_group(format!("tokens/open/{count}"));
        group.throughput(Throughput::Elements(count as u64));
        group.bench_function("tacita", |b| {
            b.iter(|| {
                let mut envelopes =
                    black_box(sealed).iter().map(|bytes| Envelope::from_bytes(bytes).expect("an envelope"));
                if count == 1 {
                    vec![opener.open(&envelopes.next().expect("one"))]
                } else {
                    opener.open_many(&envelopes.collect::<Vec<_>>())
                }
            });
        });
        let floor = floor::Open::new(&key());
        group.bench_function("floor", |b| b.iter(|| floor.run(black_box(sealed))));
        let peer = peers::old::Open::new();
        group.bench_function("voprf", |b| b.iter(|| peer.run(black_box(sealed))));
        let peer = peers::new::Open::new();
        group.bench_function("voprf-ng", |b| b.iter(|| peer.run(black_box(sealed))));
        group.finish();
    }
}

criterion_group! {
    name = benches;
    config = Criterion::default().with_measurement(CpuTime).sample_size(40).warm_up_time(Duration::from_secs(1)).measurement_time(Duration::from_secs(4));
    targets = issue, finalize, open
}
criterion_main!(benches);
