# `just demo` runs a sample pod, `just test` passes the tests; both set up what they need.

export CARGO_TERM_COLOR := env("CARGO_TERM_COLOR", "auto")

# What there is to do
default:
    @just --list --unsorted

# Make the machine ready: the wasm32-wasip2 target for the guests, and a C compiler for it where one can be had
setup:
    guests/setup-target.sh
    guests/setup-c.sh || [ "${CI:-}" != true ]

# Build the guests and the sample images into guests/dist
guests: setup
    guests/build.sh

# Load the sample images under the names the sample manifests use
images: guests
    cargo build --quiet
    PEAPOD=target/debug/peapod guests/load-images.sh

# Run a sample pod
demo: images
    target/debug/peapod run manifests/hello.yaml

# Everything that must hold: formatting, lints, and all tests
test: guests check
    tests/setup-tools.sh
    cd guests && cargo test --package web --package nginx --package tls-proxy
    cargo test --workspace --all-targets --no-fail-fast

# Formatting and lints of the host and the guests
check:
    cargo fmt --check
    cargo clippy --workspace --all-targets -- -D warnings
    cd guests && cargo fmt --check

# Replay one seed of the simulator, or try many: `just sim SEED=42`, `just sim`
sim *ARGS:
    env {{ ARGS }} cargo test --package peapod --lib -- sim::tests::replay --exact --nocapture

# Kill peapod a hundred times while it pulls and loads images; the store has to be sound each time
kills TIMES="100":
    tests/setup-tools.sh
    KILLS={{ TIMES }} cargo test --test e2e killed_at_any_moment -- --nocapture

# Measure against wasmtime's own command line, in one run; prints ratios
bench: guests
    cargo build --release
    tests/bench.sh
    tests/bench/network.sh
    tests/bench/ipc.sh
    tests/bench/http.sh
    tests/bench/logs.sh
    tests/bench/probes.sh
    tests/bench/limits.sh

# Licences and advisories of all dependencies, where cargo-deny and its data can be had
deny:
    cargo deny --config .cargo/deny.toml check licenses bans sources
