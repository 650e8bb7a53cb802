//! Fails as told, run by run: `flaky FILE CODE…`. FILE counts the runs and lies on a volume, so that it outlives the container; run n
//! exits with the n-th code, and every run after the last with the last.

fn main() {
    let mut args = behaviours::Args::new("flaky FILE CODE…");
    let file: String = args.need();
    let codes: Vec<u8> = {
        let texts: Vec<String> = std::iter::from_fn(|| args.next()).collect();
        texts.iter().map(|text| args.parse(text)).collect()
    };
    let before: usize = std::fs::read_to_string(&file)
        .ok()
        .and_then(|text| text.trim().parse().ok())
        .unwrap_or(0);
    if let Err(e) = std::fs::write(&file, format!("{}\n", before + 1)) {
        eprintln!("{file}: {e}");
        behaviours::exit(3);
    }
    let Some(&code) = codes.get(before).or(codes.last()) else {
        behaviours::usage("flaky FILE CODE…")
    };
    println!("run {} exits {code}", before + 1);
    behaviours::exit(code)
}
