#include "parquet/format.h"

static const char *name_of(const char *const *names, size_t count, int value) {
  return value >= 0 && (size_t)value < count && names[value] ? names[value] : "unknown";
}
#define NAME_OF(names, value) name_of(names, sizeof names / sizeof names[0], (int)(value))

const char *lam_physical_name(enum lam_physical physical) {
  static const char *const names[] = {
      [LAM_BOOLEAN] = "BOOLEAN",       [LAM_INT32] = "INT32",
      [LAM_INT64] = "INT64",           [LAM_INT96] = "INT96",
      [LAM_FLOAT] = "FLOAT",           [LAM_DOUBLE] = "DOUBLE",
      [LAM_BYTE_ARRAY] = "BYTE_ARRAY", [LAM_FIXED_LEN_BYTE_ARRAY] = "FIXED_LEN_BYTE_ARRAY",
  };
  return NAME_OF(names, physical);
}

uint64_t lam_row_group_bytes(const struct lam_file_meta *meta, int32_t row_group) {
  uint64_t bytes = 0;
  for (int32_t i = 0; i < meta->leaf_count; i++)
    bytes += (uint64_t)meta->row_groups[row_group].chunks[i].compressed_size;
  return bytes;
}

int32_t lam_physical_width(int physical, int32_t type_length) {
  static const int32_t widths[] = {
      [LAM_BOOLEAN] = 1, [LAM_INT32] = 4, [LAM_INT64] = 8, [LAM_INT96] = 12, [LAM_FLOAT] = 4, [LAM_DOUBLE] = 8};
  if (physical == LAM_FIXED_LEN_BYTE_ARRAY) return type_length;
  return physical >= 0 && (size_t)physical < sizeof widths / sizeof widths[0] ? widths[physical] : 0;
}

const char *lam_encoding_name(enum lam_encoding encoding) {
  static const char *const names[] = {
      [LAM_PLAIN] = "PLAIN",
      [LAM_PLAIN_DICTIONARY] = "PLAIN_DICTIONARY",
      [LAM_RLE] = "RLE",
      [LAM_BIT_PACKED] = "BIT_PACKED",
      [LAM_DELTA_BINARY_PACKED] = "DELTA_BINARY_PACKED",
      [LAM_DELTA_LENGTH_BYTE_ARRAY] = "DELTA_LENGTH_BYTE_ARRAY",
      [LAM_DELTA_BYTE_ARRAY] = "DELTA_BYTE_ARRAY",
      [LAM_RLE_DICTIONARY] = "RLE_DICTIONARY",
      [LAM_BYTE_STREAM_SPLIT] = "BYTE_STREAM_SPLIT",
      [LAM_ALP] = "ALP",
  };
  return NAME_OF(names, encoding);
}

const char *lam_codec_name(enum lam_codec codec) {
  static const char *const names[] = {
      [LAM_UNCOMPRESSED] = "UNCOMPRESSED",
      [LAM_SNAPPY] = "SNAPPY",
      [LAM_GZIP] = "GZIP",
      [LAM_LZO] = "LZO",
      [LAM_BROTLI] = "BROTLI",
      [LAM_LZ4] = "LZ4",
      [LAM_ZSTD] = "ZSTD",
      [LAM_LZ4_RAW] = "LZ4_RAW",
  };
  return NAME_OF(names, codec);
}
