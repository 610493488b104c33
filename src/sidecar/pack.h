/* The pack of a table: what its directories and files were, their schemas, and bounds of every column in every file, in
 * one mapped file. docs/pack-format.md is the layout that these structs repeat.
 *
 * Little-endian; all parts are aligned to 8 bytes. A pack is a cache: one that is damaged or old is passed over, and
 * nothing that it says of a file is believed unless the file's identity is the one that it recorded. */
#ifndef LAM_SIDECAR_PACK_H
#define LAM_SIDECAR_PACK_H

#include "expr/expr.h"
#include "parquet/format.h"
#include "store/store.h"

#define PACK_MAGIC 0x324b4341504d414cu /* "LAMPACK2" */
#define PACK_NONE UINT32_MAX           /* no index */

struct pack_section {
  uint64_t offset; /* 0: a multiple of 8 */
  uint64_t size;   /* 8: bytes, without padding behind it */
  uint64_t hash;   /* 16: XXH64 of them */
};

/* In the order of the file. */
enum { PACK_DIRECTORIES, PACK_FILES, PACK_TEXT, PACK_SCHEMAS, PACK_LEAVES, PACK_COLUMNS, PACK_SECTIONS };

struct pack_header {
  uint64_t magic;                              /*   0 */
  uint64_t size;                               /*   8: of the whole pack */
  int64_t taken_ns;                            /*  16: by the file system's clock, before the table was listed */
  uint64_t sequence;                           /*  24: of the commit that it is of */
  uint32_t directories, files;                 /*  32, 36 */
  uint32_t schemas, columns;                   /*  40, 44 */
  struct pack_section sections[PACK_SECTIONS]; /*  48 */
  uint64_t whole_hash;                         /* 192: XXH64 of all behind the header */
  uint64_t hash;                               /* 200: XXH64 of the header up to here */
};
_Static_assert(sizeof(struct pack_header) == 208 && offsetof(struct pack_header, whole_hash) == 192, "a header");

/* Sorted by key, as bytes; the root first. */
struct pack_directory {
  uint32_t key;        /*  0: in the text */
  uint32_t parent;     /*  4: PACK_NONE for the root */
  uint32_t first_file; /*  8 */
  uint32_t files;      /* 12 */
  uint64_t inode;      /* 16 */
  int64_t mtime_ns;    /* 24 */
  int64_t ctime_ns;    /* 32 */
  uint32_t others;     /* 40: files that are no data files */
  uint32_t flags;      /* 44: PACK_HAS_LINKS */
};
_Static_assert(sizeof(struct pack_directory) == 48 && offsetof(struct pack_directory, flags) == 44, "a directory");
enum { PACK_HAS_LINKS = 1 }; /* entries are symbolic links, which change without it */

/* By directory, then name. */
struct pack_file {
  uint32_t key;        /*  0: in the text */
  uint32_t directory;  /*  4 */
  uint32_t schema;     /*  8: PACK_NONE: nothing is known of the file but that it is there */
  uint32_t row_groups; /* 12 */
  uint64_t inode;      /* 16 */
  uint64_t size;       /* 24 */
  int64_t mtime_ns;    /* 32 */
  uint64_t rows;       /* 40 */
  int64_t dead;        /* 48: bytes that nothing in the file accounts for; -1: not known */
};
_Static_assert(sizeof(struct pack_file) == 56 && offsetof(struct pack_file, dead) == 48, "a file");

/* SCHEMAS: these, then the thrift bytes. A schema is a FileMetaData without rows, row groups and creator. */
struct pack_schema {
  uint32_t offset, length; /*  0, 4: of its bytes, in the section */
  uint32_t first_leaf;     /*  8: in LEAVES, which has for each leaf of each schema its column (u32), or PACK_NONE */
  uint32_t leaves;         /* 12 */
};
_Static_assert(sizeof(struct pack_schema) == 16, "a schema");

/* A leaf that schemas have in common, and its bounds in each file: mins u64[files], maxes u64[files], nulls
 * i64[files], flags u8[files], bytes of longer bounds. */
struct pack_column {
  struct pack_section bounds; /*  0 */
  uint32_t form;              /* 24: PACK_VALUES … */
  uint32_t reserved;          /* 28 */
};
_Static_assert(sizeof(struct pack_column) == 32, "a column");
enum {
  PACK_VALUES, /* a bound is its slot: int64, uint64 or double */
  PACK_BYTES,  /* a bound is {offset << 16 | length} in the bytes: strings, binaries; decimals as 32 bytes */
};
/* Of a column in a file. */
enum {
  PACK_MIN = 1 << 0,
  PACK_MAX = 1 << 1,
  PACK_MIN_EXACT = 1 << 2,
  PACK_MAX_EXACT = 1 << 3,
  PACK_MAY_BE_NAN = 1 << 4,
  PACK_MIN_CUT = 1 << 5, /* the file has a longer one */
  PACK_MAX_CUT = 1 << 6,
  PACK_ONLY_NAN = 1 << 7, /* every value that is not NULL */
};
enum {
  PACK_LONGEST = 64,            /* bytes of a bound; longer ones are cut */
  PACK_SLOT_BYTES = 3 * 8 + 1,  /* of a column in a file, its bytes not counted */
  PACK_MOST_BOUNDS = 256 << 20, /* bytes of slots in a pack: columns that do not fit have no bounds */
};

/* ---- pack_read.c ---- */

struct lam_pack {
  struct lam_store *store; /* that the bytes are unmapped by; NULL: they are the caller's */
  struct lam_mem *mem;
  struct lam_bytes map;
  char *name; /* for messages */
  size_t name_room;
  struct pack_header head;
  const struct pack_directory *directories;
  const struct pack_file *files;
  const struct pack_schema *schemas;
  const uint32_t *leaves;
  const struct pack_column *columns;
  const char *text;           /* ends with NUL */
  _Atomic(uint8_t) *verified; /* of each column: its checksum has been compared */
};

/* Maps the pack at `key`; all but the columns' bounds is verified. LAM_NOT_FOUND, LAM_CORRUPT. The store outlives it.
 */
enum lam_status lam_pack_open(struct lam_store *store, const char *key, struct lam_mem *mem, struct lam_pack **out,
                              struct lam_error *error);
/* The same of bytes, aligned to 8, that outlive it. */
enum lam_status lam_pack_open_bytes(struct lam_bytes bytes, const char *name, struct lam_mem *mem,
                                    struct lam_pack **out, struct lam_error *error);
/* NULL is allowed. */
void lam_pack_close(struct lam_pack *pack);

/* In the text; indices are checked when a pack is opened. */
static inline const char *lam_pack_key(const struct lam_pack *pack, uint32_t key) {
  return pack->text + key;
}
/* Whether the directory is as it was when it was listed: it has the same inode and times, and those lie so far before
 * the listing that nothing can have come after it within the clock's grain. */
bool lam_pack_trusts(const struct lam_pack *pack, uint32_t directory, const struct lam_object_info *info);
/* PACK_NONE where there is none. */
uint32_t lam_pack_find_directory(const struct lam_pack *pack, const char *key);
uint32_t lam_pack_find_file(const struct lam_pack *pack, uint32_t directory, const char *name);

/* The metadata of a schema: a footer's, without row groups. Slices point into the mapping. */
enum lam_status lam_pack_schema(const struct lam_pack *pack, uint32_t schema, struct lam_arena *arena,
                                struct lam_file_meta *out, struct lam_error *error);

/* Bounds of a column, verified. */
struct lam_pack_bounds {
  const struct lam_pack *pack;
  const uint64_t *mins, *maxes;
  const int64_t *nulls;
  const uint8_t *flags;
  struct lam_bytes bytes;
  uint32_t form;
};
/* *there is false where the pack has none for the leaf. Any thread. */
enum lam_status lam_pack_bounds(const struct lam_pack *pack, uint32_t schema, int32_t leaf, bool *there,
                                struct lam_pack_bounds *out, struct lam_error *error);
/* What they say of a file, as facts about values of the leaf's type. Bytes are borrowed from the mapping. */
void lam_pack_facts(const struct lam_pack_bounds *bounds, uint32_t file, const struct lam_type *type,
                    struct lam_facts_column *out);
/* Whether the file's own bounds are longer. */
static inline bool lam_pack_cuts(const struct lam_pack_bounds *bounds, uint32_t file) {
  return bounds->flags[file] & (PACK_MIN_CUT | PACK_MAX_CUT);
}
/* Compares every checksum, and that all is in order. */
enum lam_status lam_pack_verify(const struct lam_pack *pack, struct lam_error *error);

/* ---- pack_build.c ---- */

struct lam_pack_builder;
enum lam_status lam_pack_builder_open(struct lam_mem *mem, uint32_t files, struct lam_pack_builder **out,
                                      struct lam_error *error);
void lam_pack_builder_close(struct lam_pack_builder *builder);
/* A schema, once for files that have the same. LAM_UNSUPPORTED: one that cannot be described. */
enum lam_status lam_pack_add_schema(struct lam_pack_builder *builder, const struct lam_file_meta *meta, uint32_t *out,
                                    struct lam_error *error);
/* In their order. Files of a directory follow it. `key` and `parent` of `directory` are set here. */
enum lam_status lam_pack_add_directory(struct lam_pack_builder *builder, const char *key,
                                       struct pack_directory directory, struct lam_error *error);
/* `facts` has one for each leaf of the schema, of its own Arrow type; NULL where the schema is PACK_NONE. */
enum lam_status lam_pack_add_file(struct lam_pack_builder *builder, const char *key, struct pack_file file,
                                  const struct lam_facts_column *facts, struct lam_error *error);
/* A file that `from` knows, as it is there. */
enum lam_status lam_pack_add_known(struct lam_pack_builder *builder, const struct lam_pack *from, uint32_t file,
                                   struct lam_error *error);
/* Appends the pack to an empty buffer. */
enum lam_status lam_pack_finish(struct lam_pack_builder *builder, int64_t taken_ns, uint64_t sequence,
                                struct lam_buf *out, struct lam_error *error);

#endif
