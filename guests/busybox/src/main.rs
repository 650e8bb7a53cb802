fn main(){ println!("{:?}", peapod_guest::process::id()); }
