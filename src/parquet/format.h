/* The enums of parquet.thrift, with its values, and the metadata that a footer decodes to.
 *
 * Source: https://github.com/apache/parquet-format, src/main/thrift/parquet.thrift. Slices (names,
 * statistics) point into the footer's bytes, which the metadata keeps alive; nothing is copied. */
#ifndef LAM_PARQUET_FORMAT_H
#define LAM_PARQUET_FORMAT_H

#include "base/arena.h"
#include "base/bytes.h"

enum lam_physical { /* Type */
                    LAM_BOOLEAN = 0,
                    LAM_INT32 = 1,
                    LAM_INT64 = 2,
                    LAM_INT96 = 3,
                    LAM_FLOAT = 4,
                    LAM_DOUBLE = 5,
                    LAM_BYTE_ARRAY = 6,
                    LAM_FIXED_LEN_BYTE_ARRAY = 7,
};
enum lam_repetition { LAM_REQUIRED = 0, LAM_OPTIONAL = 1, LAM_REPEATED = 2, LAM_VECTOR = 3 };
enum lam_converted { /* ConvertedType; -1 where there is none */
                     LAM_CONVERTED_NONE = -1,
                     LAM_CONVERTED_UTF8 = 0,
                     LAM_CONVERTED_MAP = 1,
                     LAM_CONVERTED_MAP_KEY_VALUE = 2,
                     LAM_CONVERTED_LIST = 3,
                     LAM_CONVERTED_ENUM = 4,
                     LAM_CONVERTED_DECIMAL = 5,
                     LAM_CONVERTED_DATE = 6,
                     LAM_CONVERTED_TIME_MILLIS = 7,
                     LAM_CONVERTED_TIME_MICROS = 8,
                     LAM_CONVERTED_TIMESTAMP_MILLIS = 9,
                     LAM_CONVERTED_TIMESTAMP_MICROS = 10,
                     LAM_CONVERTED_UINT_8 = 11,
                     LAM_CONVERTED_UINT_16 = 12,
                     LAM_CONVERTED_UINT_32 = 13,
                     LAM_CONVERTED_UINT_64 = 14,
                     LAM_CONVERTED_INT_8 = 15,
                     LAM_CONVERTED_INT_16 = 16,
                     LAM_CONVERTED_INT_32 = 17,
                     LAM_CONVERTED_INT_64 = 18,
                     LAM_CONVERTED_JSON = 19,
                     LAM_CONVERTED_BSON = 20,
                     LAM_CONVERTED_INTERVAL = 21,
};
enum lam_logical_kind { /* the field ids of the union LogicalType; 0 where there is none */
                        LAM_LOGICAL_NONE = 0,
                        LAM_LOGICAL_STRING = 1,
                        LAM_LOGICAL_MAP = 2,
                        LAM_LOGICAL_LIST = 3,
                        LAM_LOGICAL_ENUM = 4,
                        LAM_LOGICAL_DECIMAL = 5,
                        LAM_LOGICAL_DATE = 6,
                        LAM_LOGICAL_TIME = 7,
                        LAM_LOGICAL_TIMESTAMP = 8,
                        LAM_LOGICAL_INTEGER = 10,
                        LAM_LOGICAL_UNKNOWN = 11,
                        LAM_LOGICAL_JSON = 12,
                        LAM_LOGICAL_BSON = 13,
                        LAM_LOGICAL_UUID = 14,
                        LAM_LOGICAL_FLOAT16 = 15,
                        LAM_LOGICAL_VARIANT = 16,
                        LAM_LOGICAL_GEOMETRY = 17,
                        LAM_LOGICAL_GEOGRAPHY = 18,
                        LAM_LOGICAL_VECTOR = 19,
};
enum lam_time_unit { LAM_MILLIS = 1, LAM_MICROS = 2, LAM_NANOS = 3 }; /* the field ids of TimeUnit */
enum lam_encoding {
  LAM_PLAIN = 0,
  LAM_PLAIN_DICTIONARY = 2,
  LAM_RLE = 3,
  LAM_BIT_PACKED = 4,
  LAM_DELTA_BINARY_PACKED = 5,
  LAM_DELTA_LENGTH_BYTE_ARRAY = 6,
  LAM_DELTA_BYTE_ARRAY = 7,
  LAM_RLE_DICTIONARY = 8,
  LAM_BYTE_STREAM_SPLIT = 9,
  LAM_ALP = 10,
};
enum lam_codec {
  LAM_UNCOMPRESSED = 0,
  LAM_SNAPPY = 1,
  LAM_GZIP = 2,
  LAM_LZO = 3,
  LAM_BROTLI = 4,
  LAM_LZ4 = 5,
  LAM_ZSTD = 6,
  LAM_LZ4_RAW = 7,
};
enum lam_page_kind { LAM_DATA_PAGE = 0, LAM_INDEX_PAGE = 1, LAM_DICTIONARY_PAGE = 2, LAM_DATA_PAGE_V2 = 3 };
/* The union ColumnOrder: by field id; 0 where the file has none for the column. */
enum lam_column_order {
  LAM_ORDER_UNDEFINED = 0,
  LAM_ORDER_TYPE_DEFINED = 1,
  LAM_ORDER_IEEE754_TOTAL = 2,
  LAM_ORDER_INT96_TIMESTAMP = 3,
};

/* Names for messages and `inspect`; a value outside the enum gives "encoding 17" and the like from a
 * static table or "unknown". */
const char *lam_physical_name(enum lam_physical physical);
/* Bytes of a decoded value; 0 for BYTE_ARRAY. */
int32_t lam_physical_width(int physical, int32_t type_length);
const char *lam_encoding_name(enum lam_encoding encoding);
const char *lam_codec_name(enum lam_codec codec);

struct lam_logical {
  enum lam_logical_kind kind; /* a kind we do not know is kept by its field id */
  bool utc;                   /* TIME, TIMESTAMP: isAdjustedToUTC */
  enum lam_time_unit unit;    /* TIME, TIMESTAMP */
  int32_t precision, scale;   /* DECIMAL */
  int8_t bit_width;           /* INTEGER */
  bool is_signed;             /* INTEGER */
  struct lam_bytes raw;       /* the union's thrift bytes, its stop included, of kinds that are passed on unread
                                 (VARIANT and up); empty for the others */
};

/* One element of the schema, depth first, the root at 0. */
struct lam_schema_node {
  struct lam_bytes name;
  int32_t parent;           /* index of the node, -1 for the root */
  int32_t children;         /* count; 0 for a leaf */
  int32_t leaf;             /* first leaf at or below this node */
  int32_t leaves;           /* how many */
  int32_t field_id;         /* -1 where there is none */
  int32_t type_length;      /* FIXED_LEN_BYTE_ARRAY, bytes */
  int32_t precision, scale; /* of the old converted type DECIMAL */
  int32_t vector_length;    /* repetition VECTOR */
  int8_t physical;          /* enum lam_physical; -1 for a group; 127 for one we cannot know */
  int8_t repetition;        /* enum lam_repetition; with an unknown one what is below it cannot be read */
  int8_t converted;         /* enum lam_converted; unknown ones are kept as they are */
  int8_t reserved;
  struct lam_logical logical;             /* kind NONE where the file has none */
  int16_t max_definition, max_repetition; /* of this node */
  struct lam_bytes raw;                   /* the SchemaElement as it was read; empty in schemas that we make */
};

struct lam_statistics {
  struct lam_bytes min, max;                     /* min_value and max_value; data NULL where absent */
  struct lam_bytes old_min, old_max;             /* the deprecated pair */
  int64_t null_count, distinct_count, nan_count; /* -1 where absent */
  bool min_exact, max_exact;                     /* absent reads as true */
};

/* What of a chunk's metadata is asked for seldom, or of few columns. */
struct lam_chunk_details {
  int64_t file_offset;
  struct lam_statistics statistics;
  struct lam_bytes key_values;     /* the thrift list as it is, for copying; empty where there is none */
  struct lam_bytes encoding_stats; /* the thrift list as it is */
  struct lam_bytes size_statistics, geospatial_statistics; /* the thrift structs as they are */
  struct lam_bytes path;      /* path_in_schema: the thrift list as it is; empty: written from the schema */
  struct lam_bytes file_path; /* not empty: the chunk is in another file, which is refused on read */
};

struct lam_chunk_meta;
/* Who knows what a chunk's metadata do not hold, where it is not a footer: a sidecar. */
struct lam_chunk_describer {
  /* Sets what is known; the rest is absent before. */
  void (*details)(const struct lam_chunk_describer *describer, const struct lam_chunk_meta *chunk,
                  struct lam_chunk_details *out);
  /* The bits of a bloom filter that is not read from the file; empty where they cannot be used. */
  struct lam_bytes (*bloom)(const struct lam_chunk_describer *describer, const struct lam_chunk_meta *chunk);
};

/* Small, since wide files have millions. What it does not hold lies in the footer, checked, and is decoded again when
 * it is asked for; who makes metadata puts it behind `details`. */
struct lam_chunk_meta {
  int8_t physical; /* enum lam_physical */
  int8_t codec;    /* enum lam_codec */
  bool has_dictionary_offset : 1, has_metadata : 1, encrypted : 1;
  bool elsewhere : 1; /* in another file: details have its path */
  bool bloom_length_known : 1;
  bool encoding_stats_known : 1; /* the next one is valid */
  bool all_pages_dictionary : 1; /* every data page is dictionary-coded, by encoding_stats */
  bool bloom_described : 1;      /* the describer has its bloom filter; bloom_offset is 0 */
  uint32_t encodings;            /* bit 1 << enum lam_encoding for each listed one below 32 */
  int32_t bloom_length;
  int32_t offset_index_length, column_index_length; /* 0 where there is none */
  int64_t values;                                   /* num_values: rows, nulls, and entries of lists */
  int64_t uncompressed_size, compressed_size;       /* of all pages with their headers */
  int64_t data_page_offset, dictionary_page_offset;
  int64_t bloom_offset; /* 0 where there is none */
  int64_t offset_index_offset, column_index_offset;
  struct lam_bytes raw; /* the ColumnChunk as it was read; empty in metadata that we make; with a describer, its own */
  struct lam_chunk_details *details;           /* go before `raw`; NULL in what was read */
  const struct lam_chunk_describer *describer; /* goes before `raw`; NULL in footers */
};
/* Where its pages begin. */
int64_t lam_chunk_start(const struct lam_chunk_meta *chunk);
/* The rest of a chunk's metadata; "absent" everywhere where there is neither `details` nor `raw`. */
void lam_chunk_details(const struct lam_chunk_meta *chunk, struct lam_chunk_details *out);
struct lam_statistics lam_chunk_statistics(const struct lam_chunk_meta *chunk);
/* The same as a copy in `arena`, set as the chunk's, to be changed. Slices stay where they are. */
enum lam_status lam_chunk_details_own(struct lam_chunk_meta *chunk, struct lam_arena *arena, struct lam_error *error);

struct lam_sorting_column {
  int32_t column; /* leaf index */
  bool descending, nulls_first;
};

struct lam_row_group_meta {
  struct lam_chunk_meta *chunks; /* one per leaf */
  int64_t rows;
  int64_t total_byte_size; /* uncompressed */
  int64_t compressed_size; /* -1 where absent */
  int64_t file_offset;     /* -1 where absent */
  struct lam_sorting_column *sorting;
  int32_t sorting_count;
  int32_t ordinal; /* -1 where absent */
};

struct lam_key_value {
  struct lam_bytes key, value; /* value.data NULL where absent */
};

struct lam_file_meta {
  int32_t version;
  int64_t rows;
  struct lam_schema_node *nodes;
  int32_t node_count;
  int32_t *leaves; /* node of each leaf */
  int32_t leaf_count;
  int32_t *tops; /* node of each child of the root */
  int32_t top_count;
  struct lam_row_group_meta *row_groups;
  int32_t row_group_count;
  struct lam_key_value *key_values;
  int32_t key_value_count;
  struct lam_bytes created_by;
  uint8_t *column_orders; /* enum lam_column_order per leaf; NULL where the file has none */
  bool encrypted_columns; /* encryption_algorithm is set: the footer is readable, some chunks are not */
  bool dead_known;        /* by a sidecar: see lam_file_dead_bytes */
  int64_t dead_bytes;
};
/* What its chunks take in the file. */
uint64_t lam_row_group_bytes(const struct lam_file_meta *meta, int32_t row_group);

struct lam_page_header {
  enum lam_page_kind kind;                    /* unknown kinds are kept: such pages are skipped */
  int32_t uncompressed_size, compressed_size; /* bytes, >= 0, without this header */
  bool has_crc;
  uint32_t crc;
  int32_t values; /* data: levels, so nulls count; dictionary: entries */
  enum lam_encoding encoding;
  enum lam_encoding definition_encoding, repetition_encoding; /* V1 */
  int32_t nulls, rows;                                        /* V2 */
  int32_t definition_size, repetition_size;                   /* V2, bytes */
  bool compressed;                                            /* V2; true where absent */
  bool sorted;                                                /* dictionary */
  struct lam_statistics statistics;                           /* data pages */
};

/* ---- metadata.c: reading and writing them ---- */

/* Parses a FileMetaData that fills `footer` (trailing bytes are allowed) into `arena`, in time linear in its size.
 * Every count and offset is checked against what the bytes can hold; offsets against `file_size`
 * where that is not 0. The schema is complete: parents, leaves, levels. A missing num_rows is refused
 * with LAM_CORRUPT ("Required field num_rows is missing"). `footer` outlives the result. */
enum lam_status lam_file_meta_parse(struct lam_bytes footer, uint64_t file_size, struct lam_arena *arena,
                                    struct lam_file_meta *out, struct lam_error *error);
/* Parses one SchemaElement that fills `bytes`; the tree's fields stay empty. */
enum lam_status lam_schema_node_parse(struct lam_bytes bytes, struct lam_schema_node *out, struct lam_error *error);
/* Appends its thrift form, as lam_file_meta_write does. */
enum lam_status lam_schema_node_write(const struct lam_schema_node *node, bool root, struct lam_buf *out,
                                      struct lam_error *error);
/* Fills parents, leaves, tops and levels from the nodes' order and counts of children. */
enum lam_status lam_schema_link(struct lam_file_meta *meta, struct lam_arena *arena, struct lam_error *error);
/* Appends the thrift form. A chunk whose `path` is empty gets it from the schema's tree; orders of columns are written
 * as they are. LAM_UNSUPPORTED where there are encrypted columns. */
enum lam_status lam_file_meta_write(const struct lam_file_meta *meta, struct lam_buf *out, struct lam_error *error);

/* Parses a page header at the beginning of `bytes`; *header_size gets its length. Where `bytes` ends
 * before the header does: LAM_OK with *header_size 0, and the caller comes back with more. */
enum lam_status lam_page_header_parse(struct lam_bytes bytes, struct lam_page_header *out, size_t *header_size,
                                      struct lam_error *error);
enum lam_status lam_page_header_write(const struct lam_page_header *header, struct lam_buf *out,
                                      struct lam_error *error);

/* An OffsetIndex whose page offsets are moved by `delta` bytes, appended to `out` (for raw copies);
 * fields that we do not know are kept. */
enum lam_status lam_offset_index_move(struct lam_bytes index, int64_t delta, struct lam_buf *out,
                                      struct lam_error *error);

#endif
