/* The bytes of a `_pm` file: docs/pm-format.md is the layout that these structs repeat.
 *
 * Little-endian throughout. What lies in a header, a column descriptor or a row group's block is aligned for its
 * struct; footers and sections are not, and are copied out. */
#ifndef LAM_SIDECAR_PM_H
#define LAM_SIDECAR_PM_H

#include <stddef.h>

#include "base/bytes.h"

struct pm_header {
  uint64_t file_size;     /*  0: committed bytes of the `_pm` */
  uint64_t features;      /*  8 */
  int32_t designated;     /* 16: descriptor index of the designated timestamp, or -1 */
  uint32_t sorting_count; /* 20 */
  uint32_t column_count;  /* 24 */
  uint32_t reserved;      /* 28 */
};
_Static_assert(sizeof(struct pm_header) == 32 && offsetof(struct pm_header, column_count) == 24, "the header");

struct pm_column {
  uint64_t name_offset;   /*  0 */
  int32_t id;             /*  8: field id, or -1 */
  int32_t type;           /* 12: QuestDB's type code, or -1 */
  int32_t flags;          /* 16 */
  int32_t type_length;    /* 20: of FIXED_LEN_BYTE_ARRAY, bytes */
  uint32_t name_length;   /* 24 */
  uint8_t physical;       /* 28: enum lam_physical */
  uint8_t max_repetition; /* 29 */
  uint8_t max_definition; /* 30 */
  uint8_t reserved;       /* 31 */
};
_Static_assert(sizeof(struct pm_column) == 32 && offsetof(struct pm_column, physical) == 28, "a column descriptor");

struct pm_chunk {
  uint8_t codec;           /*  0: enum lam_codec */
  uint8_t encodings;       /*  1: PM_PLAIN … */
  uint8_t stat_flags;      /*  2: PM_MIN … */
  uint8_t stat_sizes;      /*  3: low nibble min, high nibble max, bytes, inlined only */
  uint32_t reserved;       /*  4 */
  uint64_t values;         /*  8 */
  uint64_t offset;         /* 16: in the Parquet file */
  uint64_t size;           /* 24: compressed, bytes */
  uint64_t null_count;     /* 32 */
  uint64_t distinct_count; /* 40 */
  uint64_t min;            /* 48 */
  uint64_t max;            /* 56 */
};
_Static_assert(sizeof(struct pm_chunk) == 64 && offsetof(struct pm_chunk, max) == 56, "a chunk");

struct pm_footer {
  uint64_t parquet_offset; /*  0: of the Parquet file's footer */
  uint32_t parquet_length; /*  8 */
  uint32_t row_groups;     /* 12 */
  uint64_t dead_bytes;     /* 16: in the Parquet file */
  uint64_t previous;       /* 24: file_size of the snapshot before; 0 for the first */
  uint64_t features;       /* 32 */
};
_Static_assert(sizeof(struct pm_footer) == 40 && offsetof(struct pm_footer, features) == 32, "a footer");

enum {
  PM_TRAILER = 8,           /* CRC-32 and FOOTER_LENGTH */
  PM_SMALLEST = 36,         /* no committed size is below */
  PM_LONGEST_STAT = 0xffff, /* bytes of a statistic */
  PM_MOST_SCRATCH = 1 << 20 /* bytes of a scratchpad */
};

/* Feature bits of the header. */
#define PM_BLOOM ((uint64_t)1 << 0)
#define PM_BLOOM_EXTERNAL ((uint64_t)1 << 1)
#define PM_SORTED_BY_DESIGNATED ((uint64_t)1 << 2)
#define PM_SQUASH_TRACKER ((uint64_t)1 << 3)
#define PM_HEADER_KNOWN ((uint64_t)15)
/* Of the footer. */
#define PM_SEQ_TXN ((uint64_t)1 << 0)
#define PM_SCRATCHPAD ((uint64_t)1 << 1)
#define PM_COVERING_INDEX ((uint64_t)1 << 2)
#define PM_COVERING_INDEX_REQUIRED ((uint64_t)1 << 32)
#define PM_FOOTER_KNOWN ((uint64_t)7)
#define PM_REQUIRED ((uint64_t)0xffffffff << 32)
/* Ours: optional bits 24 to 31 of either word. */
#define PM_OURS ((uint64_t)0xff << 24)
#define PM_FOREIGN ((uint64_t)0x00ffffff) /* optional bits that are not ours */
#define PM_OUR_SCHEMA ((uint64_t)1 << 24) /* of the header */
#define PM_OUR_FILE ((uint64_t)1 << 24)   /* of the footer, as the next two */
#define PM_OUR_CHUNKS ((uint64_t)1 << 25)
#define PM_OUR_SEGMENTS ((uint64_t)1 << 26)

/* pm_column.flags */
enum { PM_LOCAL_KEY_IS_GLOBAL = 1 << 0, PM_IS_ASCII = 1 << 1, PM_REPETITION_SHIFT = 2, PM_DESCENDING = 1 << 4 };
/* pm_column.type */
enum {
  PM_TYPE_NONE = -1,
  PM_TYPE_BOOLEAN = 1,
  PM_TYPE_BYTE = 2,
  PM_TYPE_SHORT = 3,
  PM_TYPE_INT = 5,
  PM_TYPE_LONG = 6,
  PM_TYPE_DATE = 7,
  PM_TYPE_TIMESTAMP = 8,
  PM_TYPE_FLOAT = 9,
  PM_TYPE_DOUBLE = 10,
  PM_TYPE_STRING = 11,
  PM_TYPE_SYMBOL = 12,
  PM_TYPE_BINARY = 18,
  PM_TYPE_UUID = 19,
  PM_TYPE_VARCHAR = 26,
  PM_TYPE_NANOS = 1 << 18,
  PM_TYPE_DESIGNATED = 1 << 17 | 1 << 20, /* and descending */
};
/* pm_chunk.stat_flags */
enum {
  PM_MIN = 1 << 0,
  PM_MIN_INLINED = 1 << 1,
  PM_MIN_EXACT = 1 << 2,
  PM_MAX = 1 << 3,
  PM_MAX_INLINED = 1 << 4,
  PM_MAX_EXACT = 1 << 5,
  PM_DISTINCT_COUNT = 1 << 6,
  PM_NULL_COUNT = 1 << 7,
};

/* ---- our own sections: docs/pm-format.md, "Our own sections" ---- */

/* Each begins with its magic and length; in the footer each ends with length and magic. */
#define PM_MAGIC_SCHEMA 0x314d4843534d414cu   /* "LAMSCHM1" */
#define PM_MAGIC_FILE 0x31454c49464d414cu     /* "LAMFILE1" */
#define PM_MAGIC_CHUNKS 0x314b4e48434d414cu   /* "LAMCHNK1" */
#define PM_MAGIC_SEGMENTS 0x31534745534d414cu /* "LAMSEGS1" */
struct pm_frame {
  uint64_t magic;  /* 0 */
  uint64_t length; /* 8: of the whole section, both frames included */
};
struct pm_end_frame {
  uint64_t length; /* 0 */
  uint64_t magic;  /* 8 */
};

/* SCHEMA: this, nodes, leaves, text. */
struct pm_schema {
  struct pm_frame frame; /*  0 */
  uint32_t nodes;        /* 16 */
  uint32_t leaves;       /* 20 */
  uint32_t text;         /* 24: bytes */
  uint32_t reserved;     /* 28 */
};
_Static_assert(sizeof(struct pm_schema) == 32, "a schema section");

struct pm_text {
  uint32_t offset, length; /* in the section's text */
};
/* One element of the schema, depth first, the root at 0. */
struct pm_node {
  struct pm_text name;        /*  0 */
  struct pm_text raw;         /*  8: the thrift SchemaElement; empty where there is none */
  int32_t parent;             /* 16: -1 for the root */
  int32_t children;           /* 20 */
  int32_t leaf;               /* 24: first leaf at or below */
  int32_t leaves;             /* 28: how many */
  int32_t field_id;           /* 32: -1 where there is none */
  int32_t type_length;        /* 36 */
  int32_t precision;          /* 40: of the converted type DECIMAL */
  int32_t scale;              /* 44 */
  int32_t vector_length;      /* 48 */
  int32_t logical_precision;  /* 52 */
  int32_t logical_scale;      /* 56 */
  int16_t max_definition;     /* 60 */
  int16_t max_repetition;     /* 62 */
  int8_t physical;            /* 64: -1 for a group */
  int8_t repetition;          /* 65 */
  int8_t converted;           /* 66: -1 for none */
  int8_t logical_bit_width;   /* 67 */
  uint16_t logical_kind;      /* 68: field id in the union LogicalType; 0 for none */
  uint8_t logical_unit;       /* 70: enum lam_time_unit */
  uint8_t logical_flags;      /* 71: bit 0 utc, bit 1 signed */
  struct pm_text logical_raw; /* 72: the union's thrift bytes, of kinds that are passed on unread */
};
_Static_assert(sizeof(struct pm_node) == 80 && offsetof(struct pm_node, logical_raw) == 72, "a node");

struct pm_leaf {
  uint32_t node;       /*  0 */
  struct pm_text path; /*  4: names from the column down, joined by dots */
  uint32_t by_path;    /* 12: of all leaves sorted by the bytes of their paths, the one of this rank */
};
_Static_assert(sizeof(struct pm_leaf) == 16, "a leaf");

/* FILE: this, created_by, orders, key-values (u32 key length, u32 value length, key, value), end frame. */
struct pm_file {
  struct pm_frame frame;    /*  0 */
  uint64_t size;            /* 16: of the Parquet file, bytes */
  uint64_t inode;           /* 24 */
  int64_t mtime_ns;         /* 32 */
  uint64_t footer_hash;     /* 40: XXH64 of the Parquet footer's thrift bytes */
  uint64_t header_sections; /* 48: where they begin in the `_pm` */
  int64_t rows;             /* 56 */
  int32_t version;          /* 64: of the format, as the footer says */
  uint32_t key_values;      /* 68 */
  uint32_t created_by;      /* 72: bytes */
  uint32_t orders;          /* 76: the count of leaves, or 0 where the file has no column orders; a byte each */
};
_Static_assert(sizeof(struct pm_file) == 80 && offsetof(struct pm_file, orders) == 76, "a file section");
#define PM_NO_VALUE UINT32_MAX /* length of a value that is absent */

/* CHUNKS: this; for each row group its u64 total_byte_size and a record for each column; end frame. */
struct pm_chunks {
  struct pm_frame frame; /*  0 */
  uint32_t row_groups;   /* 16 */
  uint32_t columns;      /* 20 */
};
_Static_assert(sizeof(struct pm_chunks) == 24, "a chunks section");
struct pm_extra {
  uint64_t uncompressed_size;   /*  0: of all pages with their headers */
  uint64_t data_page_offset;    /*  8 */
  uint64_t offset_index_offset; /* 16 */
  uint64_t column_index_offset; /* 24 */
  uint32_t offset_index_length; /* 32: 0 where there is none */
  uint32_t column_index_length; /* 36 */
  uint32_t encodings;           /* 40: bit 1 << enum lam_encoding */
  uint32_t flags;               /* 44: PM_EXTRA_… */
  int64_t nan_count;            /* 48: -1 where absent */
};
_Static_assert(sizeof(struct pm_extra) == 56 && offsetof(struct pm_extra, nan_count) == 48, "a chunk's record");
enum {
  PM_EXTRA_ALL_DICTIONARY_KNOWN = 1 << 0,
  PM_EXTRA_ALL_DICTIONARY = 1 << 1,
  PM_EXTRA_DICTIONARY_OFFSET = 1 << 2, /* the footer gives one, if only 0 or nonsense */
  PM_EXTRA_OLD_MIN = 1 << 3,           /* the slot of the minimum holds the deprecated one (too, where PM_MIN is set) */
  PM_EXTRA_OLD_MAX = 1 << 4,
  PM_EXTRA_EMPTY_MIN = 1 << 5, /* the minimum is there and has no bytes */
  PM_EXTRA_EMPTY_MAX = 1 << 6,
};

/* SEGMENTS, the last: this, a u32 CRC-32 for each segment, u32 CRC-32 of the section so far, end frame. Covered are the
 * bytes of the `_pm` from 8 up to the section. */
struct pm_segments {
  struct pm_frame frame; /*  0 */
  uint32_t shift;        /* 16: a segment has 1 << shift bytes */
  uint32_t count;        /* 20 */
};
_Static_assert(sizeof(struct pm_segments) == 24, "a segments section");
enum { PM_SEGMENT_SHIFT = 12 };

/* Bytes of PM_COVERED are covered by checksums; the size in front of them is patched. */
enum { PM_COVERED = 8 };

#endif
