//! Decoding one file's footer, from its bytes in memory, again and again: bench-arrow-rs FILE TIMES [statistics skipped]
//! Prints the milliseconds of each time, one a line.

use parquet::file::metadata::{ParquetMetaDataOptions, ParquetMetaDataReader, ParquetStatisticsPolicy};
use std::time::Instant;

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let file = std::fs::read(&arguments[1]).expect("the file can be read");
    let times: usize = arguments[2].parse().expect("TIMES is a number");
    let end = file.len() - 8;
    let size = u32::from_le_bytes(file[end..end + 4].try_into().unwrap()) as usize;
    let footer = &file[end - size..end];
    let mut options = ParquetMetaDataOptions::new().with_encoding_stats_as_mask(true);
    if arguments.len() > 3 {
        options = options.with_column_stats_policy(ParquetStatisticsPolicy::SkipAll);
    }
    for _ in 0..times {
        let start = Instant::now();
        let metadata = ParquetMetaDataReader::decode_metadata_with_options(footer, Some(&options)).expect("a footer");
        std::hint::black_box(&metadata);
        drop(metadata);
        println!("{:.3}", start.elapsed().as_secs_f64() * 1e3);
    }
}
